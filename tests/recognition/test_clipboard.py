"""The clipboard by programs that stand in for the system's: what they are told and what becomes of what they say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.recognition import clipboard

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows have their own ways")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of the PATH, on a machine without a display."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for display in ("WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(display, raising=False)
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    path.chmod(0o755)


def read_error() -> ImageError:
    with pytest.raises(ImageError) as caught:
        clipboard.read_picture()
    return caught.value


@pytest.mark.parametrize(
    "display, name, arguments",
    [
        ("WAYLAND_DISPLAY", "wl-paste", "--no-newline --type image/png"),
        ("DISPLAY", "xclip", "-selection clipboard -target image/png -out"),
    ],
)
def test_a_picture_comes_from_the_program_of_the_display(
    programs: Path, monkeypatch: pytest.MonkeyPatch, display: str, name: str, arguments: str
) -> None:
    Image.new("L", (20, 10), 255).save(programs / "copied.png")
    program(programs, name, f'[ "$*" = "{arguments}" ] && exec cat {programs}/copied.png')
    assert read_error().reason == "no_clipboard"  # the program alone is of no use
    monkeypatch.setenv(display, ":0")
    assert load_image(clipboard.read_picture()).shape == (10, 20)


def test_wayland_before_x11(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(programs, "wl-paste", "echo wayland")
    program(programs, "xclip", "echo x11")
    monkeypatch.setenv("DISPLAY", ":0")
    assert clipboard.read_picture() == b"x11\n"
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert clipboard.read_picture() == b"wayland\n"


@pytest.mark.parametrize(
    "script, reason, says",
    [
        ("echo 'target image/png not available' >&2; exit 1", "no_picture", "target image/png not available"),
        ("exit 0", "no_picture", "copy one first"),
        ("sleep 60", "no_clipboard", "timed out"),
    ],
)
def test_a_clipboard_without_a_picture(
    programs: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str, says: str
) -> None:
    program(programs, "xclip", script)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(clipboard, "_TIMEOUT_S", 0.3)
    assert read_error().reason == reason
    assert says in str(read_error())


@pytest.mark.parametrize(
    "name, display", [("wl-copy", "WAYLAND_DISPLAY"), ("xclip", "DISPLAY"), ("xsel", "DISPLAY")]
)
def test_text_goes_to_the_program_of_the_display(
    programs: Path, monkeypatch: pytest.MonkeyPatch, name: str, display: str
) -> None:
    program(programs, name, f"cat > {programs}/copied")
    monkeypatch.setenv(display, ":0")
    clipboard.write_text("\\frac{1}{2} α\nx")
    assert (programs / "copied").read_text(encoding="utf-8") == "\\frac{1}{2} α\nx"


def test_a_program_that_stays_to_serve_the_clipboard_is_not_waited_for(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As xclip does: it leaves a child behind that holds its output open."""
    program(programs, "xclip", f"cat > {programs}/copied; sleep 5 &")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(clipboard, "_TIMEOUT_S", 2.0)
    clipboard.write_text("x")
    assert (programs / "copied").read_text() == "x"


def test_no_program(programs: Path) -> None:
    with pytest.raises(clipboard.ClipboardError, match="install wl-clipboard"):
        clipboard.write_text("x")
    assert "install wl-clipboard" in str(read_error())


@pytest.mark.parametrize("script", ["exit 3", "sleep 60"])
def test_a_program_that_fails(programs: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program(programs, "xclip", script)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(clipboard, "_TIMEOUT_S", 0.3)
    with pytest.raises(clipboard.ClipboardError, match="xclip failed"):
        clipboard.write_text("x")


def test_linux_inside_of_windows(programs: Path) -> None:
    program(programs, "powershell.exe", f"cat > {programs}/copied")
    clipboard.write_text("x^2")
    assert (programs / "copied").read_text() == "x^2"


@pytest.mark.parametrize("platform, named", [("darwin", "pbcopy"), ("win32", "powershell.exe")])
def test_other_systems(programs: Path, monkeypatch: pytest.MonkeyPatch, platform: str, named: str) -> None:
    program(programs, named, f"cat > {programs}/copied")
    monkeypatch.setattr(sys, "platform", platform)
    clipboard.write_text("x")
    assert (programs / "copied").read_text() == "x"


@pytest.mark.parametrize(
    "grabbed, gives",
    [(Image.new("L", (2, 1)), "picture"), ([os.path.join("a", "b.png"), "c.png"], "path"), (None, "nothing")],
)
def test_pillow_grabs_where_it_can(
    programs: Path, monkeypatch: pytest.MonkeyPatch, grabbed: object, gives: str
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("PIL.ImageGrab.grabclipboard", lambda: grabbed)
    if gives == "nothing":
        assert read_error().reason == "no_picture"
    else:
        assert clipboard.read_picture() == (grabbed if gives == "picture" else os.path.join("a", "b.png"))
