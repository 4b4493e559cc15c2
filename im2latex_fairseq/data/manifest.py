"""The split file: one row an image-formula pair, tab-separated, for people to read and programs to trust.

Columns: id, height, width (pixels of the prepared image), tokens (their number), formula (tokens joined by
single spaces). Row i describes image i of the split's store. Rows end in a line feed and nothing else does:
a carriage return, form feed, NEL or U+2028 never starts a row, so labels can't shift.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from im2latex_fairseq.data.atomic_file import write_text_atomically

COLUMNS = ("id", "height", "width", "tokens", "formula")
_HEADER = "\t".join(COLUMNS)


class ManifestError(ValueError):
    """A manifest that can't be read or written; the message names the file, the line and what to do."""


@dataclass(frozen=True)
class ManifestEntry:
    """One pair of a split.

    Attributes:
        id: Unique in its manifest; no white space.
        height: Of the prepared image, in pixels.
        width: Of the prepared image, in pixels.
        tokens: Number of tokens of the formula.
        formula: The tokens, joined by single spaces.
    """

    id: str
    height: int
    width: int
    tokens: int
    formula: str


def make_entry(id: str, image_shape: tuple[int, ...], formula: str) -> ManifestEntry:
    """The entry of a prepared image of shape (H, W) and a formula of space-joined tokens."""
    return ManifestEntry(id, int(image_shape[0]), int(image_shape[1]), len(formula.split()), formula)


def read_manifest(path: str | os.PathLike[str]) -> list[ManifestEntry]:
    """Read and check a manifest.

    Raises:
        FileNotFoundError: There is no such file.
        ManifestError: It is empty, lacks the header, or a row is malformed; says which line and why.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no manifest; the commands in preprocess/ make one")
    lines = decode_lines(path.read_bytes(), path)
    if not lines:
        raise ManifestError(f"{path}: empty file; a manifest starts with the header {_HEADER!r}")
    if lines[0] != _HEADER:
        hint = "; it has CRLF line ends, save it with LF" if lines[0] == _HEADER + "\r" else ""
        raise ManifestError(f"{path}, line 1: header is {lines[0][:80]!r}, expected {_HEADER!r}{hint}")
    entries: list[ManifestEntry] = []
    line_of_id: dict[str, int] = {}
    for number, line in enumerate(lines[1:], start=2):
        try:
            entry = _parse_row(line)
        except ManifestError as error:
            raise ManifestError(f"{path}, line {number}: {error}") from None
        if entry.id in line_of_id:
            raise ManifestError(
                f"{path}, line {number}: id {entry.id!r} is already that of line {line_of_id[entry.id]}"
            )
        line_of_id[entry.id] = number
        entries.append(entry)
    return entries


def write_manifest(path: str | os.PathLike[str], entries: Iterable[ManifestEntry]) -> None:
    """Write a manifest atomically.

    Raises:
        ManifestError: An entry would not read back the same (white space in a field, an empty formula, a
            duplicate id, a wrong token count). Nothing is written then.
    """
    rows = [_HEADER]
    seen: set[str] = set()
    for position, entry in enumerate(entries):
        try:
            _check_entry(entry)
        except ManifestError as error:
            raise ManifestError(f"{path}: entry {position} ({entry.id!r}): {error}") from None
        if entry.id in seen:
            raise ManifestError(f"{path}: entry {position}: id {entry.id!r} occurs twice; make ids unique")
        seen.add(entry.id)
        rows.append(f"{entry.id}\t{entry.height}\t{entry.width}\t{entry.tokens}\t{entry.formula}")
    write_text_atomically(path, "\n".join(rows) + "\n")


def decode_lines(content: bytes, path: str | os.PathLike[str]) -> list[str]:
    r"""Lines of a UTF-8 file, split at "\n" alone; the last one may lack it.

    Raises:
        ManifestError: Not UTF-8; says on which line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"{path}, line {number}: not UTF-8 ({error.reason})") from error
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def check_formula(formula: str) -> None:
    """Refuse what isn't a non-empty sequence of tokens joined by single spaces.

    Raises:
        ManifestError: Empty, or white space other than single spaces between tokens.
    """
    tokens = formula.split()
    if not tokens:
        raise ManifestError("the formula is empty")
    if " ".join(tokens) != formula:
        odd = next((c for c in formula if c.isspace() and c != " "), None)
        what = f"the character {odd!r}" if odd else "leading, trailing or double spaces"
        raise ManifestError(f"the formula has {what}; it must be tokens joined by single spaces")


def _parse_row(line: str) -> ManifestEntry:
    fields = line.split("\t")
    if len(fields) != len(COLUMNS):
        raise ManifestError(
            f"{len(fields)} tab-separated columns, expected {len(COLUMNS)} ({', '.join(COLUMNS)})"
        )
    numbers: list[int] = []
    for name, field in zip(COLUMNS[1:4], fields[1:4], strict=True):
        if not (field.isascii() and field.isdigit()):
            raise ManifestError(f"{name} is {field!r}, expected a whole number")
        numbers.append(int(field))
    entry = ManifestEntry(fields[0], numbers[0], numbers[1], numbers[2], fields[4])
    _check_entry(entry)
    return entry


def _check_entry(entry: ManifestEntry) -> None:
    if not entry.id or any(c.isspace() for c in entry.id):
        raise ManifestError(f"id {entry.id!r} is empty or has white space in it")
    if entry.height < 1 or entry.width < 1:
        raise ManifestError(f"the image size {entry.height} x {entry.width} is not positive")
    check_formula(entry.formula)
    count = len(entry.formula.split())
    if entry.tokens != count:
        raise ManifestError(f"the tokens column says {entry.tokens}, the formula has {count}")
