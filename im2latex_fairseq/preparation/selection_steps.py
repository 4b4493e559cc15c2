"""Steps that take rows away, join or part them: on prepared sets and on formula tables alike."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from im2latex_fairseq.data.manifest import COLUMNS as MANIFEST_COLUMNS
from im2latex_fairseq.preparation.fingerprint import fingerprint
from im2latex_fairseq.preparation.formula_table import (
    COLUMNS as TABLE_COLUMNS,
)
from im2latex_fairseq.preparation.formula_table import (
    FormulaRow,
    FormulaTableError,
    Reject,
    read_formula_table,
    write_formula_table,
    write_rejects,
)
from im2latex_fairseq.preparation.prepared_set import (
    PreparedSet,
    PreparedSetError,
    check_distinct_ids,
    join_sets,
    manifest_path,
    store_path,
)
from im2latex_fairseq.preparation.report import StepReport, read_finished_report, write_report
from im2latex_fairseq.preparation.selection import (
    HasFormula,
    SizeLimits,
    comparison_keys,
    refuse_by_size,
    refuse_known,
    refuse_over_limit,
    refuse_rare_tokens,
    refuse_repeated,
)

Source = PreparedSet | list[FormulaRow]
PathLike = str | os.PathLike[str]


def open_source(path: PathLike) -> Source:
    """A prepared set (by prefix or manifest) or a formula table, told apart by the header.

    Raises:
        FileNotFoundError: There is neither.
        ValueError: The file is neither, or is damaged; the message says what is wrong.
    """
    file = Path(path) if os.fspath(path).endswith(".tsv") else manifest_path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no prepared set and no formula table")
    with open(file, "rb") as stream:
        header = stream.readline().decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r\n").split("\t")
    if header == list(MANIFEST_COLUMNS):
        return PreparedSet(file)
    if header == list(TABLE_COLUMNS):
        return read_formula_table(file)
    raise FormulaTableError(
        f"{file}, line 1: columns {header[:6]}; a manifest has {list(MANIFEST_COLUMNS)}, a formula table "
        f"{list(TABLE_COLUMNS)}"
    )


def rows_of(source: Source) -> Sequence[HasFormula]:
    """Manifest entries or table rows."""
    return source.entries if isinstance(source, PreparedSet) else source


def select_rows(
    sources: Sequence[Source],
    output: PathLike,
    *,
    step: str,
    limits: SizeLimits | None = None,
    known: Mapping[str, str] | None = None,
    unique: bool = False,
    rare_tokens: int = 0,
    limit: int = 0,
    seed: int = 1,
    inputs_identity: str | None = None,
) -> StepReport:
    """Join sources of one kind into one, without the rows that a rule refuses.

    Rules apply in this order, each to what the earlier ones left: size limits, known formulas, repeated
    formulas, rare tokens, limit.

    Args:
        sources: Prepared sets, or formula tables.
        output: Prefix of the set, or path of the table, to write.
        step: Name of the step, for the report.
        limits: Token and picture sizes; None sets no limits.
        known: Comparison keys of formulas that must not be in the result (see `comparison_keys`).
        unique: Keep only the first of formulas that compare equal.
        rare_tokens: Drop formulas with a token that fewer than this many kept formulas have; 0 keeps all.
        limit: Keep at most this many rows, drawn at random; 0 keeps all.
        seed: Of that draw.
        inputs_identity: Fingerprint of the inputs, if known; else that of the rows.

    Returns:
        The report, stored beside the output. If the same step has finished before, nothing is done.

    Raises:
        ValueError: Sources of both kinds, sets prepared differently, or an id in two of them.
    """
    tables = [source for source in sources if not isinstance(source, PreparedSet)]
    sets = [source for source in sources if isinstance(source, PreparedSet)]
    if tables and sets:
        raise PreparedSetError("prepared sets and formula tables can't be joined; render the tables first")
    rows = [row for source in sources for row in rows_of(source)]
    identity = fingerprint(
        step,
        inputs_identity or rows,
        [(s.store.settings, s.store.checksum) for s in sets],
        limits,
        sorted(known or ()),
        unique,
        rare_tokens,
        (limit, seed) if limit else None,
    )
    finished = read_finished_report(output, identity)
    outputs = [manifest_path(output), store_path(output)] if sets else [Path(output)]
    if finished is not None and all(path.is_file() for path in outputs):
        return finished
    refused: dict[int, Reject] = {}
    rules: list[Callable[[Sequence[HasFormula]], dict[int, Reject]]] = [
        lambda left: refuse_by_size(left, limits) if limits is not None else {},
        lambda left: refuse_known(left, known) if known else {},
        lambda left: refuse_repeated(left) if unique else {},
        lambda left: refuse_rare_tokens(left, rare_tokens) if rare_tokens > 1 else {},
        lambda left: refuse_over_limit(left, limit, seed) if limit else {},
    ]
    for rule in rules:
        left = [index for index in range(len(rows)) if index not in refused]
        found = rule([rows[index] for index in left])
        refused.update({left[position]: reject for position, reject in found.items()})
    if sets:
        places = [(number, index) for number, source in enumerate(sets) for index in range(len(source))]
        dropped = {places[index]: reject for index, reject in sorted(refused.items())}
        return join_sets(output, sets, step=step, dropped=dropped, fingerprint=identity)
    return _write_table(output, [row for table in tables for row in table], refused, step, identity)


def split_rows_at_random(
    source: Source, outputs: Mapping[str, PathLike], shares: Mapping[str, float], *, seed: int = 1
) -> dict[str, StepReport]:
    """Part a set or table into several by a seeded draw; each keeps the order of the source.

    Formulas that compare equal go to the same part, so that no part knows another's.

    Args:
        source: What to part.
        outputs: Name -> prefix or path to write.
        shares: Name -> share (they are scaled to sum up to 1). The same names.
        seed: Of the draw.

    Returns:
        Name -> report. Each reads all rows; those of the other parts are dropped as "in_other_part".

    Raises:
        ValueError: Names differ, or a share is not positive.
    """
    if set(outputs) != set(shares) or not shares:
        raise ValueError(f"parts {sorted(outputs)} and shares {sorted(shares)} must have the same names")
    if any(not share > 0 for share in shares.values()):
        raise ValueError(f"shares {dict(shares)}: each must be above 0")
    rows = rows_of(source)
    keys = list(comparison_keys(rows).items())
    random.Random(seed).shuffle(keys)
    part_of_key: dict[str, str] = {}
    total = sum(shares.values())
    start, done = 0, 0.0
    for name, share in shares.items():
        done += share
        end = round(len(keys) * done / total)
        part_of_key.update((key, name) for key, _ in keys[start:end])
        start = end
    key_of_row = _row_keys(rows)
    reports: dict[str, StepReport] = {}
    for name, output in outputs.items():
        others = {
            index: Reject(row.id, "in_other_part", part_of_key[key], row.formula)
            for index, (row, key) in enumerate(zip(rows, key_of_row, strict=True))
            if part_of_key[key] != name
        }
        identity = fingerprint("split", rows, name, dict(shares), seed)
        if isinstance(source, PreparedSet):
            places = {(0, index): reject for index, reject in others.items()}
            reports[name] = join_sets(
                output, [source], step=f"split {name}", dropped=places, fingerprint=identity
            )
        else:
            reports[name] = _write_table(output, source, others, f"split {name}", identity)
    return reports


def _row_keys(rows: Sequence[HasFormula]) -> list[str]:
    return [next(iter(comparison_keys([row]))) for row in rows]


def _write_table(
    output: PathLike, rows: Sequence[FormulaRow], refused: Mapping[int, Reject], step: str, identity: str
) -> StepReport:
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise FormulaTableError(f"id {row.id!r} is in two tables; give each ids of its own (--id-prefix)")
        seen.add(row.id)
    kept = [row for index, row in enumerate(rows) if index not in refused]
    write_formula_table(output, kept)
    write_rejects(f"{output}.rejects.tsv", [reject for _, reject in sorted(refused.items())])
    reasons: dict[str, int] = {}
    for reject in refused.values():
        reasons[reject.reason] = reasons.get(reject.reason, 0) + 1
    report = StepReport(step, len(rows), len(kept), reasons, fingerprint=identity)
    write_report(output, report)
    return report


__all__ = ["Source", "check_distinct_ids", "open_source", "rows_of", "select_rows", "split_rows_at_random"]
