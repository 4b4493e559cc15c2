"""Scores as JSON for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from im2latex_fairseq import __version__
from im2latex_fairseq.evaluation.comparison import Comparison
from im2latex_fairseq.evaluation.evaluation import Evaluation
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.metrics.metric import Metric


def scores_json(evaluation: Evaluation, resampling: Resampling) -> dict[str, Any]:
    """Everything that the table says, and the sums that the scores derive from.

    Plain values that `json.dumps` takes, none of them NaN or infinite.
    """
    scores: dict[str, Any] = {}
    intervals = resampling.intervals(evaluation)
    for metric in evaluation.metrics:
        interval = intervals.get(metric.name)
        sums = evaluation.statistics[metric.name].sum(axis=0)
        scores[metric.name] = {
            "score": evaluation.score(metric.name),
            "interval": None if interval is None else list(interval),
            **_facts(metric),
            "sums": dict(zip(metric.statistic_names, sums.tolist(), strict=True)),
        }
    return {
        "version": __version__,
        "counts": asdict(evaluation.counts),
        "resampling": asdict(resampling),
        "scores": scores,
        "left_out": dict(evaluation.left_out),
        "remarks": list(evaluation.remarks),
    }


def comparison_json(comparison: Comparison, names: tuple[str, str]) -> dict[str, Any]:
    """Everything that the table of a comparison says."""
    return {
        "version": __version__,
        "systems": {"a": names[0], "b": names[1]},
        "counts": {letter: asdict(counts) for letter, counts in zip("ab", comparison.counts, strict=True)},
        "resampling": asdict(comparison.resampling),
        "metrics": {
            item.metric.name: {
                "a": item.score_a,
                "b": item.score_b,
                "difference": item.difference,
                "interval": [item.low, item.high],
                "p_value": item.p_value,
                "better": item.verdict.value,
                **_facts(item.metric),
            }
            for item in comparison.items
        },
        "left_out": dict(comparison.left_out),
        "remarks": list(comparison.remarks),
    }


def _facts(metric: Metric) -> dict[str, Any]:
    return {
        "title": metric.title,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "signature": metric.signature,
    }
