"""Image metrics against the picture that the system saw, in place of a drawing of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from im2latex_fairseq.images.renderer import GreyImage
from im2latex_fairseq.metrics.metric import Array, Metric, corpus_score
from im2latex_fairseq.metrics.pair import FormulaPair
from im2latex_fairseq.metrics.registry import metric as registered_metric
from im2latex_fairseq.metrics.well_formedness import COMPILE_RATE

_SUFFIX = "_true_picture"


class TruePairs:
    """Pairs with the true picture as the reference's, each made once: image metrics remember what they compared.

    Args:
        pictures: Id of a pair -> its picture (height, width) uint8, 255 = paper.
    """

    def __init__(self, pictures: Mapping[str, GreyImage]) -> None:
        self._pictures = pictures
        self._made: dict[str, FormulaPair] = {}

    def of(self, pair: FormulaPair) -> FormulaPair:
        """The pair with its true picture.

        Raises:
            KeyError: There is no picture of the pair.
        """
        made = self._made.get(pair.id)
        if made is None:
            made = replace(pair, reference_image=self._pictures[pair.id], reference_render_error="")
            self._made[pair.id] = made
        return made


class TruePictureMetric:
    """An image metric in which the true picture stands for the reference's drawing.

    The true pictures must have the scale and the face in which hypotheses are drawn, or nothing matches. Even then
    small differences of the drawing programs cost a lot: see `ceilings`.

    Args:
        metric: The image metric.
        pairs: Knows the true pictures; None to read statistics that were computed before.
    """

    def __init__(self, metric: Metric, pairs: TruePairs | None) -> None:
        self._metric = metric
        self._pairs = pairs
        self.name = metric.name + _SUFFIX
        self.title = f"{metric.title}, against the true picture"
        self.signature = f"{metric.signature}|reference:picture"
        self.unit = metric.unit
        self.higher_is_better = metric.higher_is_better
        self.needs_images = metric.needs_images
        self.statistic_names = metric.statistic_names

    def statistics(self, pair: FormulaPair) -> Array:
        """The metric's statistics of the pair with its true picture.

        Raises:
            KeyError: There is no picture of the pair.
        """
        assert self._pairs is not None, "a metric that was read from a file has no pictures"
        return self._metric.statistics(self._pairs.of(pair))

    def score(self, sums: Array) -> Array:
        """As the metric: (..., K) sums -> (...) scores."""
        return self._metric.score(sums)


def against_true_pictures(
    metrics: Iterable[Metric], pictures: Mapping[str, GreyImage]
) -> tuple[TruePictureMetric, ...]:
    """The metrics among `metrics` that compare pictures, against the true ones."""
    pairs = TruePairs(pictures)
    return tuple(
        TruePictureMetric(metric, pairs)
        for metric in metrics
        if metric.needs_images and metric.name != COMPILE_RATE.name  # it looks at no reference
    )


def ceilings(
    pairs: Iterable[FormulaPair], metrics: Iterable[Metric], pictures: Mapping[str, GreyImage]
) -> dict[str, float]:
    """What the references' own drawings score against the true pictures, by the names of these metrics.

    No system can be expected to score more: what is missing to 100 is the difference between the program that made
    the true pictures and the one that draws here.
    """
    perfect = [
        replace(
            pair,
            hypothesis=pair.reference,
            hypothesis_tokens=pair.reference_tokens,
            normal_hypothesis=pair.normal_reference,
            hypothesis_image=pair.reference_image,
            hypothesis_render_error=pair.reference_render_error,
        )
        for pair in pairs
    ]
    return {metric.name: corpus_score(metric, perfect) for metric in against_true_pictures(metrics, pictures)}


def metric_by_name(name: str) -> Metric:
    """A metric of the registry, or one of these, for reading what it once computed.

    Raises:
        ValueError: There is no such metric.
    """
    if name.endswith(_SUFFIX):
        return TruePictureMetric(registered_metric(name.removesuffix(_SUFFIX)), None)
    return registered_metric(name)
