"""The layouts in which others keep pictures of formulas with their LaTeX, read into one list of pairs."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from im2latex_fairseq.preparation.formula_table import decode_formula_lines, read_formula_lines
from im2latex_fairseq.preparation.image_files import ImageFiles

# Deng et al.'s release writes image names without the suffix that the files have.
_SUFFIX = ".png"


class LayoutError(ValueError):
    """A list of pictures or formulas that can't be read; names the file, the line and what to do."""


@dataclass(frozen=True)
class PairSource:
    """One pair as a layout lists it.

    Attributes:
        image: Name of the picture's file.
        text: LaTeX or normalised tokens; None if the layout points to a formula that isn't there.
        source: Where it is listed, e.g. "im2latex_train.lst:17".
    """

    image: str
    text: str | None
    source: str


def read_release_layout(files: ImageFiles, split: str) -> list[PairSource]:
    r"""The IM2LATEX-100K release (Zenodo 56198): full pages.

    `im2latex_formulas.lst` (ISO-8859-1, lines end in "\n" alone), `im2latex_SPLIT.lst` (formula's line,
    image name without suffix, render type), `formula_images/NAME.png`.

    Args:
        files: The folder or .tar that has these files.
        split: "train", "validate" or "test".

    Raises:
        LayoutError: A list is missing or malformed.
    """
    formulas_name, list_name = "im2latex_formulas.lst", f"im2latex_{split}.lst"
    for name in (formulas_name, list_name):
        if name not in files:
            raise LayoutError(
                f"{files.root}: it has no {name}; is this the release's folder, and {split!r} its split?"
            )
    formulas = decode_formula_lines(files.read(formulas_name), f"{files.root}/{formulas_name}", "latin-1")
    rows = decode_formula_lines(files.read(list_name), f"{files.root}/{list_name}")
    pairs: list[PairSource] = []
    for number, row in enumerate(rows, start=1):
        fields = row.split()
        if not fields:
            continue
        where = f"{files.root}/{list_name}, line {number}"
        if len(fields) not in (2, 3):
            raise LayoutError(
                f"{where}: {row[:80]!r}, expected the formula's line, the image and the render type"
            )
        pairs.append(
            PairSource(
                image=fields[1] if fields[1].endswith(_SUFFIX) else fields[1] + _SUFFIX,
                text=_formula_at(formulas, fields[0], where),
                source=f"{list_name}:{number}",
            )
        )
    return pairs


def read_im2markup_layout(
    formulas: str | os.PathLike[str], image_list: str | os.PathLike[str], *, encoding: str = "utf-8"
) -> list[PairSource]:
    """im2markup's processed form: `formulas.norm.lst`, and `SPLIT_filter.lst` with "image formula-index" rows.

    Raises:
        FileNotFoundError, FormulaTableError, LayoutError: A list is missing or malformed.
    """
    lines = read_formula_lines(formulas, encoding)
    pairs: list[PairSource] = []
    for number, row in enumerate(read_formula_lines(image_list), start=1):
        fields = row.split()
        if not fields:
            continue
        where = f"{image_list}, line {number}"
        if len(fields) != 2:
            raise LayoutError(f"{where}: {row[:80]!r}, expected an image name and a formula's line number")
        text = _formula_at(lines, fields[1], where)
        pairs.append(PairSource(fields[0], text, f"{Path(image_list).name}:{number}"))
    return pairs


def read_parallel_lists(
    formulas: str | os.PathLike[str], images: str | os.PathLike[str], *, encoding: str = "utf-8"
) -> list[PairSource]:
    """Two lists of equal length: formula i belongs to the picture named in line i of the other.

    Raises:
        LayoutError: They differ in length: some line was lost or cut, and every pair after it would be wrong.
    """
    texts, names = read_formula_lines(formulas, encoding), read_formula_lines(images)
    if len(texts) != len(names):
        raise LayoutError(
            f"{formulas} has {len(texts)} lines and {images} has {len(names)}; they must match line by line "
            "(only a line feed ends a line)"
        )
    name = Path(images).name
    return [
        PairSource(image.strip(), text, f"{name}:{number}")
        for number, (image, text) in enumerate(zip(names, texts, strict=True), start=1)
    ]


def read_pair_table(
    path: str | os.PathLike[str],
    *,
    image_column: str = "image",
    formula_column: str = "formula",
    encoding: str = "utf-8",
) -> list[PairSource]:
    """A table with a header: .csv (quoted as spreadsheets do) or anything else as TSV (no quoting at all).

    Raises:
        FileNotFoundError, FormulaTableError: It is missing or in another encoding.
        LayoutError: A column is missing, or a row has another number of columns than the header.
    """
    path = Path(path)
    lines = read_formula_lines(path, encoding)
    rows = _csv_rows(path, lines) if path.suffix.lower() == ".csv" else _tsv_rows(lines)
    first = next(rows, None)
    if first is None:
        raise LayoutError(f"{path}: empty file; a table starts with a header that names its columns")
    header = first[1]
    for column in (image_column, formula_column):
        if header.count(column) != 1:
            raise LayoutError(f"{path}, line 1: one column {column!r} is needed; the header has {header}")
    image_at, formula_at = header.index(image_column), header.index(formula_column)
    pairs: list[PairSource] = []
    for number, row in rows:
        if not any(row):
            continue
        if len(row) != len(header):
            raise LayoutError(f"{path}, line {number}: {len(row)} columns, the header has {len(header)}")
        pairs.append(PairSource(row[image_at].strip(), row[formula_at], f"{path.name}:{number}"))
    return pairs


def _tsv_rows(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        yield number, line.split("\t")


def _csv_rows(path: Path, lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    # Fed line by line: a file object would also split at a carriage return.
    reader = csv.reader((line + "\n" for line in lines), strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise LayoutError(
                f"{path}, line {reader.line_num}: {error}; check its quotation marks"
            ) from error
        yield reader.line_num, row


def _formula_at(formulas: Sequence[str], field: str, where: str) -> str | None:
    if not (field.isascii() and field.isdigit()):
        raise LayoutError(f"{where}: {field!r} is no line number of a formula (they count from 0)")
    number = int(field)
    return formulas[number] if number < len(formulas) else None
