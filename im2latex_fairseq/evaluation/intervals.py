"""How confidence intervals are drawn, as one value for tables, JSON and reports."""

from __future__ import annotations

from dataclasses import dataclass

from im2latex_fairseq.evaluation.evaluation import Evaluation


@dataclass(frozen=True)
class Resampling:
    """Settings of the bootstrap.

    Attributes:
        confidence: Of the intervals, between 0 and 1.
        resamples: How many samples of N pairs are drawn, with replacement; 0 for no intervals.
        seed: Of the draw.
    """

    confidence: float = 0.95
    resamples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence < 1.0:
            raise ValueError(f"confidence is {self.confidence}; it goes from 0 to 1, both excluded")
        if self.resamples < 0:
            raise ValueError(f"resamples is {self.resamples}; it can't be negative")

    def interval(self, evaluation: Evaluation, name: str) -> tuple[float, float] | None:
        """The interval of a metric; None if there are no resamples or fewer than two pairs."""
        if self.resamples == 0 or len(evaluation.pairs) < 2:
            return None
        return evaluation.interval(name, self.confidence, self.resamples, self.seed)

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
