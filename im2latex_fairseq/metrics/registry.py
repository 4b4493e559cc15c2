"""All metrics by name."""

from __future__ import annotations

from collections.abc import Iterable

from im2latex_fairseq.metrics.metric import Metric

#: Metrics of text alone, in the order of a table.
TEXT_METRICS: tuple[Metric, ...] = ()

#: Metrics of pairs that were rendered.
IMAGE_METRICS: tuple[Metric, ...] = ()


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


_BY_NAME = by_name((*TEXT_METRICS, *IMAGE_METRICS))
