"""How confidence intervals are drawn, as one value for tables, JSON and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from im2latex_fairseq.evaluation.evaluation import Evaluation, FloatArray
from im2latex_fairseq.metrics.resampling import RESAMPLES, SEED, bootstrap_sums, percentile_interval


@dataclass(frozen=True)
class Resampling:
    """Settings of the bootstrap.

    Attributes:
        confidence: Of the intervals, between 0 and 1.
        resamples: How many samples of N pairs are drawn, with replacement; 0 for no intervals.
        seed: Of the draw.
    """

    confidence: float = 0.95
    resamples: int = RESAMPLES
    seed: int = SEED

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence < 1.0:
            raise ValueError(f"confidence is {self.confidence}; it goes from 0 to 1, both excluded")
        if self.resamples < 0:
            raise ValueError(f"resamples is {self.resamples}; it can't be negative")

    def intervals(self, evaluation: Evaluation) -> dict[str, tuple[float, float]]:
        """The interval of each metric, by its name; none if there are no resamples or fewer than two pairs.

        All metrics are drawn at once, so this takes little longer than one `Evaluation.interval`.
        """
        if self.resamples == 0 or len(evaluation.pairs) < 2 or not evaluation.metrics:
            return {}
        tables = [evaluation.statistics[metric.name] for metric in evaluation.metrics]
        sums = bootstrap_sums(np.hstack(tables), resamples=self.resamples, seed=self.seed)
        return {
            metric.name: percentile_interval(metric.score(part), self.confidence)
            for metric, part in zip(evaluation.metrics, split_columns(sums, tables), strict=True)
        }

    def sentence(self, pairs: int) -> str:
        """What people should know of the intervals."""
        if self.resamples == 0 or pairs < 2:
            return "No intervals: " + (
                "none were asked for." if pairs >= 2 else "they take two pairs or more."
            )
        return (
            f"Intervals: bootstrap over {pairs:,} pairs, {self.resamples:,} resamples, percentiles, seed {self.seed}. "
            "They say how much the choice of pairs matters, not the training run."
        )


def split_columns(sums: FloatArray, tables: Sequence[FloatArray]) -> list[FloatArray]:
    """The columns of `sums` (R, K_1 + K_2 + ...) that belong to each of the tables (N, K_i), in their order."""
    ends = np.cumsum([table.shape[1] for table in tables])
    return list(np.split(sums, ends[:-1], axis=1))
