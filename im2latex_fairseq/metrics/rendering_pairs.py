"""Draws both formulas of many pairs, by the same TeX, for the metrics that compare pictures."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from im2latex_fairseq.images.renderer import RenderResult, RenderSettings, render_formulas
from im2latex_fairseq.latex.tokenizer import detokenize
from im2latex_fairseq.metrics.pair import FormulaPair

#: As image match (Deng et al. 2017) has its pictures: 12 pt `article` drawn at 200 dpi, cropped to the ink plus 8
#: pixels, halved by Lanczos. Each pixel that ink touches is black before it is halved, as in im2markup's pictures,
#: which lost their transparency; with greys, thin strokes would be paper by the time that they are compared.
#: Differs from im2markup in what draws (latex and dvipng, not pdflatex and ImageMagick), in a picture of odd size,
#: which gets a white row or column where theirs was squeezed, and in formulas with errors that TeX can step over:
#: theirs were drawn, as `dataclasses.replace(IMAGE_MATCH_FACE, keep_recovered=True)` does.
IMAGE_MATCH_FACE = RenderSettings(
    size_pt=12, dpi=100, oversampling=2, binarise=True, reduction="lanczos", margin_px=4
)
#: The same, not halved: a limit of so many pixels or columns is half as lenient.
IMAGE_MATCH_FACE_FULL_SIZE = RenderSettings(size_pt=12, dpi=200, binarise=True, margin_px=8)

_BATCH_SIZE = 200  # formulas that a TeX process draws at most


def render_pairs(
    pairs: Sequence[FormulaPair],
    processes: int = 1,
    progress: Callable[[int], object] | None = None,
    *,
    settings: RenderSettings = IMAGE_MATCH_FACE,
    timeout_s: float = 3.0,
) -> list[FormulaPair]:
    """Fill the pictures of pairs, or the reasons why there are none.

    Formulas are drawn as they were given; equal ones once. A side that has a picture or a reason already keeps it. A
    missing hypothesis gets the reason of an empty formula.

    Args:
        pairs: To be drawn.
        processes: TeX processes that run at a time.
        progress: Called with the number of sides filled since the last call; 2 * len(pairs) in the end.
        settings: How they are drawn.
        timeout_s: See `render_formulas`.

    Returns:
        The pairs, in order, each with a picture or a reason on both sides.

    Raises:
        RenderError: TeX or dvipng is missing.
        ValueError: `processes` is below 1.
    """
    if processes < 1:
        raise ValueError(f"{processes} processes asked for; at least 1 is needed")
    wanted = Counter(formula for pair in pairs for formula in _undrawn(pair) if formula is not None)
    report = progress or (lambda count: None)
    report(2 * len(pairs) - wanted.total())
    drawn = _draw(wanted, processes, report, settings, timeout_s)
    return [_filled(pair, drawn) for pair in pairs]


@dataclass(frozen=True)
class RenderingReport:
    """What became of the formulas of pairs.

    Attributes:
        pairs: Pairs.
        hypothesis_errors: Slug -> hypotheses that have no picture for that reason.
        reference_errors: The same of references.
    """

    pairs: int
    hypothesis_errors: dict[str, int]
    reference_errors: dict[str, int]

    def __str__(self) -> str:
        return "; ".join(
            f"{self.pairs - sum(errors.values()):,} of {self.pairs:,} {side} drawn"
            + "".join(f", {count:,} {slug}" for slug, count in errors.items())
            for side, errors in (
                ("hypotheses", self.hypothesis_errors),
                ("references", self.reference_errors),
            )
        )


def count_renderings(pairs: Iterable[FormulaPair]) -> RenderingReport:
    """Count formulas without a picture by reason, the most frequent first; "not_asked" if nobody drew them."""
    count = 0
    hypotheses: Counter[str] = Counter()
    references: Counter[str] = Counter()
    for pair in pairs:
        count += 1
        if pair.hypothesis_image is None:
            hypotheses[_slug(pair.hypothesis_render_error)] += 1
        if pair.reference_image is None:
            references[_slug(pair.reference_render_error)] += 1
    return RenderingReport(count, dict(hypotheses.most_common()), dict(references.most_common()))


def _slug(error: str) -> str:
    return error.split(":", 1)[0] or "not_asked"


def drawable(formula: str, tokens: Sequence[str]) -> str:
    r"""What TeX is given of a formula.

    A line of tokens is put together first, since blanks between tokens count in text and in lengths
    (`\mbox { o n ~ X }`, `\hspace { 1 . 5 c m }`); all else is drawn as it was given.

    Args:
        formula: As given.
        tokens: Its tokens as given.
    """
    return detokenize(tokens) if formula.split() == list(tokens) else formula


def _undrawn(pair: FormulaPair) -> tuple[str | None, str | None]:
    """What is to be drawn of hypothesis and reference; None for a side that has a picture or a reason."""
    hypothesis = reference = None
    if pair.hypothesis_image is None and not pair.hypothesis_render_error:
        hypothesis = drawable(pair.hypothesis, pair.hypothesis_tokens)
    if pair.reference_image is None and not pair.reference_render_error:
        reference = drawable(pair.reference, pair.reference_tokens)
    return hypothesis, reference


def _filled(pair: FormulaPair, drawn: Mapping[str, RenderResult]) -> FormulaPair:
    hypothesis, reference = _undrawn(pair)
    if hypothesis is not None:
        result = drawn[hypothesis]
        pair = dataclasses.replace(
            pair, hypothesis_image=result.image, hypothesis_render_error=result.error or ""
        )
    if reference is not None:
        result = drawn[reference]
        pair = dataclasses.replace(
            pair, reference_image=result.image, reference_render_error=result.error or ""
        )
    return pair


def _draw(
    wanted: Counter[str],
    processes: int,
    report: Callable[[int], object],
    settings: RenderSettings,
    timeout_s: float,
) -> dict[str, RenderResult]:
    """Draw each formula once.

    The work is done by latex and dvipng, so threads that wait for them keep all cores busy, and share one format.
    """
    formulas = list(wanted)
    size = min(_BATCH_SIZE, max(1, -(-len(formulas) // processes)))
    batches = [formulas[start : start + size] for start in range(0, len(formulas), size)]

    def draw(batch: list[str]) -> list[RenderResult]:
        return render_formulas(batch, settings, timeout_s=timeout_s, batch_size=_BATCH_SIZE)

    drawn: dict[str, RenderResult] = {}
    with ThreadPoolExecutor(processes) as pool:
        waiting = {pool.submit(draw, batch): batch for batch in batches}
        try:
            for future in as_completed(waiting):
                batch = waiting[future]
                drawn.update(zip(batch, future.result(), strict=True))
                report(sum(wanted[formula] for formula in batch))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return drawn
