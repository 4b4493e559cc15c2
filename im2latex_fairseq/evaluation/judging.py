"""From aligned texts to an evaluation: which metrics, what must be rendered, what has to be left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol

from im2latex_fairseq.evaluation.alignment import AlignedTexts, make_pairs
from im2latex_fairseq.evaluation.evaluation import Evaluation, evaluate
from im2latex_fairseq.evaluation.true_pictures import against_true_pictures, ceilings
from im2latex_fairseq.images.renderer import GreyImage, tex_available
from im2latex_fairseq.metrics.metric import Metric
from im2latex_fairseq.metrics.pair import FormulaPair
from im2latex_fairseq.metrics.registry import IMAGE_METRICS, TEXT_METRICS
from im2latex_fairseq.metrics.registry import metric as registered_metric
from im2latex_fairseq.metrics.rendering_pairs import count_renderings, render_pairs
from im2latex_fairseq.metrics.symbol_metrics import SYMBOL_METRICS, fallback_report, match_pairs

NO_TEX = (
    "they draw the formulas, and latex or dvipng isn't on the PATH (Debian and Ubuntu: apt-get install "
    "texlive-latex-base texlive-latex-recommended texlive-fonts-recommended dvipng)"
)

#: Names that stand for several metrics.
GROUPS: Mapping[str, tuple[Metric, ...]] = {
    "all": (*TEXT_METRICS, *IMAGE_METRICS, *SYMBOL_METRICS),
    "text": TEXT_METRICS,
    "image": IMAGE_METRICS,
    "symbol": SYMBOL_METRICS,
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
        pictures: Id -> true picture; image metrics are then computed against these too, and called
            `NAME_true_picture`.
        processes: For rendering.
        progress: Makes what counts the work.
    """
    with progress("reading formulas", len(aligned.rows), "pairs") as bar:
        pairs = make_pairs(aligned, bar.advance)
    chosen, left_out = possible_metrics(metrics)
    pairs, remarks = draw_for(chosen, pairs, processes, progress)
    if pictures is not None:
        against = against_true_pictures(chosen, pictures)
        if against:
            best = ", ".join(f"{n} {score:.2f}" for n, score in ceilings(pairs, chosen, pictures).items())
            remarks.append(f"against the true pictures, the references' own drawings score: {best}")
        else:
            remarks.append(
                "the true pictures weren't looked at: no metric that compares pictures was computed"
            )
        chosen += against
    with progress("scoring", len(pairs) * len(chosen), "pairs x metrics") as bar:
        return evaluate(
            pairs,
            chosen,
            counts=aligned.counts,
            left_out=left_out,
            remarks=(*aligned.remarks, *remarks),
            progress=bar.advance,
        )


def possible_metrics(metrics: Sequence[Metric]) -> tuple[list[Metric], dict[str, str]]:
    """Those that can be computed on this machine, and why others can't."""
    if tex_available():
        return list(metrics), {}
    return (
        [metric for metric in metrics if not draws(metric)],
        {metric.name: NO_TEX for metric in metrics if draws(metric)},
    )


def draws(metric: Metric) -> bool:
    """Whether the metric needs TeX."""
    return metric.needs_images or needs_symbols(metric)


def needs_symbols(metric: Metric) -> bool:
    """Whether the metric compares symbols as TeX sets them."""
    return bool(getattr(metric, "needs_symbols", False))


def draw_for(
    metrics: Sequence[Metric],
    pairs: Sequence[FormulaPair],
    processes: int = 1,
    progress: ProgressMaker = NoProgress,
) -> tuple[list[FormulaPair], list[str]]:
    """The pairs with all that the metrics need of TeX, and what people should know of the drawing.

    Raises:
        RenderError: TeX is missing and a metric needs it.
    """
    drawn, remarks = list(pairs), []
    if any(metric.needs_images for metric in metrics):
        with progress("drawing formulas", 2 * len(drawn), "formulas") as bar:
            drawn = render_pairs(drawn, processes, bar.advance)
        remarks.append(f"drawn: {count_renderings(drawn)}")
    if any(needs_symbols(metric) for metric in metrics):
        with progress("matching symbols", len(drawn), "pairs") as bar:
            drawn = match_pairs(drawn, processes=processes, progress=bar.advance)
        remarks.append(f"symbols: {fallback_report(drawn)}")
    return drawn, remarks
