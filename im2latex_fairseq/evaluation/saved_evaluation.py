"""An evaluation as a file: JSON lines, a head and then a line a pair, for merging and comparing later.

Pictures aren't kept; what the metrics kept of them is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from im2latex_fairseq import __version__
from im2latex_fairseq.data.atomic_file import write_text_atomically
from im2latex_fairseq.evaluation.counts import PairCounts
from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.evaluation import Evaluation
from im2latex_fairseq.evaluation.text_file import read_text_file
from im2latex_fairseq.evaluation.true_pictures import metric_by_name
from im2latex_fairseq.metrics.metric import Metric
from im2latex_fairseq.metrics.pair import FormulaPair

_KIND = "im2latex_evaluation"
_FORMAT = 1
_PLAIN_FIELDS = (
    "hypothesis_refusal",
    "reference_refusal",
    "hypothesis_render_error",
    "reference_render_error",
    "confidence",
)


def write_evaluation(path: str | Path, evaluation: Evaluation) -> None:
    """Write a file that `read_evaluation` reads; it appears once it is complete."""
    head = {
        _KIND: _FORMAT,
        "version": __version__,
        "counts": asdict(evaluation.counts),
        "metrics": [
            {"name": m.name, "signature": m.signature, "statistics": list(m.statistic_names)}
            for m in evaluation.metrics
        ],
        "left_out": dict(evaluation.left_out),
        "remarks": list(evaluation.remarks),
    }
    lines = [_json(head)]
    tables = [evaluation.statistics[metric.name].tolist() for metric in evaluation.metrics]
    for number, pair in enumerate(evaluation.pairs):
        lines.append(
            _json({**_pair_fields(pair), "statistics": [_numbers(table[number]) for table in tables]})
        )
    write_text_atomically(Path(path), "\n".join(lines) + "\n")


def is_evaluation_file(path: str | Path) -> bool:
    """Whether a file begins as `write_evaluation` begins it."""
    path = Path(path)
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(_KIND) + 8).startswith(f'{{"{_KIND}":'.encode())


def read_evaluation(path: str | Path) -> Evaluation:
    """Read what `write_evaluation` wrote.

    Raises:
        EvaluationInputError: It is something else, cut off, or of a release that computed a metric otherwise.
    """
    lines = read_text_file(path).lines
    head = _object(lines[0], f"{path}, line 1") if is_evaluation_file(path) else {}
    if head.get(_KIND) != _FORMAT:
        raise EvaluationInputError(
            f"{path}: not an evaluation of this release; im2latex score --save FILE writes one"
        )
    metrics = [_metric(item, path) for item in head["metrics"]]
    counts = PairCounts(**head["counts"])
    if len(lines) != 1 + counts.references:
        raise EvaluationInputError(
            f"{path}: {len(lines) - 1:,} pairs where its head says {counts.references:,}; is the file cut off?"
        )
    pairs: list[FormulaPair] = []
    rows: list[list[list[float]]] = []
    for number, line in enumerate(lines[1:], 2):
        item = _object(line, f"{path}, line {number}")
        rows.append(item.pop("statistics"))
        pairs.append(_pair(item))
    statistics = {
        metric.name: np.array([row[place] for row in rows], dtype=np.float64).reshape(
            len(rows), len(metric.statistic_names)
        )
        for place, metric in enumerate(metrics)
    }
    return Evaluation(
        tuple(pairs), statistics, counts, tuple(metrics), head["left_out"], tuple(head["remarks"])
    )


def _metric(item: dict[str, Any], path: str | Path) -> Metric:
    try:
        metric = metric_by_name(item["name"])
    except (KeyError, ValueError) as error:
        raise EvaluationInputError(f"{path}: {error}") from error
    if (metric.signature, list(metric.statistic_names)) != (item["signature"], item["statistics"]):
        raise EvaluationInputError(
            f"{path}: {metric.name} was computed as {item['signature']}, this release computes {metric.signature}; "
            "score the predictions again"
        )
    return metric


def _pair_fields(pair: FormulaPair) -> dict[str, Any]:
    """A pair without what follows from the rest: tokens are mostly the text split, the normal form mostly these."""
    kept: dict[str, Any] = {
        "id": pair.id,
        "hypothesis": None if pair.missing else pair.hypothesis,
        "reference": pair.reference,
    }
    for side in ("hypothesis", "reference"):
        tokens, normal = getattr(pair, f"{side}_tokens"), getattr(pair, f"normal_{side}")
        if tokens != tuple(getattr(pair, side).split()):
            kept[f"{side}_tokens"] = list(tokens)
        if normal != tokens:
            kept[f"normal_{side}"] = list(normal)
    kept.update(
        {name: getattr(pair, name) for name in _PLAIN_FIELDS if getattr(pair, name) not in ("", None)}
    )
    return kept


def _pair(item: dict[str, Any]) -> FormulaPair:
    """The pair that `_pair_fields` wrote down."""
    values: dict[str, Any] = {name: item[name] for name in _PLAIN_FIELDS if name in item}
    for side in ("hypothesis", "reference"):
        values[side] = item[side] or ""
        values[f"{side}_tokens"] = tuple(item.get(f"{side}_tokens", values[side].split()))
        values[f"normal_{side}"] = tuple(item.get(f"normal_{side}", values[f"{side}_tokens"]))
    return FormulaPair(id=item["id"], missing=item["hypothesis"] is None, **values)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _numbers(row: Sequence[float]) -> list[float]:
    """Whole numbers without their ".0": most are, and they are most of the file."""
    return [int(value) if float(value).is_integer() else value for value in row]


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise EvaluationInputError(f"{place}: not JSON ({error.msg}); is the file cut off?") from error
    if not isinstance(value, dict):
        raise EvaluationInputError(f"{place}: expected an object")
    return value
