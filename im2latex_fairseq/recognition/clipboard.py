"""Pictures from the clipboard and text to it, by the programs that the system has for that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from im2latex_fairseq.images.errors import ImageError

if TYPE_CHECKING:
    from im2latex_fairseq.images.loader import ImageSource

_TIMEOUT_S = 10.0

# The first whose program and display are there is asked. Programs of Wayland come first: under it an X server often
# runs as well, with a clipboard of its own.
_WAYLAND, _X11 = "WAYLAND_DISPLAY", "DISPLAY"
_READERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (_WAYLAND, ("wl-paste", "--no-newline", "--type", "image/png")),
    (_X11, ("xclip", "-selection", "clipboard", "-target", "image/png", "-out")),
)
_WRITERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (_WAYLAND, ("wl-copy",)),
    (_X11, ("xclip", "-selection", "clipboard", "-in")),
    (_X11, ("xsel", "--clipboard", "--input")),
)
_MAC_WRITER = ("pbcopy",)
# Windows, and Linux inside of it; reads UTF-8, where clip.exe would take it for the machine's code page.
_WINDOWS_WRITER = (
    *("powershell.exe", "-NoProfile", "-NonInteractive", "-Command"),
    "[Console]::InputEncoding = [Text.Encoding]::UTF8; Set-Clipboard -Value ([Console]::In.ReadToEnd())",
)
_INSTALL = "install wl-clipboard (Wayland) or xclip (X11)"


class ClipboardError(RuntimeError):
    """The clipboard can't be written; says why and what to do."""


def read_picture() -> ImageSource:
    """The picture that the clipboard holds, or the first of the files that were copied.

    Raises:
        ImageError: With `reason` "no_clipboard" (no program, or it failed) or "no_picture".
    """
    if sys.platform in ("win32", "darwin"):
        return _grab()
    command = _first_usable(_READERS)
    if command is None:
        raise ImageError(f"clipboard: no program to read it; {_INSTALL}", reason="no_clipboard")
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageError(f"clipboard: {command[0]} failed ({error})", reason="no_clipboard") from error
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise ImageError(
            f"clipboard: no picture in it{f' ({command[0]}: {said})' if said else ''}; copy one first",
            reason="no_picture",
        )
    return done.stdout


def write_text(text: str) -> None:
    """Put text on the clipboard.

    Raises:
        ClipboardError: There is no program for it, or it failed.
    """
    command = _writer()
    try:
        # No pipes for its output: xclip lives on as a server of the clipboard, and would keep them open.
        subprocess.run(
            command,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ClipboardError(f"nothing was copied to the clipboard: {command[0]} failed ({error})") from error


def _writer() -> Sequence[str]:
    if sys.platform == "darwin":
        return _MAC_WRITER
    if sys.platform == "win32":
        return _WINDOWS_WRITER
    command = _first_usable(_WRITERS)
    if command is None and shutil.which(_WINDOWS_WRITER[0]):  # Linux inside of Windows, without a display
        return _WINDOWS_WRITER
    if command is None:
        raise ClipboardError(f"nothing was copied: no program for the clipboard; {_INSTALL}")
    return command


def _first_usable(programs: Sequence[tuple[str, tuple[str, ...]]]) -> Sequence[str] | None:
    for display, command in programs:
        if os.environ.get(display) and shutil.which(command[0]):
            return command
    return None


def _grab() -> ImageSource:
    """By Pillow, which knows the clipboards of Windows and macOS."""
    from PIL import Image, ImageGrab

    try:
        found = ImageGrab.grabclipboard()
    except (OSError, NotImplementedError, subprocess.SubprocessError) as error:
        raise ImageError(f"clipboard: can't be read ({error})", reason="no_clipboard") from error
    if isinstance(found, list) and found:
        return str(found[0])
    if not isinstance(found, Image.Image):
        raise ImageError("clipboard: no picture in it; copy one first", reason="no_picture")
    return found
