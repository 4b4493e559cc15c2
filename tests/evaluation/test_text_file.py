from __future__ import annotations

from pathlib import Path

import pytest

from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.text_file import read_text_file


@pytest.mark.parametrize(
    "content, lines",
    [
        (b"a\nb\n", ("a", "b")),
        (b"a\nb", ("a", "b")),  # the last end of line may be missing
        (b"a\n\n", ("a", "")),  # a blank line is a line
        (b"", ()),
        (b"\n", ("",)),
        (b"a\rb\nc\n", ("a\rb", "c")),  # a lone carriage return, as the released formulas have it
        ("a\u2028b\x0cc\x85d\x1ce\n".encode(), ("a\u2028b\x0cc\x85d\x1ce",)),  # what str.splitlines splits at
    ],
)
def test_lines_end_in_a_line_feed_alone(tmp_path: Path, content: bytes, lines: tuple[str, ...]) -> None:
    path = tmp_path / "formulas.txt"
    path.write_bytes(content)
    file = read_text_file(path)
    assert file.lines == lines
    assert file.remarks == ()


def test_crlf_is_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "formulas.txt"
    path.write_bytes(b"a\r\nb\nc\r\n")
    file = read_text_file(path)
    assert file.lines == ("a", "b", "c")
    (remark,) = file.remarks
    assert "2 of 3 lines end in CRLF" in remark


def test_a_byte_order_mark_is_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "formulas.txt"
    path.write_bytes("\ufeffa\n".encode())
    assert read_text_file(path).lines == ("a",)
    assert "byte order mark" in read_text_file(path).remarks[0]


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"a\nb \xe9\n")
    with pytest.raises(EvaluationInputError, match=r"line 2: byte 0xe9 isn't UTF-8.*iconv"):
        read_text_file(latin)
    with pytest.raises(EvaluationInputError, match="no such file"):
        read_text_file(tmp_path / "none.txt")
    with pytest.raises(EvaluationInputError, match="is a folder"):
        read_text_file(tmp_path)
