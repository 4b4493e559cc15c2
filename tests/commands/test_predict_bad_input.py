"""`im2latex predict` with every kind of wrong picture, model, output and timing: a message and an exit status each."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, cast

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from im2latex_fairseq.commands import predict as commands_predict
from im2latex_fairseq.commands.main import main
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.recognition import interruption, line_output
from im2latex_fairseq.recognition.checkpoint_conversion import convert_checkpoint
from im2latex_fairseq.recognition.model_file import save_model_file
from im2latex_fairseq.recognition.recognizer import Recognizer
from tests.commands.predictions import FakeRecognizer, formula_picture, grey_picture, start_predict
from tests.images.test_loader import READABLE, WRONG, bar, encode

SHORT = ("--max-len", "4", "--beam", "1", "--threads", "1")
NOT_READ = {
    # name -> content, reason, part of the message; besides the rows of WRONG
    "blank.png": (encode(Image.new("L", (60, 30), 255)), "blank", "no ink"),
    "one white pixel.png": (encode(Image.new("L", (1, 1), 255)), "blank", "no ink"),
    "transparent.png": (encode(Image.new("RGBA", (60, 30), (0, 0, 0, 0))), "blank", "no ink"),
    "black.png": (encode(Image.new("L", (60, 30), 0)), "blank", "no ink"),
    "page of text.png": (
        encode(Image.fromarray(np.tile(bar(), (200, 100)))),
        "too_large",
        "crop to one formula",
    ),
}


def predict(*arguments: object) -> int:
    return main(["predict", *map(str, arguments)])


@pytest.fixture(scope="module")
def model(gated_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of a network that has learnt next to nothing."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model_file(path, convert_checkpoint(gated_checkpoint))
    return path


@pytest.fixture
def wrong_pictures(tmp_path: Path) -> dict[Path, tuple[str, str]]:
    """Files that can't be read -> reason and part of the message."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    found = {}
    for number, (content, reason, says, _) in enumerate(WRONG):
        path = folder / f"wrong {number}.png"
        path.write_bytes(content)
        found[path] = (reason, says)
    for name, (content, reason, says) in NOT_READ.items():
        (folder / name).write_bytes(content)
        found[folder / name] = (reason, says)
    return found


# -- pictures ------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_each_wrong_picture_costs_only_itself(
    model: Path, wrong_pictures: dict[Path, tuple[str, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = next(iter(wrong_pictures)).parent
    good = [formula_picture(folder / name) for name in ("a first.png", "zz last.png")]
    assert predict(folder, "--json", "--scale", 1, "--model", model, *SHORT) == 1
    out, err = capfd.readouterr()
    lines = {Path(line["path"]): line for line in map(json.loads, out.splitlines())}
    assert list(lines) == sorted([*good, *wrong_pictures]), "a line each, in order"
    for path in good:
        assert lines[path]["error"] is None
        assert lines[path]["tokens"]
    for path, (reason, says) in wrong_pictures.items():
        assert lines[path]["reason"] == reason
        assert says in lines[path]["error"]
        assert lines[path]["latex"] is None
        assert f"im2latex predict: {path}: " in err
    assert f"{len(wrong_pictures)} of {len(lines)} pictures could not be read (" in err
    assert "Traceback" not in err


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_python_says_the_same(model: Path, wrong_pictures: dict[Path, tuple[str, str]]) -> None:
    recognizer = Recognizer.load(model)
    paths = list(wrong_pictures)
    results = recognizer.predict(paths, on_error="return", scale=1.0, beam=1, max_len=4)
    for path, result in zip(paths, results, strict=True):
        reason, says = wrong_pictures[path]
        assert isinstance(result, ImageError)
        assert result.reason == reason
        assert says in str(result) and str(path) in str(result)
        with pytest.raises(ImageError):
            recognizer.predict(path, scale=1.0)


def test_every_kind_of_sound_picture_is_read_alike(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Colour, palette, CMYK, 16 bits, alpha, animation, EXIF: the same bar, so the same LaTeX."""
    for number, (content, _) in enumerate(READABLE):
        (tmp_path / f"{number:02}.png").write_bytes(content)
    assert predict(tmp_path, "--no-path", "-q", "--scale", 1, "--model", model, *SHORT) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == len(READABLE)
    assert len(set(lines)) == 1


@pytest.mark.parametrize(
    "name, says",
    [
        ("missing.png", "no such file"),
        ("folder", "no pictures in this folder"),
        ("notes.md", "not a picture in a known format"),
        ("*.tiff", "no file matches this pattern"),
        ("pipe", "not a regular file"),
        ("locked.png", "Permission denied"),
        ("null\0byte.png", "null"),
        ("paper.pdf", "damaged"),
        ("x" * 300 + ".png", "too long"),
    ],
)
def test_names_without_a_picture(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.md").write_text("# notes")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.5 cut off")
    formula_picture(tmp_path / "locked.png").chmod(0)
    if name == "locked.png" and os.access(name, os.R_OK):  # root reads everything
        monkeypatch.setattr("im2latex_fairseq.images.loader.open", refuse_locked, raising=False)
    formula_picture(tmp_path / "good.png")
    assert predict(name, "good.png", "--model", model, *SHORT) == 1
    out, err = capfd.readouterr()
    assert out.startswith("good.png\t") and out.count("\n") == 1
    assert says in err


def refuse_locked(path: Path, mode: str) -> BinaryIO:
    if path.name == "locked.png":
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return cast(BinaryIO, open(path, mode))


def test_one_unreadable_picture_among_a_thousand(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good, bad = formula_picture(tmp_path / "good.png", "x"), tmp_path / "bad.png"
    bad.write_bytes(good.read_bytes()[:60])
    paths = [good] * 1000
    paths[617] = bad
    (tmp_path / "list").write_text("".join(f"{path}\n" for path in paths))
    out = tmp_path / "read.tsv"
    assert predict("--from-list", tmp_path / "list", "--output", out, "-q", "--model", model, *SHORT) == 1
    lines = out.read_text().splitlines()
    assert len(lines) == 999
    assert len(set(lines)) == 1
    err = capfd.readouterr().err
    assert f"{bad}: cut off or damaged" in err
    assert "1 of 1,000 pictures could not be read (1 truncated)" in err


# -- models --------------------------------------------------------------------------------------------


def spoilt_model(kind: str, model: Path, folder: Path) -> Path:
    path = folder / "model.safetensors"
    shutil.copy(model, path)
    shutil.copy(model.with_suffix(".json"), path.with_suffix(".json"))
    if kind == "damaged":
        content = bytearray(path.read_bytes())
        content[-100] ^= 1
        path.write_bytes(content)
    elif kind == "cut off":
        path.write_bytes(path.read_bytes()[:-1])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "foreign":
        path = folder / "model.pt"
        path.write_text("from another program")
    elif kind == "missing":
        path.unlink()
    elif kind == "folder":
        path = folder
    return path


@pytest.mark.parametrize(
    "kind, says",
    [
        ("damaged", "SHA-256"),
        ("cut off", "SHA-256"),
        ("empty", "SHA-256"),
        ("foreign", "model.pt"),
        ("missing", "no such"),
        ("folder", ""),
    ],
)
def test_a_wrong_model_is_refused_before_anything_is_read_or_written(
    model: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    says: str,
) -> None:
    path = spoilt_model(kind, model, tmp_path)
    picture, out = formula_picture(tmp_path / "a.png"), tmp_path / "read.tsv"
    out.write_text("of yesterday\n")
    if says == "SHA-256":
        monkeypatch.setattr("safetensors.torch.load", never)
        monkeypatch.setattr("safetensors.torch.load_file", never)
    assert predict(picture, "--model", path, "--output", out) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("im2latex predict: error: ") and said.err.count("\n") == 1
    assert str(path) in said.err and says in said.err
    assert out.read_text() == "of yesterday\n"


def never(*_: object, **__: object) -> None:
    raise AssertionError("parsed though its checksum is wrong")


# -- output and interruption ---------------------------------------------------------------------------


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[FakeRecognizer]:
    recognizer = type("Fake", (FakeRecognizer,), {})
    monkeypatch.setattr("im2latex_fairseq.recognition.recognizer.Recognizer", recognizer)
    monkeypatch.chdir(tmp_path)
    for width in range(1, 8):
        grey_picture(tmp_path / f"{width}.png", width)
    return recognizer


def test_what_was_read_out_of_turn_is_written_at_an_interruption(
    fake: type[FakeRecognizer], capfd: pytest.CaptureFixture[str]
) -> None:
    fake.stop = (3, KeyboardInterrupt())  # after 0, 1, 2 and, out of turn, 5 and 4
    assert predict(".", "--output", "read.tsv") == 130
    numbers = re.findall(r"(\d)\.png", Path("read.tsv").read_text())
    assert numbers == ["1", "2", "3", "5", "6"]
    assert "interrupted; 5 of 7 pictures were read and written" in capfd.readouterr().err


def test_wherever_ctrl_c_comes_lines_and_count_agree(
    fake: type[FakeRecognizer], capfd: pytest.CaptureFixture[str]
) -> None:
    """At each line of Python that takes a result to the file, of several that come at once."""
    interrupted = set()
    for line in itertools.count():
        with interruption_at(line):
            status = predict(".", "--output", "read.tsv", "-q")
        numbers = re.findall(r"(\d)\.png\tx_\{\1\}\n", text := Path("read.tsv").read_text())
        assert len(set(numbers)) == len(numbers) == text.count("\n"), "each once, each line whole"
        if status == 0:
            break
        assert status == 130
        err = capfd.readouterr().err
        assert f"interrupted; {len(numbers)} of 7 pictures were read and written" in err
        interrupted.add(len(numbers))
    assert numbers == list("1234567")
    assert interrupted >= {0, 3, 6, 7}


@contextlib.contextmanager
def interruption_at(line: int) -> Iterator[None]:
    """SIGINT before that line, counted from 0, of those that run within `_Results.read_all`."""
    files = (commands_predict.__file__, interruption.__file__, line_output.__file__)
    lines = itertools.count()
    reading = False

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal reading
        if frame.f_code.co_filename not in files:
            return None
        if frame.f_code.co_name == "read_all":
            reading = event != "return"
        if reading and event == "line" and next(lines) == line:
            signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    # Started in the background of a shell, the tests have it ignored.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        signal.signal(signal.SIGINT, usual)


def test_memory_that_runs_out_loses_nothing_that_was_read(
    fake: type[FakeRecognizer], capfd: pytest.CaptureFixture[str]
) -> None:
    fake.stop = (3, RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    assert predict(".", "--output", "read.tsv") == 2
    assert len(Path("read.tsv").read_text().splitlines()) == 5
    err = capfd.readouterr().err
    assert "can't allocate memory; 5 of 7 pictures" in err
    assert "--batch-size" in err


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_in_the_middle_of_a_thousand(model: Path, tmp_path: Path, processes: int) -> None:
    picture, out = formula_picture(tmp_path / "a.png"), tmp_path / "read.tsv"
    (tmp_path / "list").write_text(f"{picture}\n" * 100_000)
    options = ("--from-list", tmp_path / "list", "--output", out, "--batch-size", 2, "--model", model, *SHORT)
    process = start_predict(*options, "--processes", processes, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not (out.exists() and out.read_bytes().count(b"\n") > 20):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    lines = out.read_text().split("\n")
    assert lines.pop() == "", "the last line is whole"
    assert 20 < len(lines) < 100_000
    assert all(line == lines[0] for line in lines)
    said = err.decode()
    assert f"interrupted; {len(lines):,} of 100,000 pictures were read and written" in said
    assert "Traceback" not in said


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("way", ["--output", "standard output"])
def test_a_full_disk(fake: type[FakeRecognizer], tmp_path: Path, model: Path, way: str) -> None:
    picture = formula_picture(tmp_path / "a.png")
    if way == "--output":
        process = start_predict(picture, "--output", "/dev/full", "--model", model, *SHORT)
    else:
        with open("/dev/full", "wb") as full:
            process = start_predict(picture, "--model", model, *SHORT, stdout=full)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert not out
    (line,) = [line for line in err.decode().splitlines() if "confidence" not in line]
    assert line.startswith("im2latex predict: error: ")
    assert "No space left on device" in line


def test_a_closed_pipe_ends_quietly(tmp_path: Path, model: Path) -> None:
    """As in `im2latex predict ... | head -n 1`."""
    picture = formula_picture(tmp_path / "a.png")
    read, write = os.pipe()
    os.close(read)
    process = start_predict(picture, picture, "-q", "--model", model, *SHORT, stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")


def test_file_names_that_are_no_utf8(tmp_path: Path, model: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.png"
    shutil.copy(formula_picture(tmp_path / "a.png"), path)
    process = start_predict(tmp_path, "-q", "--model", model, *SHORT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.splitlines()[1].startswith(path + b"\t")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_standard_input_by_a_pipe(tmp_path: Path, model: Path) -> None:
    picture = formula_picture(tmp_path / "a.png")
    process = start_predict("-", "--json", "--model", model, *SHORT, stdin=subprocess.PIPE)
    out, _ = process.communicate(picture.read_bytes(), timeout=120)
    assert process.returncode == 0
    assert json.loads(out)["path"] == "-"
    process = start_predict("-", "--model", model, *SHORT, stdin=subprocess.DEVNULL)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, b"")
    assert b"the file is empty" in err


# -- pictures that are none of a formula ---------------------------------------------------------------


def photograph_of_a_cat() -> Image.Image:
    """Ears, eyes and whiskers on a lawn, with the noise of a camera."""
    picture = Image.new("RGB", (320, 240), (180, 200, 170))
    draw = ImageDraw.Draw(picture)
    fur = (120, 80, 50)
    draw.ellipse((100, 80, 220, 200), fill=fur)
    for left, tip, right in (((110, 110), (105, 50), (150, 90)), ((210, 110), (215, 50), (170, 90))):
        draw.polygon((left, tip, right), fill=fur)
    for x in (130, 175):
        draw.ellipse((x, 120, x + 15, 135), fill=(240, 240, 90))
        draw.ellipse((x + 5, 123, x + 10, 133), fill=0)
    for drop in (0, 8, 16):
        draw.line((120, 150 + drop, 80, 145 + 2 * drop), fill=20)
        draw.line((200, 150 + drop, 240, 145 + 2 * drop), fill=20)
    noise = np.random.default_rng(1).normal(0, 12, (240, 320, 1))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def picture_without_a_formula(kind: str) -> Image.Image:
    rng = np.random.default_rng(1)
    if kind == "cat":
        return photograph_of_a_cat()
    noise = Image.fromarray(rng.integers(0, 256, (120, 200), dtype=np.uint8))
    return noise if kind == "noise" else noise.resize((400, 240)).filter(ImageFilter.GaussianBlur(4))


@pytest.mark.parametrize("kind", ["cat", "noise", "clouds"])
def test_what_shows_no_formula_is_not_read_with_certainty(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """By the model that the package brings."""
    picture_without_a_formula(kind).save(tmp_path / f"{kind}.jpg")
    assert predict(tmp_path / f"{kind}.jpg", "--json", "--max-len", 60) == 0
    out, err = capfd.readouterr()
    reading = json.loads(out)
    assert reading["confidence"] < 0.05
    assert reading["low_confidence"] is True
    assert re.search(rf"{kind}\.jpg: confidence [0-4]%; compare it with the picture", err)
