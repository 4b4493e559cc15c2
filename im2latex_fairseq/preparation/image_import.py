"""Existing pictures with their formulas -> a prepared set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.images.transforms import PreparationSettings, prepare
from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.preparation.formula_table import Reject
from im2latex_fairseq.preparation.image_files import ImageFiles, ImageFilesError
from im2latex_fairseq.preparation.image_layouts import PairSource
from im2latex_fairseq.preparation.progress import Progress
from im2latex_fairseq.preparation.report import StepReport
from im2latex_fairseq.preparation.sharded_build import Sample, build_in_shards
from im2latex_fairseq.preparation.workers import run_tasks

_NORMALIZE_CHUNK = 2_000


@dataclass(frozen=True)
class _Item:
    """A pair on its way; with a `reject` it goes no further."""

    id: str
    image: str
    formula: str
    source: str
    reject: Reject | None = None


@dataclass(frozen=True)
class _ImportImages:
    """Loads and prepares the pictures of a shard."""

    files: ImageFiles
    settings: PreparationSettings
    scale: float

    def __call__(self, items: Sequence[_Item]) -> Iterator[Sample | Reject]:
        for item in items:
            yield item.reject if item.reject is not None else self._import(item)

    def _import(self, item: _Item) -> Sample | Reject:
        try:
            content = self.files.read(item.image)
        except (OSError, ImageFilesError) as error:
            return Reject(item.id, "image_missing", str(error), item.formula, item.source)
        try:
            image = prepare(load_image(content), self.settings, scale=self.scale)
        except ImageError as error:
            detail = f"{item.image}: {error}"
            return Reject(item.id, f"image_{error.reason}", detail, item.formula, item.source)
        return Sample(item.id, image, item.formula)


def import_images(
    prefix: str | os.PathLike[str],
    pairs: Sequence[PairSource],
    files: ImageFiles,
    *,
    settings: PreparationSettings = PreparationSettings(),
    scale: float = 1.0,
    id_prefix: str = "",
    keep_refused: bool = False,
    processes: int = 1,
    shard_size: int = 500,
) -> StepReport:
    """Prepare listed pictures and normalise their formulas into the set `PREFIX.tsv` and `PREFIX.images`.

    Args:
        prefix: The set to write.
        pairs: What a layout lists.
        files: Where the pictures are.
        settings: How to prepare them.
        scale: Factor for both sides: 0.5 for pages at 200 dpi.
        id_prefix: Start of the ids; the rest is the image's name without folder and suffix.
        keep_refused: Keep formulas that the normaliser refuses as they are listed, split at white space. For
            evaluation sets, of which nothing should be lost; the report counts them.
        processes: Worker processes.
        shard_size: Pairs a shard; a killed run goes on at the first unfinished shard.

    Returns:
        The report; `details` has `formulas_kept_as_given` and `formulas_changed`.
    """
    chunks = [
        _Chunk(start, pairs[start : start + _NORMALIZE_CHUNK], id_prefix, keep_refused)
        for start in range(0, len(pairs), _NORMALIZE_CHUNK)
    ]
    parts: dict[int, _ChunkResult] = {}
    with Progress(f"normalize {os.path.basename(os.fspath(prefix))}", len(pairs)) as progress:
        for chunk, result in run_tasks(_normalize_chunk, chunks, processes):
            parts[chunk.start] = result
            progress.advance(len(chunk.pairs))
    items = [item for start in sorted(parts) for item in parts[start].items]
    return build_in_shards(
        prefix,
        _refuse_repeated_ids(items),
        _ImportImages(files, settings, scale),
        step="import_images",
        settings=settings.to_dict(),
        shard_size=shard_size,
        processes=processes,
        details={
            "formulas_kept_as_given": sum(part.kept_as_given for part in parts.values()),
            "formulas_changed": sum(part.changed for part in parts.values()),
        },
    )


@dataclass(frozen=True)
class _Chunk:
    start: int
    pairs: Sequence[PairSource]
    id_prefix: str
    keep_refused: bool


@dataclass(frozen=True)
class _ChunkResult:
    items: list[_Item]
    kept_as_given: int
    changed: int


def _normalize_chunk(chunk: _Chunk) -> _ChunkResult:
    items: list[_Item] = []
    kept_as_given = changed = 0
    for pair in chunk.pairs:
        stem = os.path.splitext(pair.image.replace("\\", "/").rpartition("/")[2])[0]
        id = "_".join(f"{chunk.id_prefix}{stem}".split()) or "unnamed"
        reject: Reject | None = None
        formula = ""
        if pair.text is None:
            reject = Reject(id, "formula_missing", "the list points behind the last formula", "", pair.source)
        elif not pair.image:
            reject = Reject(id, "image_missing", "no image is named", pair.text, pair.source)
        elif not pair.text.strip():
            reject = Reject(id, "formula_empty", "nothing but white space", pair.text, pair.source)
        else:
            given = " ".join(pair.text.split())
            try:
                formula = " ".join(normalize(pair.text))
            except LatexError as error:
                formula = given if chunk.keep_refused else ""
                kept_as_given += chunk.keep_refused
                if not chunk.keep_refused:
                    reason = f"formula_{error.reason}"
                    reject = Reject(id, reason, str(error), pair.text, pair.source, error.position)
            if not formula and reject is None:
                reject = Reject(
                    id, "formula_empty", "nothing is left in the normal form", pair.text, pair.source
                )
            changed += reject is None and formula != given
        items.append(_Item(id, pair.image, formula, pair.source, reject))
    return _ChunkResult(items, kept_as_given, changed)


def _refuse_repeated_ids(items: Sequence[_Item]) -> list[_Item]:
    """A picture listed twice is kept once: the second listing could contradict the first."""
    source_of: dict[str, str] = {}
    result: list[_Item] = []
    for item in items:
        if item.reject is None and source_of.setdefault(item.id, item.source) is not item.source:
            first = source_of[item.id]
            reject = Reject(item.id, "duplicate_id", f"already listed in {first}", item.formula, item.source)
            item = replace(item, reject=reject)
        result.append(item)
    return result
