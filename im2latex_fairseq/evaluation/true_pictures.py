"""Image metrics against the picture that the system saw, in place of a drawing of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.metrics.metric import Metric
from im2latex_fairseq.metrics.pair import FormulaPair
from im2latex_fairseq.metrics.registry import metric as registered_metric
from im2latex_fairseq.metrics.well_formedness import COMPILE_RATE

GreyImage = npt.NDArray[np.uint8]

_SUFFIX = "_true_picture"


class TruePictureMetric:
    """An image metric in which the true picture stands for the reference's drawing.

    The true pictures must have the scale, the face and the margins in which hypotheses are drawn, or nothing
    matches: those of IM2LATEX-100K's release do, nearly.

    Args:
        metric: The image metric.
        pictures: Id of a pair -> its picture (height, width) uint8, 255 = paper; None to read statistics that
            were computed before.
    """

    def __init__(self, metric: Metric, pictures: Mapping[str, GreyImage] | None) -> None:
        self._metric = metric
        self._pictures = pictures
        self.name = metric.name + _SUFFIX
        self.title = f"{metric.title}, against the true picture"
        self.signature = f"{metric.signature}|reference:picture"
        self.unit = metric.unit
        self.higher_is_better = metric.higher_is_better
        self.statistic_names = metric.statistic_names
        self.needs_images = True

    def statistics(self, pair: FormulaPair) -> npt.NDArray[np.float64]:
        """The metric's statistics of the pair with its true picture.

        Raises:
            KeyError: There is no picture of the pair.
        """
        assert self._pictures is not None, "a metric that was read from a file has no pictures"
        picture = self._pictures[pair.id]
        return self._metric.statistics(replace(pair, reference_image=picture, reference_render_error=""))

    def score(self, sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """As the metric: (..., K) sums -> (...) scores."""
        return self._metric.score(sums)


def against_true_pictures(
    metrics: Iterable[Metric], pictures: Mapping[str, GreyImage]
) -> tuple[TruePictureMetric, ...]:
    """The metrics among `metrics` that compare pictures, against the true ones."""
    return tuple(
        TruePictureMetric(metric, pictures)
        for metric in metrics
        if metric.needs_images and metric.name != COMPILE_RATE.name  # it looks at no reference
    )


def metric_by_name(name: str) -> Metric:
    """A metric of the registry, or one of these, for reading what it once computed.

    Raises:
        ValueError: There is no such metric.
    """
    if name.endswith(_SUFFIX):
        return TruePictureMetric(registered_metric(name.removesuffix(_SUFFIX)), None)
    return registered_metric(name)
