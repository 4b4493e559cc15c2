"""Scores as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from im2latex_fairseq.evaluation.comparison import Comparison, Verdict
from im2latex_fairseq.evaluation.counts import TREATMENT, PairCounts
from im2latex_fairseq.evaluation.evaluation import Evaluation
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.metrics.metric import Metric

# What always says something, and what does only where there is some of it.
_ALWAYS_SHOWN = ("missing", "empty", "duplicate", "foreign")


def scores_table(evaluation: Evaluation, resampling: Resampling) -> str:
    """Counts, scores with intervals, what was left out, signatures."""
    share = f"{100 * resampling.confidence:g}% interval"
    rows = [("metric", "", "score", share, "unit", "better")]
    intervals = resampling.intervals(evaluation)
    for metric in evaluation.metrics:
        interval = intervals.get(metric.name)
        rows.append(
            (
                metric.title,
                metric.name,
                _number(evaluation.score(metric.name)),
                "" if interval is None else f"{_number(interval[0])} to {_number(interval[1])}",
                metric.unit,
                _direction(metric),
            )
        )
    return "\n".join(
        [
            *counts_lines(evaluation.counts),
            "",
            *columns(rows, right=(2, 3)),
            *left_out_lines(evaluation.left_out),
            "",
            resampling.sentence(evaluation.counts.references),
            "",
            *signature_lines(evaluation.metrics),
            *remark_lines(evaluation.remarks),
        ]
    )


def comparison_table(comparison: Comparison, names: tuple[str, str]) -> str:
    """Which system is better by each metric, and how surely."""
    rows = [
        (
            "metric",
            "",
            "A",
            "B",
            "B - A",
            f"{100 * comparison.resampling.confidence:g}% interval",
            "p",
            "better",
        )
    ]
    for item in comparison.items:
        rows.append(
            (
                item.metric.title,
                item.metric.name,
                _number(item.score_a),
                _number(item.score_b),
                f"{item.difference:+.2f}",
                f"{item.low:+.2f} to {item.high:+.2f}",
                _p_value(item.p_value, comparison.resampling.resamples),
                _VERDICTS[item.verdict],
            )
        )
    lines = [f"A: {names[0]}", f"B: {names[1]}", ""]
    for letter, counts in zip("AB", comparison.counts, strict=True):
        first, *rest = counts_lines(counts)
        lines += [f"{letter}: {first}", *rest]
    return "\n".join(
        [
            *lines,
            "",
            *columns(rows, right=(2, 3, 4, 5, 6)),
            *left_out_lines(comparison.left_out),
            "",
            comparison.sentence(),
            "",
            *signature_lines([item.metric for item in comparison.items]),
            *remark_lines(comparison.remarks),
        ]
    )


def counts_lines(counts: PairCounts) -> list[str]:
    """How many were missing, empty, ..., and how they counted."""
    values = asdict(counts)
    shown = [name for name in TREATMENT if values[name] or name in _ALWAYS_SHOWN]
    width = max(len(f"{values[name]:,}") for name in shown)
    head = f"{counts.references:,} references, {counts.hypotheses:,} hypotheses"
    return [head, *(f"  {values[name]:>{width},}  {_spaced(name)}: {TREATMENT[name]}" for name in shown)]


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Cells under each other, two blanks between; the columns of `right` flush right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            f"{cell:>{width}}" if place in right else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def left_out_lines(left_out: Mapping[str, str]) -> list[str]:
    """What couldn't be computed, the metrics of one reason in one paragraph."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        by_reason.setdefault(reason, []).append(name)
    lines: list[str] = []
    for reason, names in by_reason.items():
        lines += ["", f"left out: {', '.join(names)}", f"  because {reason}"]
    return lines


def signature_lines(metrics: Sequence[Metric]) -> list[str]:
    """What each score is, exactly."""
    if not metrics:
        return []
    return ["signatures", *columns([(f"  {metric.name}", metric.signature) for metric in metrics])]


def remark_lines(remarks: Sequence[str]) -> list[str]:
    """What people should know of the input."""
    return ["", "remarks", *(f"  {remark}" for remark in remarks)] if remarks else []


_VERDICTS = {Verdict.A: "A", Verdict.B: "B", Verdict.OPEN: "not shown", Verdict.EQUAL: "equal"}


def _direction(metric: Metric) -> str:
    return "higher" if metric.higher_is_better else "lower"


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float) -> str:
    return f"{value:.2f}"


def _p_value(value: float, resamples: int) -> str:
    smallest = 1.0 / (resamples + 1)
    return f"<{smallest:.4f}" if value <= smallest else f"{value:.4f}"
