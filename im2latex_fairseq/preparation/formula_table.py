"""Formulas on their way to pictures: plain lists, tables of normalised formulas, lists of refused ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from im2latex_fairseq.data.atomic_file import write_text_atomically
from im2latex_fairseq.data.manifest import ManifestError, check_formula, decode_lines

COLUMNS = ("id", "source", "formula")
REJECT_COLUMNS = ("id", "source", "reason", "position", "detail", "text")


class FormulaTableError(ValueError):
    """A formula file that can't be read or written; the message names the file, the line and what to do."""


@dataclass(frozen=True)
class FormulaRow:
    """A normalised formula.

    Attributes:
        id: Unique in its table; no white space.
        source: Where it came from, e.g. "hepth.txt:17".
        formula: Tokens joined by single spaces.
    """

    id: str
    source: str
    formula: str


@dataclass(frozen=True)
class Reject:
    """A formula or pair that was dropped.

    Attributes:
        id: As it would have had.
        reason: Slug that is counted, e.g. "unbalanced_braces".
        detail: What exactly was wrong.
        text: The formula as it was read.
        source: Where it came from.
        position: Offset in `text`, or -1 if no position is to blame.
    """

    id: str
    reason: str
    detail: str = ""
    text: str = ""
    source: str = ""
    position: int = -1


def read_formula_lines(path: str | os.PathLike[str], encoding: str = "utf-8") -> list[str]:
    r"""Formulas of a plain list, one a line.

    Only "\n" ends a line: carriage returns (unless right before it), form feeds, NEL and U+2028 belong to the
    formulas. The official `im2latex_formulas.lst` is ISO-8859-1 and has some of them.

    Raises:
        FileNotFoundError: There is no such file.
        FormulaTableError: It is not in this encoding; says on which line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such formula file")
    return decode_formula_lines(path.read_bytes(), path, encoding)


def decode_formula_lines(content: bytes, path: str | os.PathLike[str], encoding: str = "utf-8") -> list[str]:
    """What `read_formula_lines` does, for bytes that were read already; `path` is for messages."""
    try:
        text = content.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise FormulaTableError(
            f"{path}, line {number}: not {encoding} ({error.reason} at byte {error.start}); "
            "name the file's encoding (--encoding latin-1 for the official formula list)"
        ) from error
    except LookupError as error:
        raise FormulaTableError(f"{path}: no encoding is called {encoding!r}") from error
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line[:-1] if line.endswith("\r") else line for line in lines]


def read_formula_table(path: str | os.PathLike[str]) -> list[FormulaRow]:
    """Read and check a table of normalised formulas.

    Raises:
        FileNotFoundError: There is no such file.
        FormulaTableError: Header, columns, ids or formulas are wrong; says on which line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no formula table; run preprocess/normalize_formulas.py first")
    try:
        lines = decode_lines(path.read_bytes(), path)
    except ManifestError as error:
        raise FormulaTableError(str(error)) from error
    header = "\t".join(COLUMNS)
    if not lines or lines[0] != header:
        seen = lines[0][:80] if lines else "an empty file"
        raise FormulaTableError(f"{path}, line 1: {seen!r}, expected the header {header!r}")
    rows: list[FormulaRow] = []
    line_of_id: dict[str, int] = {}
    for number, line in enumerate(lines[1:], start=2):
        fields = line.split("\t")
        if len(fields) != len(COLUMNS):
            raise FormulaTableError(f"{path}, line {number}: {len(fields)} columns, expected {len(COLUMNS)}")
        row = FormulaRow(*fields)
        _check_row(row, f"{path}, line {number}")
        if row.id in line_of_id:
            raise FormulaTableError(
                f"{path}, line {number}: id {row.id!r} is already that of line {line_of_id[row.id]}"
            )
        line_of_id[row.id] = number
        rows.append(row)
    return rows


def write_formula_table(path: str | os.PathLike[str], rows: Iterable[FormulaRow]) -> None:
    """Write a table atomically; refuses what would not read back the same."""
    lines = ["\t".join(COLUMNS)]
    for position, row in enumerate(rows):
        _check_row(row, f"{path}: row {position}")
        lines.append(f"{row.id}\t{row.source}\t{row.formula}")
    write_text_atomically(path, "\n".join(lines) + "\n")


def write_rejects(path: str | os.PathLike[str], rejects: Sequence[Reject]) -> None:
    """Write what was dropped and why as a TSV; control characters appear as escapes."""
    lines = ["\t".join(REJECT_COLUMNS)]
    for reject in rejects:
        position = "" if reject.position < 0 else str(reject.position)
        fields = (reject.id, reject.source, reject.reason, position, reject.detail, reject.text)
        lines.append("\t".join(_escape(field) for field in fields))
    write_text_atomically(path, "\n".join(lines) + "\n")


def read_rejects(path: str | os.PathLike[str]) -> list[Reject]:
    """Read what `write_rejects` wrote (control characters stay escaped)."""
    lines = decode_lines(Path(path).read_bytes(), path)
    rejects: list[Reject] = []
    for line in lines[1:]:
        id, source, reason, position, detail, text = line.split("\t")
        rejects.append(Reject(id, reason, detail, text, source, int(position) if position else -1))
    return rejects


def _check_row(row: FormulaRow, where: str) -> None:
    if not row.id or any(c.isspace() for c in row.id):
        raise FormulaTableError(f"{where}: id {row.id!r} is empty or has white space in it")
    if "\t" in row.source or "\n" in row.source:
        raise FormulaTableError(f"{where}: source {row.source!r} has a tab or line feed in it")
    try:
        check_formula(row.formula)
    except ManifestError as error:
        raise FormulaTableError(f"{where}: {error}") from error


def _escape(text: str) -> str:
    # Backslashes stay as they are: nearly every formula has some, and people read this file.
    return "".join(
        c if c == " " or (c.isprintable() and not c.isspace()) else c.encode("unicode_escape").decode("ascii")
        for c in text
    )
