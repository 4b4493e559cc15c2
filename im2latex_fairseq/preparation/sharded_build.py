"""Long work on many items, cut into shards that processes finish one by one and no rerun does twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from im2latex_fairseq.data.atomic_file import remove_unfinished
from im2latex_fairseq.data.image_store import GreyImage, ImageStore
from im2latex_fairseq.data.manifest import read_manifest
from im2latex_fairseq.preparation.fingerprint import fingerprint
from im2latex_fairseq.preparation.formula_table import Reject, read_rejects, write_rejects
from im2latex_fairseq.preparation.prepared_set import (
    PreparedSet,
    PreparedSetWriter,
    describe_files,
    manifest_path,
    rejects_path,
    store_path,
)
from im2latex_fairseq.preparation.progress import Progress
from im2latex_fairseq.preparation.report import StepReport, read_finished_report, write_report
from im2latex_fairseq.preparation.workers import run_tasks

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Sample:
    """A pair that a shard produced: prepared image (H, W) uint8 and formula of space-joined tokens."""

    id: str
    image: GreyImage
    formula: str


@dataclass(frozen=True)
class _Shard:
    prefix: str
    items: Sequence[Any]
    make: Callable[[Sequence[Any]], Iterable[Sample | Reject]]
    settings: Mapping[str, Any]
    step: str
    fingerprint: str


def build_in_shards(
    prefix: str | os.PathLike[str],
    items: Sequence[Item],
    make: Callable[[Sequence[Item]], Iterable[Sample | Reject]],
    *,
    step: str,
    settings: Mapping[str, Any],
    shard_size: int,
    processes: int,
    details: Mapping[str, Any] | None = None,
) -> StepReport:
    """Make a prepared set out of items, in parallel, resumable after a kill.

    Finished shards lie in `PREFIX.shards/` until the whole set is written; a rerun takes those whose items,
    settings and maker are unchanged as they are, and a finished set altogether.

    Args:
        prefix: The set to write.
        items: What to work on; each becomes one sample or one reject. Their `repr` must identify them.
        make: Turns the items of a shard into samples and rejects. Importable and picklable, with a telling
            `repr` (a dataclass with `__call__`, say).
        step: Name of the step, for messages and the report.
        settings: Preparation settings of the images, for the store.
        shard_size: Items a shard.
        processes: Worker processes.
        details: For the report.

    Returns:
        The report, also stored beside the set.

    Raises:
        ValueError: `shard_size` or `processes` is below 1.
        WorkerError: A worker was killed; a rerun goes on from the finished shards.
    """
    if shard_size < 1:
        raise ValueError(f"shard size {shard_size}; at least 1 is needed")
    whole = fingerprint(step, make, dict(settings), list(items))
    if (finished := read_finished_report(prefix, whole)) is not None and _is_intact(prefix, finished.kept):
        return finished
    folder = Path(f"{prefix}.shards")
    folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder)
    shards = [
        _Shard(
            prefix=str(folder / f"{start // shard_size:05d}"),
            items=items[start : start + shard_size],
            make=make,
            settings=dict(settings),
            step=step,
            fingerprint=fingerprint(step, make, dict(settings), list(items[start : start + shard_size])),
        )
        for start in range(0, len(items), shard_size)
    ]
    reports: dict[str, StepReport] = {}
    for shard in shards:
        report = read_finished_report(shard.prefix, shard.fingerprint)
        if report is not None and _is_intact(shard.prefix, report.kept):
            reports[shard.prefix] = report
    with Progress(f"{step} {Path(prefix).name}", len(items)) as progress:
        progress.advance(sum(report.read for report in reports.values()), already_done=True)
        missing = [shard for shard in shards if shard.prefix not in reports]
        for shard, report in run_tasks(_build_shard, missing, processes):
            reports[shard.prefix] = report
            progress.advance(report.read)
    report = _assemble(prefix, shards, reports, step, settings, whole, details or {})
    shutil.rmtree(folder)
    return report


def _build_shard(shard: _Shard) -> StepReport:
    rejects: list[Reject] = []
    with PreparedSetWriter(shard.prefix, shard.settings) as writer:
        for result in shard.make(shard.items):
            if isinstance(result, Reject):
                rejects.append(result)
            else:
                writer.add(result.id, result.image, result.formula)
    write_rejects(rejects_path(shard.prefix), rejects)
    report = StepReport(
        shard.step, len(shard.items), len(writer), _count(rejects), fingerprint=shard.fingerprint
    )
    write_report(shard.prefix, report)
    return report


def _assemble(
    prefix: str | os.PathLike[str],
    shards: Sequence[_Shard],
    reports: Mapping[str, StepReport],
    step: str,
    settings: Mapping[str, Any],
    whole: str,
    details: Mapping[str, Any],
) -> StepReport:
    rejects: list[Reject] = []
    dropped: dict[str, int] = {}
    with PreparedSetWriter(prefix, settings) as writer:
        for shard in shards:
            source = PreparedSet(shard.prefix)
            for index in range(len(source)):
                writer.copy_from(source, index)
            rejects.extend(read_rejects(rejects_path(shard.prefix)))
            for reason, count in reports[shard.prefix].dropped.items():
                dropped[reason] = dropped.get(reason, 0) + count
    write_rejects(rejects_path(prefix), rejects)
    report = StepReport(
        step=step,
        read=sum(len(shard.items) for shard in shards),
        kept=len(writer),
        dropped=dropped,
        details={**details, **describe_files(prefix, len(writer))},
        fingerprint=whole,
    )
    write_report(prefix, report)
    return report


def _count(rejects: Iterable[Reject]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reject in rejects:
        counts[reject.reason] = counts.get(reject.reason, 0) + 1
    return counts


def _is_intact(prefix: str | os.PathLike[str], count: int) -> bool:
    """Whether a finished set is still there and whole."""
    try:
        return len(read_manifest(manifest_path(prefix))) == len(ImageStore(store_path(prefix))) == count
    except (OSError, ValueError):
        return False
