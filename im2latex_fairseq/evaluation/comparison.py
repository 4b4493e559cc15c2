"""Two systems on the same references: which is better, and how surely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from im2latex_fairseq.evaluation.counts import PairCounts
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.metrics.metric import Metric


class Verdict(Enum):
    """Which of two systems is better by a metric."""

    A = "a"
    B = "b"
    OPEN = "not shown"  # the difference may be chance
    EQUAL = "equal"  # no difference at all


@dataclass(frozen=True)
class MetricComparison:
    """Two systems by one metric.

    Attributes:
        metric: The metric.
        score_a: Of the first system.
        score_b: Of the second.
        low: Lower end of the bootstrap interval of `score_b - score_a`, both scored on the same draws.
        high: Its upper end.
        p_value: How often a difference as large appears if outputs are exchanged at random between the systems
            (approximate randomisation); in (0, 1].
        verdict: The better one, if `p_value` is below 1 - confidence.
    """

    metric: Metric
    score_a: float
    score_b: float
    low: float
    high: float
    p_value: float
    verdict: Verdict

    @property
    def difference(self) -> float:
        """`score_b - score_a`."""
        return self.score_b - self.score_a


@dataclass(frozen=True)
class Comparison:
    """Two systems by all metrics that both have.

    Attributes:
        items: One a metric.
        counts: Of the first system and of the second.
        resampling: How intervals and p-values were drawn.
        left_out: Name of a metric that one of them lacks -> why.
        remarks: What people should know of the input.
    """

    items: tuple[MetricComparison, ...]
    counts: tuple[PairCounts, PairCounts]
    resampling: Resampling
    left_out: Mapping[str, str]
    remarks: tuple[str, ...]
