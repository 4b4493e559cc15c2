r"""Lines of a text file, split at the line feed alone.

Formulas hold characters that `str.splitlines` and universal newlines split at (a lone carriage return, a form feed,
U+2028, NEL); the released formulas of IM2LATEX-100K do. A line too many shifts every label after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from im2latex_fairseq.evaluation.errors import EvaluationInputError

_BOM = "\ufeff"


@dataclass(frozen=True)
class TextFile:
    """What a text file holds.

    Attributes:
        path: Of the file.
        lines: Without their line ends; an end of line at the end of the file begins no further one.
        remarks: What was mended, for people: CRLF line ends, a byte order mark.
    """

    path: Path
    lines: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def read_text_file(path: str | Path) -> TextFile:
    """Read a UTF-8 file.

    CRLF line ends and a byte order mark are accepted, and said in the remarks.

    Raises:
        EvaluationInputError: It isn't there, is a folder, or isn't UTF-8; says at which line.
    """
    path = Path(path)
    if not path.exists():
        raise EvaluationInputError(f"{path}: no such file")
    if path.is_dir():
        raise EvaluationInputError(f"{path}: is a folder; give a file")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise EvaluationInputError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} isn't UTF-8; convert the file, for example "
            f"by iconv -f ISO-8859-1 -t UTF-8"
        ) from error
    remarks = []
    if text.startswith(_BOM):
        text = text[1:]
        remarks.append(f"{path}: begins with a byte order mark, which was left out")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    returns = sum(line.endswith("\r") for line in lines)
    if returns:
        lines = [line.removesuffix("\r") for line in lines]
        remarks.append(f"{path}: {returns:,} of {len(lines):,} lines end in CRLF, read as LF")
    return TextFile(path, tuple(lines), tuple(remarks))
