"""Scores of one system: its pairs, what each metric keeps of each pair, and what follows from the sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.evaluation.counts import PairCounts
from im2latex_fairseq.metrics.metric import Metric, statistics_matrix
from im2latex_fairseq.metrics.pair import FormulaPair
from im2latex_fairseq.metrics.resampling import RESAMPLES, SEED, confidence_interval

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """What is known of a system's output.

    Attributes:
        pairs: (N) One a reference.
        statistics: Name of a metric -> (N, K) float64, what it keeps of each pair; rows add up.
        counts: How many were missing, empty, ... and how they counted.
        metrics: (M) In the order in which they are shown.
        left_out: Name of a metric that was asked for and couldn't be computed -> why.
        remarks: What people should know of the input.
    """

    pairs: tuple[FormulaPair, ...]
    statistics: Mapping[str, FloatArray]
    counts: PairCounts
    metrics: tuple[Metric, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def metric(self, name: str) -> Metric:
        """The metric of that name.

        Raises:
            KeyError: It wasn't computed; lists those that were.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        why = f": {self.left_out[name]}" if name in self.left_out else ""
        raise KeyError(
            f"{name!r} wasn't computed{why}; there are {', '.join(metric.name for metric in self.metrics)}"
        )

    def score(self, name: str) -> float:
        """The score of all pairs together, in the metric's unit."""
        return float(self.metric(name).score(self.statistics[name].sum(axis=0)))

    def interval(
        self, name: str, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = SEED
    ) -> tuple[float, float]:
        """Lower and upper end of a bootstrap confidence interval of the score.

        Args:
            name: Of the metric.
            confidence: Between 0 and 1.
            resamples: How many samples of N pairs are drawn, with replacement.
            seed: Of the draw: equal seeds draw the same pairs for every metric.
        """
        return confidence_interval(
            self.metric(name), self.statistics[name], confidence=confidence, resamples=resamples, seed=seed
        )

    def per_sample(self, name: str) -> FloatArray:
        """(N,) the score of each pair alone."""
        return self.metric(name).score(self.statistics[name])


def evaluate(
    pairs: Sequence[FormulaPair],
    metrics: Sequence[Metric],
    *,
    counts: PairCounts | None = None,
    left_out: Mapping[str, str] | None = None,
    remarks: Sequence[str] = (),
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Compute the statistics of every metric for every pair.

    Args:
        pairs: Rendered, if a metric needs pictures.
        metrics: Of different names.
        counts: What alignment counted; without it there were neither duplicate nor foreign hypotheses.
        left_out: See `Evaluation`.
        remarks: See `Evaluation`.
        progress: Is told how many more pairs one metric has done: `len(pairs) * len(metrics)` in all.

    Raises:
        ValueError: Two metrics have one name, or two pairs one id.
    """
    _refuse_repetitions("metric", [metric.name for metric in metrics])
    _refuse_repetitions("sample", [pair.id for pair in pairs])
    return Evaluation(
        tuple(pairs),
        {metric.name: statistics_matrix(metric, pairs, progress) for metric in metrics},
        complete_counts(counts, pairs),
        tuple(metrics),
        dict(left_out or {}),
        tuple(remarks),
    )


def merge(parts: Sequence[Evaluation]) -> Evaluation:
    """The evaluation of all pairs of several parts, as if they had been evaluated together.

    A metric that one part lacks is left out of the whole, with the reason.

    Raises:
        ValueError: There are no parts, a sample is in two of them, or a metric has two signatures.
    """
    if not parts:
        raise ValueError("nothing to merge")
    pairs = tuple(pair for part in parts for pair in part.pairs)
    _refuse_repetitions("sample", [pair.id for pair in pairs])
    left_out = {name: why for part in parts for name, why in part.left_out.items()}
    metrics: list[Metric] = []
    names = list(dict.fromkeys(metric.name for part in parts for metric in part.metrics))
    for name in names:
        owners = [metric for part in parts for metric in part.metrics if metric.name == name]
        if len(owners) < len(parts):
            left_out.setdefault(name, f"{len(parts) - len(owners)} of {len(parts)} parts lack it")
            continue
        left_out.pop(name, None)
        signatures = dict.fromkeys(metric.signature for metric in owners)
        if len(signatures) > 1:
            raise ValueError(f"{name} was computed in different ways: {' and '.join(signatures)}")
        metrics.append(owners[0])
    counts = PairCounts()
    for part in parts:
        counts = counts + part.counts
    return Evaluation(
        pairs,
        {m.name: np.concatenate([part.statistics[m.name] for part in parts]) for m in metrics},
        counts,
        tuple(metrics),
        left_out,
        tuple(dict.fromkeys(remark for part in parts for remark in part.remarks)),
    )


def complete_counts(counts: PairCounts | None, pairs: Sequence[FormulaPair]) -> PairCounts:
    """Counts with what only the pairs know: how many have no normal form; all of it, if `counts` is None."""
    if counts is None:
        missing = sum(pair.missing for pair in pairs)
        counts = PairCounts(
            references=len(pairs),
            hypotheses=len(pairs) - missing,
            missing=missing,
            empty=sum(not pair.hypothesis.strip() and not pair.missing for pair in pairs),
            empty_references=sum(not pair.reference.strip() for pair in pairs),
        )
    assert counts.references == len(pairs), "the counts are of other pairs"
    return replace(
        counts,
        unnormal_hypotheses=sum(bool(pair.hypothesis_refusal) for pair in pairs),
        unnormal_references=sum(bool(pair.reference_refusal) for pair in pairs),
    )


def _refuse_repetitions(what: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} comes twice; it would count twice")
        seen.add(name)
