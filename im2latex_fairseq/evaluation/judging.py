"""From aligned texts to an evaluation: which metrics, what must be rendered, what has to be left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.evaluation.alignment import AlignedTexts, make_pairs
from im2latex_fairseq.evaluation.evaluation import Evaluation, evaluate
from im2latex_fairseq.evaluation.true_pictures import against_true_pictures
from im2latex_fairseq.images.renderer import tex_available
from im2latex_fairseq.metrics.metric import Metric
from im2latex_fairseq.metrics.registry import IMAGE_METRICS, TEXT_METRICS
from im2latex_fairseq.metrics.registry import metric as registered_metric
from im2latex_fairseq.metrics.rendering_pairs import render_pairs

GreyImage = npt.NDArray[np.uint8]

NO_TEX = (
    "they draw the formulas, and latex or dvipng isn't on the PATH (Debian and Ubuntu: apt-get install "
    "texlive-latex-base texlive-latex-recommended texlive-fonts-recommended dvipng)"
)

#: Names that stand for several metrics.
GROUPS: Mapping[str, tuple[Metric, ...]] = {
    "all": (*TEXT_METRICS, *IMAGE_METRICS),
    "text": TEXT_METRICS,
    "image": IMAGE_METRICS,
}


class Progress(Protocol):
    """Counts work done, as a context manager."""

    def advance(self, count: int = 1) -> None:
        """`count` more are done."""

    def __enter__(self) -> Progress:
        """Begin."""

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""


#: Makes one from a label, the number of units and what they are called.
ProgressMaker = Callable[[str, int, str], Progress]


class NoProgress:
    """Says nothing."""

    def __init__(self, label: str = "", total: int = 0, unit: str = "") -> None:
        pass

    def advance(self, count: int = 1) -> None:
        """Nothing happens."""

    def __enter__(self) -> NoProgress:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


def metrics_called(names: str) -> tuple[Metric, ...]:
    """The metrics of a list of names, parted by commas, each once; a name may be one of `GROUPS`.

    Raises:
        ValueError: There is no such metric, or none is named.
    """
    chosen: dict[str, Metric] = {}
    for name in (part.strip() for part in names.split(",")):
        if name:
            group = GROUPS.get(name)
            chosen.update((m.name, m) for m in (group if group is not None else (registered_metric(name),)))
    if not chosen:
        raise ValueError(
            f"no metric named; there are {', '.join((*GROUPS, *(m.name for m in GROUPS['all'])))}"
        )
    return tuple(chosen.values())


def judge(
    aligned: AlignedTexts,
    metrics: Sequence[Metric] = GROUPS["all"],
    *,
    pictures: Mapping[str, GreyImage] | None = None,
    processes: int = 1,
    progress: ProgressMaker = NoProgress,
) -> Evaluation:
    """Evaluate a system's output.

    Metrics that need TeX are left out where it is missing, and the evaluation says so.

    Args:
        aligned: References with their hypotheses.
        metrics: Which.
        pictures: Id -> true picture; the image metrics are then computed against these too, and called
            `NAME_true_picture`.
        processes: For rendering.
        progress: Makes what counts the work.
    """
    with progress("reading formulas", len(aligned.rows), "pairs") as bar:
        pairs = make_pairs(aligned, bar.advance)
    chosen = list(metrics)
    left_out: dict[str, str] = {}
    if any(metric.needs_images for metric in chosen):
        if tex_available():
            with progress("drawing formulas", 2 * len(pairs), "formulas") as bar:
                pairs = list(render_pairs(pairs, processes=processes, progress=bar.advance))
            if pictures is not None:
                chosen += against_true_pictures(chosen, pictures)
        else:
            left_out = {metric.name: NO_TEX for metric in chosen if metric.needs_images}
            chosen = [metric for metric in chosen if not metric.needs_images]
    with progress("scoring", len(pairs) * len(chosen), "pairs x metrics") as bar:
        return evaluate(
            pairs,
            chosen,
            counts=aligned.counts,
            left_out=left_out,
            remarks=aligned.remarks,
            progress=bar.advance,
        )
