"""How good a system is on short and long, narrow and wide formulas, and on those with a given structure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.metrics.metric import Array, Metric
from im2latex_fairseq.metrics.resampling import confidence_interval

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Bin:
    """Formulas that are alike in something.

    Attributes:
        low: The least value among them.
        high: The greatest.
        rows: (n) Which formulas they are.
    """

    low: float
    high: float
    rows: Rows


@dataclass(frozen=True)
class GroupScore:
    """The score of some formulas together.

    Attributes:
        title: What they are.
        pairs: How many, n.
        score: In the metric's unit.
        interval: Of the score; None where none was drawn.
    """

    title: str
    pairs: int
    score: float
    interval: tuple[float, float] | None


def equal_bins(values: Sequence[float] | Array, most: int = 8, least: int = 20) -> tuple[Bin, ...]:
    """Cut formulas into bins of about as many each; equal values are never parted.

    Args:
        values: (N) Of each formula; NaN for those that have none, which are in no bin.
        most: So many bins at most.
        least: A bin has about so many formulas or more.

    Returns:
        Bins in the order of their values; none if no formula has a value.
    """
    array = np.asarray(values, dtype=np.float64)
    rows = np.flatnonzero(~np.isnan(array))
    if rows.size == 0:
        return ()
    rows = rows[np.argsort(array[rows], kind="stable")]
    ordered = array[rows]
    count = int(np.clip(rows.size // max(least, 1), 1, most))
    wanted = [round(number * rows.size / count) for number in range(1, count)]
    # Where values are equal over a cut, the whole run goes to the side on which most of it lies.
    cuts = {0, int(rows.size)}
    for cut in wanted:
        first = int(np.searchsorted(ordered, ordered[cut], side="left"))
        behind = int(np.searchsorted(ordered, ordered[cut], side="right"))
        cuts.add(first if cut - first <= behind - cut else behind)
    edges = sorted(cuts)
    return tuple(
        Bin(float(ordered[start]), float(ordered[end - 1]), np.sort(rows[start:end]))
        for start, end in pairwise(edges)
    )


def score_groups(
    metric: Metric, statistics: Array, groups: Sequence[tuple[str, Rows]], resampling: Resampling
) -> Iterator[GroupScore]:
    """Score groups of formulas.

    Args:
        metric: By which.
        statistics: (N, K), of the metric.
        groups: Title and formulas of each; a formula may be in several.
        resampling: How intervals are drawn.
    """
    for title, rows in groups:
        chosen = statistics[rows]
        interval = None
        if resampling.resamples and len(rows) > 1:
            low, high = confidence_interval(
                metric,
                chosen,
                confidence=resampling.confidence,
                resamples=resampling.resamples,
                seed=resampling.seed,
            )
            interval = (low, high)
        yield GroupScore(title, len(rows), float(metric.score(chosen.sum(axis=0))), interval)
