"""All metrics by name."""

from __future__ import annotations

from collections.abc import Iterable

from im2latex_fairseq.metrics.bleu import MultiBleu
from im2latex_fairseq.metrics.edit_distance import EditDistance
from im2latex_fairseq.metrics.exact_match import exact_match_metrics, exp_rate
from im2latex_fairseq.metrics.image_match import IMAGE_MATCH_METRICS
from im2latex_fairseq.metrics.metric import Metric
from im2latex_fairseq.metrics.sacre_bleu import SacreBleu
from im2latex_fairseq.metrics.symbol_metrics import SYMBOL_METRICS
from im2latex_fairseq.metrics.well_formedness import BALANCED_RATE, COMPILE_RATE, REPETITION_RATE

#: Metrics of text alone, in the order of a table: what is most reported first, the same of given tokens behind.
TEXT_METRICS: tuple[Metric, ...] = (
    MultiBleu(),
    MultiBleu("given"),
    MultiBleu("unified"),
    SacreBleu(),
    SacreBleu("given"),
    EditDistance("edit_accuracy"),
    EditDistance("edit_accuracy", form="given"),
    EditDistance("edit_accuracy", form="unified"),
    EditDistance("mean_edit_distance"),
    EditDistance("mean_edit_distance", form="given"),
    EditDistance("error_rate"),
    EditDistance("error_rate", form="given"),
    EditDistance("edit_accuracy", "character"),
    EditDistance("edit_accuracy", "character", "given"),
    EditDistance("mean_edit_distance", "character"),
    EditDistance("mean_edit_distance", "character", "given"),
    EditDistance("error_rate", "character"),
    EditDistance("error_rate", "character", "given"),
    *exact_match_metrics(),
    *(exp_rate(most, "normal") for most in (1, 2, 3)),
    *(exp_rate(most, "given") for most in (1, 2, 3)),
    BALANCED_RATE,
    REPETITION_RATE,
)

#: Metrics of pairs that were rendered.
IMAGE_METRICS: tuple[Metric, ...] = (COMPILE_RATE, *IMAGE_MATCH_METRICS)

#: Names of those that a short table shows.
HEADLINE_METRICS = ("bleu_multi", "token_edit_accuracy", "exact_match", "exp_rate_1")


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        ValueError: There is none; the message lists those that there are.
    """
    if name not in _BY_NAME:
        raise ValueError(f"metric {name!r} is unknown; there are {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """Metrics by their names, in their order.

    Raises:
        ValueError: Two have the same name.
    """
    found: dict[str, Metric] = {}
    for one in metrics:
        if one.name in found:
            raise ValueError(f"metric {one.name!r} is already registered, as {found[one.name].signature}")
        found[one.name] = one
    return found


_BY_NAME = by_name((*TEXT_METRICS, *IMAGE_METRICS, *SYMBOL_METRICS))
