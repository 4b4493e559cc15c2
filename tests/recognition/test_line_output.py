from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

import pytest

from im2latex_fairseq.recognition.line_output import LineOutput

needs_full_device = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")


def test_each_line_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "read.tsv"
    with LineOutput(path) as output:
        output.begin()
        output.write("a\tx")
        assert path.read_text() == "a\tx\n"
        output.write("b\tα")
        assert path.read_text(encoding="utf-8") == "a\tx\nb\tα\n"


def test_an_earlier_file_stays_until_there_is_something_to_put_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "read.tsv"
    path.write_text("of yesterday\n")
    with LineOutput(path):
        pass
    assert path.read_text() == "of yesterday\n"
    with LineOutput(path) as output:
        output.begin()
    assert path.read_text() == ""


def test_bytes_of_file_names_stay_as_they_are(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with LineOutput(tmp_path / "read.tsv") as output:
        output.write("caf\udce9.png\tx")
    assert (tmp_path / "read.tsv").read_bytes() == b"caf\xe9.png\tx\n"


def test_standard_output_in_every_shape(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    print("before")
    with LineOutput() as output:
        output.begin()
        output.write("caf\udce9\tα")
    assert capsysbinary.readouterr().out == b"before\ncaf\xe9\t\xce\xb1\n"
    caught = io.StringIO()
    monkeypatch.setattr("sys.stdout", caught)
    output.write("caf\udce9\tα")
    assert caught.getvalue() == "caf\ufffd\tα\n"


@pytest.mark.parametrize("wrong", ["", "no/such/folder/read.tsv"])
def test_what_cannot_be_written_is_said_before_anything_is_read(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(OSError, match="directory"):
        LineOutput(tmp_path / wrong)


@needs_full_device
def test_a_full_disk_is_named() -> None:
    with LineOutput(Path("/dev/full")) as output:
        output.begin()
        with pytest.raises(OSError, match="/dev/full") as caught:
            output.write("x")
    assert caught.value.errno == errno.ENOSPC


def test_a_line_that_fits_only_in_part_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "read.tsv"
    with LineOutput(path) as output:
        output.begin()
        output.write("whole")
        file = output._file

        class Filling:
            """Takes three bytes, then is full."""

            def write(self, content: bytes) -> int:
                if len(content) < 9:
                    raise OSError(errno.ENOSPC, "No space left on device")
                assert file is not None
                return file.write(content[:3])

            def __getattr__(self, name: str) -> object:
                return getattr(file, name)

        monkeypatch.setattr(output, "_file", Filling())
        with pytest.raises(OSError, match=r"read\.tsv"):
            output.write("too long")
    assert path.read_text() == "whole\n"


def test_it_knows_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"a picture")
    (tmp_path / "link.png").symlink_to(path)
    with LineOutput(path) as output:
        assert output.is_file(path) and output.is_file(tmp_path / "link.png")
        assert not output.is_file(tmp_path) and not output.is_file(tmp_path / "none.png")
        assert not output.is_file(Path("null\0byte"))
    assert path.read_bytes() == b"a picture"
    assert not LineOutput().is_file(path)


def test_a_pipe_is_written_like_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with LineOutput(path) as output:
            output.begin()
            output.write("x")
        assert os.read(reader, 9) == b"x\n"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)
