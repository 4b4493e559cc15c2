"""Two systems on the same references: which is better, and how surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from im2latex_fairseq.evaluation.counts import PairCounts
from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.evaluation import Evaluation, FloatArray
from im2latex_fairseq.evaluation.intervals import Resampling, split_columns
from im2latex_fairseq.metrics.metric import Metric
from im2latex_fairseq.metrics.resampling import (
    approximate_randomisation,
    bootstrap_sums,
    percentile_interval,
)


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

    def sentence(self) -> str:
        """How the figures came about, for people."""
        drawn = f"{self.resampling.resamples:,}"
        return (
            f"Over {self.counts[0].references:,} pairs that both systems read. p: approximate randomisation, {drawn} "
            f"exchanges, two-sided; a system is better where p < {1 - self.resampling.confidence:.3g}. Interval of the "
            f"difference: paired bootstrap, {drawn} resamples. Seed {self.resampling.seed}. Each metric is tested for "
            "itself: of twenty that don't differ, one will seem to at 0.05."
        )


def compare(a: Evaluation, b: Evaluation, resampling: Resampling) -> Comparison:
    """Compare two systems by all metrics that both evaluations have.

    Pairs are matched by id, whatever their order.

    Raises:
        EvaluationInputError: They have other samples or other references, or a metric has two signatures.
        ValueError: No resamples are asked for.
    """
    if resampling.resamples < 1:
        raise ValueError("a comparison takes resamples; give --resamples 1 or more")
    order = _order_of(a, b)
    metrics, left_out = _common_metrics(a, b)
    tables_a = [a.statistics[metric.name] for metric in metrics]
    tables_b = [b.statistics[metric.name][order] for metric in metrics]
    items: list[MetricComparison] = []
    if metrics:
        # All systems and metrics side by side, so that every score is of the same draws.
        tables = [*tables_a, *tables_b]
        sums = bootstrap_sums(np.hstack(tables), resamples=resampling.resamples, seed=resampling.seed)
        parts = split_columns(sums, tables)
        drawn = zip(parts[: len(metrics)], parts[len(metrics) :], strict=True)
        items = [
            _compare_by(metric, table_a, table_b, sums_a, sums_b, resampling)
            for metric, table_a, table_b, (sums_a, sums_b) in zip(
                metrics, tables_a, tables_b, drawn, strict=True
            )
        ]
    return Comparison(
        tuple(items),
        (a.counts, b.counts),
        resampling,
        left_out,
        _joint_remarks(a.remarks, b.remarks),
    )


def _compare_by(
    metric: Metric,
    table_a: FloatArray,
    table_b: FloatArray,
    sums_a: FloatArray,
    sums_b: FloatArray,
    resampling: Resampling,
) -> MetricComparison:
    """Tables (N, K) of what was observed, sums (R, K) of the same bootstrap draws of both."""
    found = approximate_randomisation(
        metric, table_a, table_b, resamples=resampling.resamples, seed=resampling.seed
    )
    interval = percentile_interval(metric.score(sums_b) - metric.score(sums_a), resampling.confidence)
    if np.array_equal(table_a, table_b):
        verdict = Verdict.EQUAL
    elif found.difference == 0.0 or not found.is_significant(1.0 - resampling.confidence):
        verdict = Verdict.OPEN
    else:
        verdict = Verdict.B if (found.difference > 0) == metric.higher_is_better else Verdict.A
    return MetricComparison(
        metric, found.first, found.second, interval.low, interval.high, found.p_value, verdict
    )


def _order_of(a: Evaluation, b: Evaluation) -> list[int]:
    """Where in `b` the pairs of `a` are."""
    places = {pair.id: place for place, pair in enumerate(b.pairs)}
    ids = [pair.id for pair in a.pairs]
    if len(ids) != len(places) or any(id_ not in places for id_ in ids):
        alone = [id_ for id_ in ids if id_ not in places] or sorted(places.keys() - set(ids))
        raise EvaluationInputError(
            f"the two systems were scored on different samples: {len(ids):,} and {len(places):,}, and {alone[0]!r} is "
            "among those of one alone; score both against the same --references"
        )
    order = [places[id_] for id_ in ids]
    for pair, place in zip(a.pairs, order, strict=True):
        if pair.reference != b.pairs[place].reference:
            raise EvaluationInputError(
                f"the two systems were scored against different references: that of {pair.id!r} is "
                f"{_short(pair.reference)} and {_short(b.pairs[place].reference)}"
            )
    return order


def _common_metrics(a: Evaluation, b: Evaluation) -> tuple[list[Metric], dict[str, str]]:
    """The metrics that both have, and why others aren't compared."""
    of_b = {metric.name: metric for metric in b.metrics}
    common: list[Metric] = []
    left_out = {**a.left_out, **b.left_out}
    for metric in a.metrics:
        other = of_b.pop(metric.name, None)
        if other is None:
            left_out.setdefault(metric.name, "one of the two evaluations lacks them")
        elif other.signature != metric.signature:
            raise EvaluationInputError(
                f"{metric.name} is {metric.signature} of one system and {other.signature} of the other; score both "
                "in the same way"
            )
        else:
            common.append(metric)
    for name in of_b:
        left_out.setdefault(name, "one of the two evaluations lacks them")
    return common, left_out


def _joint_remarks(a: Sequence[str], b: Sequence[str]) -> tuple[str, ...]:
    """Those of both, and those of one alone with its letter."""
    shared = [remark for remark in a if remark in b]
    return (
        *shared,
        *(f"A: {remark}" for remark in a if remark not in shared),
        *(f"B: {remark}" for remark in b if remark not in shared),
    )


def _short(formula: str) -> str:
    return repr(formula if len(formula) <= 60 else formula[:57] + "...")
