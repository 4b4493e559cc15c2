"""What a metric is: statistics of each pair that add up, and a score of their sums.

Every metric of this room is linear in its statistics, so that scores of shards can be merged, resampled and
compared without reading a formula twice:

    >>> matrix = statistics_matrix(metric, pairs)        # (N, K)
    >>> metric.score(matrix.sum(axis=0))                 # of the whole
    >>> metric.score(matrix)                             # of each pair alone, (N,)

Scores are finite, whatever the sums. A corpus of no pairs has nothing wrong with it and is given the perfect
score, unless a metric's docstring says otherwise; who evaluates should refuse to report that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from im2latex_fairseq import __version__
from im2latex_fairseq.metrics.pair import FormulaPair

Array: TypeAlias = npt.NDArray[np.float64]

#: The end of each signature: the normal form, too, is that of the version.
VERSION = f"version:{__version__}"


@runtime_checkable
class Metric(Protocol):
    """A figure of merit of a corpus. Instances are stateless and can be pickled."""

    @property
    def name(self) -> str:
        """Stable, in snake case: the key in JSON and of `--scoring`."""

    @property
    def title(self) -> str:
        """A few words for people."""

    @property
    def signature(self) -> str:
        """Everything that decides the figure, as sacrebleu writes it: `bleu|tokens:normal|nrefs:1|...`."""

    @property
    def unit(self) -> str:
        """Of the score: "percent", as a rule."""

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""

    @property
    def needs_images(self) -> bool:
        """Whether the pairs must have been rendered."""

    @property
    def statistic_names(self) -> tuple[str, ...]:
        """What the K statistics are."""

    def statistics(self, pair: FormulaPair) -> Array:
        """The statistics (K,) of one pair, float64; those of a corpus are their sum."""

    def score(self, sums: Array) -> Array:
        """Sums of statistics (..., K) to scores (...); finite for the sums of any pairs, and for zeros."""


def statistics_matrix(
    metric: Metric, pairs: Sequence[FormulaPair], progress: Callable[[int], object] | None = None
) -> Array:
    """The statistics (N, K) of all pairs; (0, K) of none.

    Args:
        metric: Whose.
        pairs: Rendered, if it needs pictures.
        progress: Is told how many more pairs are done.
    """
    matrix = np.zeros((len(pairs), len(metric.statistic_names)))
    for row, pair in enumerate(pairs):
        matrix[row] = metric.statistics(pair)
        if progress is not None:
            progress(1)
    return matrix


def corpus_score(metric: Metric, pairs: Sequence[FormulaPair]) -> float:
    """The metric of all pairs together."""
    return float(metric.score(statistics_matrix(metric, pairs).sum(axis=0)))


def ratio(numerator: Array, denominator: Array, of_nothing: float) -> Array:
    """`numerator / denominator` where the denominator is positive, `of_nothing` elsewhere."""
    result = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), of_nothing)
    np.divide(numerator, denominator, out=result, where=np.asarray(denominator) > 0)
    return result


@dataclass(frozen=True)
class Share:
    """100 * (pairs for which something holds) / (pairs), in [0, 100].

    Attributes:
        name: See `Metric`.
        title: See `Metric`.
        signature: See `Metric`.
        holds: What is counted. A function of a module (or a `partial` of one), so that it can be pickled.
        higher_is_better: See `Metric`; no pairs at all are 100 where it is, 0 where it isn't.
        needs_images: See `Metric`.
    """

    name: str
    title: str
    signature: str
    holds: Callable[[FormulaPair], bool]
    higher_is_better: bool = True
    needs_images: bool = False
    unit: str = "percent"
    statistic_names: tuple[str, ...] = ("count", "pairs")

    def statistics(self, pair: FormulaPair) -> Array:
        """Whether it holds, and one."""
        return np.array([float(self.holds(pair)), 1.0])

    def score(self, sums: Array) -> Array:
        """The share in percent; see `Metric`."""
        return 100.0 * ratio(sums[..., 0], sums[..., 1], of_nothing=float(self.higher_is_better))
