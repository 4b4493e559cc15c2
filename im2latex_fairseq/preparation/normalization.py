"""Lists of formulas as people wrote them -> tables of normalised formulas and lists of refused ones."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.macros import MacroTable, collect_macros
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.latex.rows import split_rows
from im2latex_fairseq.preparation.fingerprint import fingerprint, fingerprint_files
from im2latex_fairseq.preparation.formula_table import (
    FormulaRow,
    Reject,
    read_formula_lines,
    write_formula_table,
    write_rejects,
)
from im2latex_fairseq.preparation.progress import Progress
from im2latex_fairseq.preparation.report import StepReport, read_finished_report, write_report
from im2latex_fairseq.preparation.workers import run_tasks

_CHUNK = 2_000


@dataclass(frozen=True)
class NormalizationSettings:
    """How a list is read.

    Attributes:
        encoding: Of the file; "latin-1" for the official formula list.
        split_rows: Cut multi-row displays into rows, each a formula of its own.
        macros: LaTeX text with the definitions that the formulas rely on.
        limit: Take no more than this many lines, drawn at random; None takes all.
        seed: For that draw.
        keep_duplicates: Keep formulas whose normal form came earlier in the same list.
    """

    encoding: str = "utf-8"
    split_rows: bool = False
    macros: str = field(default="", repr=True)
    limit: int | None = None
    seed: int = 1
    keep_duplicates: bool = False


def normalize_file(
    formulas: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: NormalizationSettings = NormalizationSettings(),
    *,
    id_prefix: str | None = None,
    processes: int = 1,
) -> StepReport:
    """Normalise a list, one formula a line, into a formula table.

    Ids are `PREFIX-LINE` (`PREFIX-LINE.ROW` for the rows of a split display). What is refused goes, with its
    reason and position, to `OUTPUT.rejects.tsv`; the report is `OUTPUT.report.json`. If a run with the same
    input and settings has finished, nothing is done again.

    Args:
        formulas: The list.
        output: The table to write.
        settings: How to read the list.
        id_prefix: Start of the ids; the list's name up to its first dot if None.
        processes: Worker processes.

    Returns:
        The report; it counts formulas after the splitting into rows.

    Raises:
        FileNotFoundError, FormulaTableError: The list is missing or in another encoding.
        LatexError: The macro definitions can't be read.
    """
    formulas, output = Path(formulas), Path(output)
    prefix = id_prefix if id_prefix is not None else formulas.name.split(".")[0]
    lines = read_formula_lines(formulas, settings.encoding)
    identity = fingerprint("normalize", fingerprint_files([formulas]), settings, prefix)
    finished = read_finished_report(output, identity)
    if finished is not None and output.is_file():
        return finished
    numbered = [(number, line) for number, line in enumerate(lines, start=1)]
    if settings.limit is not None and settings.limit < len(numbered):
        numbered = sorted(random.Random(settings.seed).sample(numbered, settings.limit))
    chunks = [
        _Chunk(number, numbered[start : start + _CHUNK], formulas.name, prefix, settings)
        for number, start in enumerate(range(0, len(numbered), _CHUNK))
    ]
    results: dict[int, _ChunkResult] = {}
    with Progress(f"normalize {formulas.name}", len(numbered)) as progress:
        for chunk, result in run_tasks(_normalize_chunk, chunks, processes):
            results[chunk.number] = result
            progress.advance(len(chunk.lines))
    rows: list[FormulaRow] = []
    rejects: list[Reject] = []
    first_of: dict[str, str] = {}
    for number in range(len(chunks)):
        result = results[number]
        rejects.extend(result.rejects)
        for row in result.rows:
            if not settings.keep_duplicates and row.formula in first_of:
                detail = f"same normal form as {first_of[row.formula]}"
                rejects.append(Reject(row.id, "duplicate", detail, row.formula, row.source))
                continue
            first_of[row.formula] = row.id
            rows.append(row)
    write_formula_table(output, rows)
    write_rejects(f"{output}.rejects.tsv", rejects)
    dropped: dict[str, int] = {}
    for reject in rejects:
        dropped[reject.reason] = dropped.get(reject.reason, 0) + 1
    report = StepReport(
        step=f"normalize {formulas.name}",
        read=len(rows) + len(rejects),
        kept=len(rows),
        dropped=dropped,
        details={"lines_in_file": len(lines), "lines_taken": len(numbered)},
        fingerprint=identity,
    )
    assert report.read == sum(result.formulas for result in results.values())
    write_report(output, report)
    return report


@dataclass(frozen=True)
class _Chunk:
    number: int
    lines: Sequence[tuple[int, str]]
    file_name: str
    prefix: str
    settings: NormalizationSettings


@dataclass(frozen=True)
class _ChunkResult:
    rows: list[FormulaRow]
    rejects: list[Reject]
    formulas: int


def _normalize_chunk(chunk: _Chunk) -> _ChunkResult:
    settings = chunk.settings
    macros = collect_macros(settings.macros) if settings.macros else None
    rows: list[FormulaRow] = []
    rejects: list[Reject] = []
    formulas = 0
    for number, line in chunk.lines:
        pieces = split_rows(line) if settings.split_rows else [line]
        for position, piece in enumerate(pieces, start=1):
            formulas += 1
            id = f"{chunk.prefix}-{number}" + (f".{position}" if len(pieces) > 1 else "")
            row = _normalize_one(id, f"{chunk.file_name}:{number}", piece, macros)
            if isinstance(row, Reject):
                rejects.append(row)
            else:
                rows.append(row)
    return _ChunkResult(rows, rejects, formulas)


def _normalize_one(id: str, source: str, text: str, macros: MacroTable | None) -> FormulaRow | Reject:
    if not text.strip():
        return Reject(id, "empty", "nothing but white space", text, source)
    try:
        tokens = normalize(text, macros=macros)
    except LatexError as error:
        return Reject(id, error.reason, str(error), text, source, error.position)
    if not tokens:
        return Reject(id, "empty", "nothing is left in the normal form", text, source)
    return FormulaRow(id, source, " ".join(tokens))
