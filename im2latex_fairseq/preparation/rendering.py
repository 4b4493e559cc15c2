"""Tables of normalised formulas -> a prepared set of their renderings, in a mix of looks."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from im2latex_fairseq.images import renderer
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.renderer import RenderResult, RenderSettings
from im2latex_fairseq.images.tex_faces import FACES
from im2latex_fairseq.images.transforms import PreparationSettings, prepare
from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.tokenizer import detokenize
from im2latex_fairseq.preparation.formula_table import FormulaRow, Reject
from im2latex_fairseq.preparation.report import StepReport
from im2latex_fairseq.preparation.sharded_build import Sample, build_in_shards

# The models know text of 10 to 12 pt at this resolution.
MODEL_DPI = 100

ENGINES = ("auto", "tex", "mathtext")

# Faces that stand for print as it varies beyond the two faces of the benchmark.
_OTHER_FACES = ("times", "palatino", "charter", "sans", "euler", "utopia", "century")


@dataclass(frozen=True)
class Look:
    """One way to draw a formula, with its share in a mix.

    Attributes:
        name: Part of the sample's id.
        settings: Of the renderer.
        weight: Relative share.
    """

    name: str
    settings: RenderSettings
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.name or not self.name.isidentifier():
            raise ValueError(f"look {self.name!r}: a name of letters, digits and underscores is needed")
        if not self.weight > 0:
            raise ValueError(f"look {self.name}: weight {self.weight}; it must be above 0")


def preset_looks(name: str) -> list[Look]:
    """The looks behind a preset: "release", "processed", "other", or the name of a face.

    "release" draws as the pages of IM2LATEX-100K are drawn, "processed" as the pipeline of the processed
    pictures does, "other" stands for several further faces and sizes.

    Raises:
        ValueError: No preset and no face has this name.
    """
    if name == "release":
        return [Look(name, renderer.RELEASE_FACE)]
    if name == "processed":
        return [Look(name, renderer.PROCESSED_FACE)]
    if name == "other":
        sizes_pt = (10, 11, 12)
        return [
            Look(
                face,
                RenderSettings(face=face, size_pt=sizes_pt[number % len(sizes_pt)]),
                1 / len(_OTHER_FACES),
            )
            for number, face in enumerate(_OTHER_FACES)
        ]
    if name in FACES:
        return [Look(name, RenderSettings(face=name))]
    known = ", ".join(["release", "processed", "other", *FACES])
    raise ValueError(f"no look is called {name!r}; there are {known}")


def parse_looks(mix: Mapping[str, float]) -> tuple[Look, ...]:
    """Looks of a mix such as {"release": 0.5, "processed": 0.4, "other": 0.1}.

    Raises:
        ValueError: The mix is empty, a name is unknown or given twice by way of presets, or a weight is not
            positive.
    """
    if not mix:
        raise ValueError("the mix of looks is empty; name at least one")
    looks: dict[str, Look] = {}
    for name, weight in mix.items():
        for look in preset_looks(name):
            if look.name in looks:
                raise ValueError(f"look {look.name!r} is in the mix twice")
            looks[look.name] = Look(look.name, look.settings, look.weight * weight)
    return tuple(looks.values())


@dataclass(frozen=True)
class _Item:
    id: str
    formula: str
    source: str
    look: str


@dataclass(frozen=True)
class _RenderShard:
    """Renders and prepares the formulas of a shard, a look at a time."""

    looks: tuple[Look, ...]
    settings: PreparationSettings
    engine: str
    timeout_s: float
    batch_size: int = field(repr=False)  # no picture depends on it

    def __call__(self, items: Sequence[_Item]) -> Iterator[Sample | Reject]:
        results: dict[int, Sample | Reject] = {}
        for look in self.looks:
            chosen = [index for index, item in enumerate(items) if item.look == look.name]
            texts: dict[int, str] = {}
            for index in chosen:
                try:
                    texts[index] = detokenize(items[index].formula.split())
                except LatexError as error:
                    results[index] = _reject(items[index], error.reason, str(error))
            rendered = _engine(self.engine)(
                list(texts.values()), look.settings, timeout_s=self.timeout_s, batch_size=self.batch_size
            )
            for index, result in zip(texts, rendered, strict=True):
                item = items[index]
                if result.image is None:
                    assert result.error is not None
                    slug, _, detail = result.error.partition(":")
                    results[index] = _reject(item, f"render_{slug.strip()}", detail.strip())
                    continue
                try:
                    image = prepare(result.image, self.settings, scale=MODEL_DPI / look.settings.dpi)
                except ImageError as error:
                    results[index] = _reject(item, f"image_{error.reason}", str(error))
                else:
                    results[index] = Sample(item.id, image, item.formula)
        yield from (results[index] for index in range(len(items)))


def render_set(
    prefix: str | os.PathLike[str],
    rows: Sequence[FormulaRow],
    looks: Sequence[Look],
    *,
    settings: PreparationSettings = PreparationSettings(),
    copies: int = 1,
    seed: int = 1,
    engine: str = "auto",
    processes: int = 1,
    shard_size: int = 1_000,
    timeout_s: float = 3.0,
    batch_size: int = 200,
) -> StepReport:
    """Render formulas into the set `PREFIX.tsv` and `PREFIX.images`.

    Each formula is drawn in `copies` different looks, chosen at random by the seed and the formula's id (so
    that adding formulas changes nothing for the others). Ids are `ROW/LOOK`.

    Args:
        prefix: The set to write.
        rows: Normalised formulas.
        looks: The mix.
        settings: How pictures are prepared.
        copies: Pictures a formula; no more than there are looks.
        seed: For the choice.
        engine: "tex", "mathtext" (fewer commands, no TeX needed), or "auto": TeX where it is installed.
        processes: Worker processes.
        shard_size: Pictures a shard; a killed run goes on at the first unfinished shard.
        timeout_s: Time limit of one TeX run.
        batch_size: Formulas a TeX run.

    Returns:
        The report; it counts pictures: formulas times copies.

    Raises:
        ValueError: An option is out of its range.
        RenderError: TeX is asked for and not installed.
        WorkerError: A worker was killed; a rerun goes on.
    """
    if not 1 <= copies <= len(looks):
        raise ValueError(
            f"{copies} copies of each formula asked for; with {len(looks)} looks it may be 1 to {len(looks)}"
        )
    if engine not in ENGINES:
        raise ValueError(f"engine {engine!r}; there are {', '.join(ENGINES)}")
    if engine == "auto":
        engine = "tex" if renderer.tex_available() else "mathtext"
    items = [
        _Item(f"{row.id}/{look.name}", row.formula, row.source, look.name)
        for row in rows
        for look in choose_looks(row.id, looks, copies, seed)
    ]
    return build_in_shards(
        prefix,
        items,
        _RenderShard(tuple(looks), settings, engine, timeout_s, batch_size),
        step="render_formulas",
        settings=settings.to_dict(),
        shard_size=shard_size,
        processes=processes,
        details=_describe(rows, looks, copies, engine),
    )


def choose_looks(id: str, looks: Sequence[Look], copies: int, seed: int) -> list[Look]:
    """Draw `copies` different looks for a formula, in proportion to their weights."""
    # Seeded by a string: the same choice on every Python, process and run.
    rng = random.Random(f"{seed}/{id}")
    left = list(looks)
    chosen: list[Look] = []
    for _ in range(copies):
        look = rng.choices(left, weights=[look.weight for look in left])[0]
        left.remove(look)
        chosen.append(look)
    return chosen


def _engine(name: str) -> Callable[..., list[RenderResult]]:
    if name == "tex":
        return renderer.render_formulas
    # Here, not above: matplotlib takes a second to load, and who has TeX has no need of it.
    from im2latex_fairseq.images.mathtext_renderer import render_formulas

    return render_formulas


def _describe(rows: Sequence[FormulaRow], looks: Sequence[Look], copies: int, engine: str) -> dict[str, Any]:
    return {
        "formulas": len(rows),
        "copies": copies,
        "engine": engine,
        "looks": {look.name: look.weight for look in looks},
    }


def _reject(item: _Item, reason: str, detail: str) -> Reject:
    return Reject(item.id, reason, detail, item.formula, item.source)
