"""How surely: confidence intervals of a score, and whether two systems differ, for every metric.

All is drawn from the statistics (N, K) that a metric keeps of each pair, so no formula is read twice. The same
seed gives the same draws, whatever the metric. 1,000 resamples of 10,000 pairs take less than a second.

* `confidence_interval`: percentile bootstrap (Efron and Tibshirani 1993, chapter 13).
* `paired_bootstrap`: both systems on the same resamples (Koehn 2004); p-value of the centred difference, two-sided.
* `approximate_randomisation`: the outputs of the two systems swapped pair by pair at random (Noreen 1989; Riezler
  and Maxwell 2005, who recommend it over the bootstrap); p-value two-sided.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.metrics.metric import Array, Metric

RESAMPLES = 1000
SEED = 1
# Random numbers in memory at a time.
_CHUNK_DRAWS = 1 << 21
# Differences of sums that are equal but for the order of addition.
_ROUNDING = 1e-9


class Interval(NamedTuple):
    """Both ends of a confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """What two systems' scores on the same pictures say of them.

    Attributes:
        metric: Its name.
        method: "paired_bootstrap" or "approximate_randomisation".
        first: Score of the first system.
        second: Score of the second one.
        difference: `second - first`.
        p_value: Probability of a difference so large, in either direction, if the two were equally good; in
            (0, 1], at least 1 / (resamples + 1).
        interval: Of the difference, by the paired bootstrap; None by the other method, which has none.
        second_is_better: Share of the resamples in which the second system is the better one, ties counted
            half; None by the other method.
        resamples: How many.
        seed: Of the draws.
    """

    metric: str
    method: str
    first: float
    second: float
    difference: float
    p_value: float
    interval: Interval | None
    second_is_better: float | None
    resamples: int
    seed: int

    def is_significant(self, level: float = 0.05) -> bool:
        """Whether the p-value is below the level."""
        return self.p_value < level


def bootstrap_sums(statistics: Array, *, resamples: int = RESAMPLES, seed: int = SEED) -> Array:
    """Sums of N pairs drawn with replacement, again and again.

    Args:
        statistics: (N, K). Those of several metrics may stand side by side, to be drawn at once.
        resamples: How many, R.
        seed: Of the draws, which depend on it and on N alone.

    Returns:
        (R, K); of no pairs, zeros.

    Raises:
        ValueError: Statistics of another shape, or no resamples.
    """
    _check(statistics, resamples)
    sums = np.empty((resamples, statistics.shape[1]))
    for rows, counts in _bootstrap_counts(len(statistics), resamples, seed):
        sums[rows] = counts @ statistics
    return sums


def confidence_interval(
    metric: Metric,
    statistics: Array,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Between which scores the middle `confidence` of the resamples lies.

    Args:
        metric: Whose score.
        statistics: (N, K), of the metric.
        confidence: In (0, 1).
        resamples: How many.
        seed: Of the draws.

    Raises:
        ValueError: Statistics of another shape, no resamples, or a confidence outside of (0, 1).
    """
    scores = metric.score(bootstrap_sums(statistics, resamples=resamples, seed=seed))
    return percentile_interval(scores, confidence)


def percentile_interval(scores: Array, confidence: float = 0.95) -> Interval:
    """Between which scores (R,) the middle `confidence` of them lies.

    Raises:
        ValueError: A confidence outside of (0, 1).
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}; it lies between 0 and 1, 0.95 for example")
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(scores, (tail, 1.0 - tail))
    return Interval(float(low), float(high))


def paired_bootstrap(
    metric: Metric,
    first: Array,
    second: Array,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Compare two systems by the paired bootstrap.

    With D the difference of the two scores and D* that of a resample, the p-value is
    (1 + number of |D* - mean D*| >= |D|) / (1 + resamples): the resamples, moved to a mean of 0, stand for
    systems that don't differ.

    Args:
        metric: Whose scores.
        first: (N, K), the first system's statistics.
        second: (N, K), the second one's on the same pictures in the same order.
        confidence: Of the interval of the difference.
        resamples: How many.
        seed: Of the draws.

    Raises:
        ValueError: Shapes that differ, no resamples, or a confidence outside of (0, 1).
    """
    _check_pair(first, second, resamples)
    first_sums, second_sums = np.empty((2, resamples, first.shape[1]))
    for rows, counts in _bootstrap_counts(len(first), resamples, seed):
        first_sums[rows], second_sums[rows] = counts @ first, counts @ second
    differences = metric.score(second_sums) - metric.score(first_sums)
    scores = _Scores.of(metric, first, second)
    better = differences if metric.higher_is_better else -differences
    return Comparison(
        metric=metric.name,
        method="paired_bootstrap",
        first=scores.first,
        second=scores.second,
        difference=scores.difference,
        p_value=_p_value(differences - differences.mean(), scores.difference),
        interval=percentile_interval(differences, confidence),
        second_is_better=float(np.mean(better > _ROUNDING) + 0.5 * np.mean(np.abs(better) <= _ROUNDING)),
        resamples=resamples,
        seed=seed,
    )


def approximate_randomisation(
    metric: Metric,
    first: Array,
    second: Array,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Compare two systems by swapping their outputs.

    With D the difference of the two scores and D* that after each picture's outputs were swapped with
    probability 1/2, the p-value is (1 + number of |D*| >= |D|) / (1 + resamples).

    Args:
        metric: Whose scores.
        first: (N, K), the first system's statistics.
        second: (N, K), the second one's on the same pictures in the same order.
        resamples: How many.
        seed: Of the draws.

    Raises:
        ValueError: Shapes that differ, or no resamples.
    """
    _check_pair(first, second, resamples)
    gain = second - first
    moved = np.empty((resamples, first.shape[1]))
    for rows, swapped in _swaps(len(first), resamples, seed):
        moved[rows] = swapped @ gain
    differences = metric.score(second.sum(axis=0) - moved) - metric.score(first.sum(axis=0) + moved)
    scores = _Scores.of(metric, first, second)
    return Comparison(
        metric=metric.name,
        method="approximate_randomisation",
        first=scores.first,
        second=scores.second,
        difference=scores.difference,
        p_value=_p_value(differences, scores.difference),
        interval=None,
        second_is_better=None,
        resamples=resamples,
        seed=seed,
    )


class _Scores(NamedTuple):
    first: float
    second: float

    @property
    def difference(self) -> float:
        return self.second - self.first

    @classmethod
    def of(cls, metric: Metric, first: Array, second: Array) -> _Scores:
        return cls(float(metric.score(first.sum(axis=0))), float(metric.score(second.sum(axis=0))))


def _p_value(differences: Array, observed: float) -> float:
    as_large = int(np.sum(np.abs(differences) >= abs(observed) - _ROUNDING))
    return (1 + as_large) / (1 + len(differences))


def _bootstrap_counts(pairs: int, resamples: int, seed: int) -> Iterator[tuple[slice, Array]]:
    """How often each pair was drawn (r, N), for r resamples at a time."""
    random = np.random.default_rng(seed)
    for rows in _chunks(pairs, resamples):
        counts = np.zeros((rows.stop - rows.start, pairs))
        for row in counts:
            if pairs:
                # One resample a draw, so that the size of the chunks changes nothing.
                row += np.bincount(random.integers(pairs, size=pairs), minlength=pairs)
        yield rows, counts


def _swaps(pairs: int, resamples: int, seed: int) -> Iterator[tuple[slice, Array]]:
    """Whether each pair's outputs are swapped (r, N), 0 or 1, for r resamples at a time."""
    random = np.random.default_rng(seed)
    for rows in _chunks(pairs, resamples):
        bits: npt.NDArray[np.uint8] = np.array(
            [random.integers(2, size=pairs, dtype=np.uint8) for _ in range(rows.stop - rows.start)]
        )
        yield rows, bits.astype(np.float64)


def _chunks(pairs: int, resamples: int) -> Iterator[slice]:
    size = max(1, _CHUNK_DRAWS // max(pairs, 1))
    for start in range(0, resamples, size):
        yield slice(start, min(start + size, resamples))


def _check(statistics: Array, resamples: int) -> None:
    if statistics.ndim != 2:
        raise ValueError(f"statistics are (N, K), one row a pair; these are {statistics.shape}")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; 1 is the least, 1000 are usual")


def _check_pair(first: Array, second: Array, resamples: int) -> None:
    _check(first, resamples)
    if first.shape != second.shape:
        raise ValueError(
            f"statistics of the two systems are {first.shape} and {second.shape}; "
            "give those of one metric on the same pictures"
        )
