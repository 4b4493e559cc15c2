"""Conditions times scores: formulas are drawn, changed, read and scored."""

from __future__ import annotations

import statistics
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from examples.robustness.conditions import GIVEN, Condition, GreyImage
from im2latex_fairseq.evaluation.evaluation import Evaluation, evaluate
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.images.renderer import RenderResult, RenderSettings
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.registry import metric

METRICS = (
    "bleu_multi_given",
    "token_edit_accuracy_given",
    "exact_match_given",
    "bleu_multi_unified",
    "exact_match_unified",
)
#: The score that conditions are judged by.
JUDGED = METRICS[0]

#: Draws formulas, as `images.renderer.render_formulas` does.
Draw: TypeAlias = Callable[[Sequence[str], RenderSettings], list[RenderResult]]


@dataclass(frozen=True)
class Read:
    """What a system says of a picture.

    Attributes:
        text: Tokens joined by spaces.
        scale: Factor by which it brought the picture to its size.
    """

    text: str
    scale: float = 1.0


#: Files to what they say; None of a picture that can't be read.
Reader: TypeAlias = Callable[[Sequence[bytes]], Sequence["Read | None"]]


@dataclass(frozen=True)
class Sample:
    """A formula with the picture that is given.

    Attributes:
        id: Its name.
        formula: Tokens joined by spaces, normal form.
        image: (H, W), 255 = paper.
    """

    id: str
    formula: str
    image: GreyImage


@dataclass(frozen=True)
class Figure:
    """A score with its 95% interval."""

    score: float
    interval: tuple[float, float] | None
    signature: str


@dataclass(frozen=True)
class Column:
    """What came out under one condition.

    Attributes:
        condition: Its name.
        group: Its group.
        title: For people.
        most_lost: See `Condition`.
        unread: Pictures that the loader or the reader refused; each counts as an empty reading.
        same: Share, in percent, of readings equal to those of the given pictures.
        scale: Median of the factors by which the pictures were scaled.
        scores: Name of the metric -> figure.
    """

    condition: str
    group: str
    title: str
    most_lost: float | None
    unread: int
    same: float
    scale: float
    scores: dict[str, Figure]


@dataclass(frozen=True)
class Matrix:
    """The whole.

    Attributes:
        formulas: Read under every condition.
        dropped: Reason -> how many were left out everywhere, because a face can't draw them.
        columns: One a condition, the given pictures first.
    """

    formulas: int
    dropped: dict[str, int]
    columns: tuple[Column, ...]

    def lost(self, column: Column) -> float:
        """BLEU points below the given pictures."""
        return self.columns[0].scores[JUDGED].score - column.scores[JUDGED].score

    def is_held(self, column: Column) -> bool:
        """Whether the condition costs no more than it may."""
        return column.most_lost is None or self.lost(column) <= column.most_lost

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with what follows from the scores."""
        columns = [
            {**asdict(c), "lost": round(self.lost(c), 3), "held": self.is_held(c)} for c in self.columns
        ]
        return {"formulas": self.formulas, "dropped": self.dropped, "conditions": columns}


def measure(
    samples: Sequence[Sample],
    conditions: Sequence[Condition],
    read: Reader,
    draw: Draw,
    *,
    seed: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> Matrix:
    """Read every formula under every condition.

    Args:
        samples: Formulas with their given pictures.
        conditions: The given pictures first.
        read: The system.
        draw: For the conditions that draw anew.
        seed: Of noise and turning.
        say: Is told what has been done.

    Raises:
        ValueError: No formula can be drawn in all of them.
    """
    assert conditions[0] is GIVEN, "the others are compared with the given pictures"
    pictures, dropped = _draw_all(samples, conditions, draw)
    kept = [number for number in range(len(samples)) if all(number in drawn for drawn in pictures.values())]
    if not kept:
        raise ValueError(
            f"none of {len(samples)} formulas can be drawn under every condition: {dict(dropped)}"
        )
    say(f"{len(kept)} formulas, {len(samples) - len(kept)} dropped: {dict(dropped) or 'none'}")
    columns: list[Column] = []
    base: list[str] = []
    for condition in conditions:
        files = [
            condition.change(pictures[condition.name][number], _random(seed, samples[number].id))
            for number in kept
        ]
        readings = list(read(files))
        texts = [None if reading is None else reading.text for reading in readings]
        base = base or [text or "" for text in texts]
        evaluation = evaluate(
            [make_pair(samples[n].id, text, samples[n].formula) for n, text in zip(kept, texts, strict=True)],
            [metric(name) for name in METRICS],
        )
        same = sum(a == (b or "") for a, b in zip(base, texts, strict=True)) / len(kept)
        scales = [reading.scale for reading in readings if reading is not None] or [1.0]
        columns.append(
            Column(
                condition.name,
                condition.group,
                condition.title,
                condition.most_lost,
                texts.count(None),
                round(100.0 * same, 2),
                round(statistics.median(scales), 3),
                _figures(evaluation, seed),
            )
        )
        say(f"{condition.title}: BLEU {columns[-1].scores[JUDGED].score:.2f}")
    return Matrix(len(kept), dict(dropped), tuple(columns))


def markdown(matrix: Matrix) -> str:
    """The matrix as a table, a condition a line, and the signatures."""
    names = {"BLEU": METRICS[0], "edit": METRICS[1], "exact": METRICS[2], "exact, unified": METRICS[4]}
    head = ["condition", *names, "BLEU lost", "allowed", "read as given", "scale", "refused"]
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for column in matrix.columns:
        scores = [f"{column.scores[name].score:.1f}" for name in names.values()]
        interval = column.scores[JUDGED].interval
        if interval is not None:
            scores[0] += f" ± {(interval[1] - interval[0]) / 2:.1f}"
        lost, allowed = "", ""
        if column.most_lost is not None:
            lost = (
                f"{matrix.lost(column):+.1f}" if matrix.is_held(column) else f"**{matrix.lost(column):+.1f}**"
            )
            allowed = f"{column.most_lost:.0f}"
        cells = [
            column.title,
            *scores,
            lost,
            allowed,
            f"{column.same:.1f}%",
            f"{column.scale:.2f}",
            str(column.unread),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    dropped = ", ".join(f"{count} {reason}" for reason, count in matrix.dropped.items()) or "none"
    signatures = matrix.columns[0].scores
    return "\n".join(
        [
            *lines,
            "",
            f"{matrix.formulas} formulas, the same under each condition; dropped because a face can't draw them: "
            f"{dropped}. ± is half of the 95% bootstrap interval; bold is more than allowed; scale is the median of "
            "the factors that the reader found.",
            "",
            *(f"- {title}: `{signatures[name].signature}`" for title, name in names.items()),
        ]
    )


def _draw_all(
    samples: Sequence[Sample], conditions: Sequence[Condition], draw: Draw
) -> tuple[dict[str, dict[int, GreyImage]], Counter[str]]:
    """Condition -> number of a sample -> picture; and the first reason for which each other sample was dropped."""
    pictures: dict[str, dict[int, GreyImage]] = {}
    refused: dict[int, str] = {}
    for condition in conditions:
        if condition.drawing is None:
            pictures[condition.name] = {number: sample.image for number, sample in enumerate(samples)}
            continue
        results = draw([sample.formula for sample in samples], condition.drawing)
        pictures[condition.name] = {n: r.image for n, r in enumerate(results) if r.image is not None}
        for number, result in enumerate(results):
            if result.reason is not None:
                refused.setdefault(number, result.reason)
    return pictures, Counter(refused.values())


def _figures(evaluation: Evaluation, seed: int) -> dict[str, Figure]:
    intervals = Resampling(0.95, 1000, seed).intervals(evaluation)
    return {
        one.name: Figure(round(evaluation.score(one.name), 3), intervals.get(one.name), one.signature)
        for one in evaluation.metrics
    }


def _random(seed: int, id: str) -> np.random.Generator:
    """A formula's own noise, whichever others are measured beside it."""
    return np.random.default_rng([seed, zlib.crc32(id.encode())])
