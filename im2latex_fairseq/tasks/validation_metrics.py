"""What validation logs beside the loss: statistics a batch that sum over workers, and their scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from fairseq.logging import metrics

from im2latex_fairseq.metrics.bleu import BleuStatistics, bleu_score, bleu_statistics
from im2latex_fairseq.metrics.edit_distance import EditStatistics, edit_accuracy, edit_statistics
from im2latex_fairseq.metrics.exact_match import is_exact_match
from im2latex_fairseq.metrics.metric import Metric, statistics_matrix
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.registry import TEXT_METRICS

# Keys that begin with "_" are kept from the printed line by fairseq; the scores derive from them.
_BLEU_KEYS = (
    "_bleu_hypothesis_length",
    "_bleu_reference_length",
    *(f"_bleu_matches_{n}" for n in range(1, 5)),
    *(f"_bleu_totals_{n}" for n in range(1, 5)),
)
_EDIT_KEYS = ("_edit_distance", "_edit_longer_length")
_MATCH_KEYS = ("_match_count", "_match_total")
_TOKEN_KEYS = ("_token_correct", "_token_total")


def token_statistics(logits: torch.Tensor, target: torch.Tensor, pad: int) -> dict[str, int]:
    """How many next tokens were right under teacher forcing: logits (B, T, V), target (B, T)."""
    mask = target.ne(pad)
    correct = (logits.argmax(dim=-1).eq(target) & mask).sum().item()
    return dict(zip(_TOKEN_KEYS, (int(correct), int(mask.sum().item())), strict=True))


def generation_statistics(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> dict[str, int]:
    """The statistics of decoded (hypothesis, reference) token lists, by the keys of the log."""
    bleu, edit, matches, total = BleuStatistics(), EditStatistics(), 0, 0
    for hypothesis, reference in pairs:
        bleu += bleu_statistics(hypothesis, reference)
        edit += edit_statistics(hypothesis, reference)
        matches += is_exact_match(hypothesis, reference)
        total += 1
    values = (
        bleu.hypothesis_length,
        bleu.reference_length,
        *bleu.matches,
        *bleu.totals,
        edit.distance,
        edit.longer_length,
        matches,
        total,
    )
    return dict(zip((*_BLEU_KEYS, *_EDIT_KEYS, *_MATCH_KEYS), values, strict=True))


def text_metrics_called(names: str) -> tuple[Metric, ...]:
    """The text metrics of a list of names, parted by commas; none of an empty list.

    Raises:
        ValueError: A name isn't that of a text metric, or that of a score which validation logs anyway.
    """
    known = {metric.name: metric for metric in TEXT_METRICS}
    chosen = []
    for name in dict.fromkeys(part.strip() for part in names.split(",")):
        if name in _GENERATION_SCORES:
            raise ValueError(
                f"--eval-metrics: {name} means tokens as given in validation, where it is logged anyway; name its "
                f"relatives, {', '.join(key for key in known if name in key and key != name)} for example"
            )
        if name and name not in known:
            raise ValueError(
                f"--eval-metrics: {name!r} is no text metric (those of pictures need TeX and aren't computed in "
                f"validation); there are {', '.join(known)}"
            )
        if name:
            chosen.append(known[name])
    return tuple(chosen)


def metric_statistics(
    pairs: Iterable[tuple[Sequence[str], Sequence[str]]], chosen: Sequence[Metric]
) -> dict[str, float]:
    """The statistics of decoded (hypothesis, reference) token lists by metrics, by the keys of the log."""
    if not chosen:  # reading pairs takes the normaliser
        return {}
    read = [
        make_pair(str(number), " ".join(hypothesis), " ".join(reference))
        for number, (hypothesis, reference) in enumerate(pairs)
    ]
    values: dict[str, float] = {}
    for metric in chosen:
        sums = statistics_matrix(metric, read).sum(axis=0)
        values.update(zip(_keys_of(metric), sums.tolist(), strict=True))
    return values


def log_scores(logging_outputs: Sequence[dict[str, Any]], chosen: Sequence[Metric] = ()) -> None:
    """Sum the statistics of the workers' batches and log the scores that derive from the sums.

    Args:
        logging_outputs: One a batch and worker.
        chosen: Metrics of which `metric_statistics` may be among them.
    """
    groups: list[tuple[Sequence[str], dict[str, Callable[[Any], float]]]] = [
        (_TOKEN_KEYS, {"token_accuracy": _token_accuracy}),
        ((*_BLEU_KEYS, *_EDIT_KEYS, *_MATCH_KEYS), _GENERATION_SCORES),
        *((_keys_of(metric), {metric.name: partial(_metric_score, metric=metric)}) for metric in chosen),
    ]
    for keys, scores in groups:
        if not any(keys[-1] in output for output in logging_outputs):
            continue
        for key in keys:
            total = sum(_number(output.get(key, 0)) for output in logging_outputs)
            metrics.log_scalar(key, total)
        for name, score in scores.items():
            metrics.log_derived(name, score)


def _keys_of(metric: Metric) -> tuple[str, ...]:
    return tuple(f"_{metric.name}_{name}" for name in metric.statistic_names)


def _metric_score(meters: Any, metric: Metric) -> float:
    sums = np.array([float(_number(meters[key].sum)) for key in _keys_of(metric)])
    return round(float(metric.score(sums)), 2)


def _number(value: Any) -> float:
    return value.item() if torch.is_tensor(value) else value


def _sums(meters: Any, keys: Sequence[str]) -> list[int]:
    return [int(_number(meters[key].sum)) for key in keys]


def _token_accuracy(meters: Any) -> float:
    correct, total = _sums(meters, _TOKEN_KEYS)
    return round(100.0 * correct / total, 2) if total else 0.0


def _bleu(meters: Any) -> float:
    values = _sums(meters, _BLEU_KEYS)
    return round(bleu_score(BleuStatistics(values[0], values[1], tuple(values[2:6]), tuple(values[6:]))), 2)


def _edit(meters: Any) -> float:
    return round(edit_accuracy(EditStatistics(*_sums(meters, _EDIT_KEYS))), 2)


def _exact(meters: Any) -> float:
    matches, total = _sums(meters, _MATCH_KEYS)
    return round(100.0 * matches / total, 2) if total else 0.0


_GENERATION_SCORES = {"bleu": _bleu, "edit_accuracy": _edit, "exact_match": _exact}
