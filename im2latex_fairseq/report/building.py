"""From an evaluation to a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.data.atomic_file import write_text_atomically
from im2latex_fairseq.evaluation.evaluation import Evaluation
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.evaluation.judging import NoProgress, ProgressMaker
from im2latex_fairseq.images.ink_box import outer_ink_box
from im2latex_fairseq.images.renderer import GreyImage, RenderError, tex_available
from im2latex_fairseq.metrics.pair import FormulaPair
from im2latex_fairseq.metrics.registry import HEADLINE_METRICS
from im2latex_fairseq.metrics.rendering_pairs import render_pairs
from im2latex_fairseq.report.bins import GroupScore, equal_bins, score_groups
from im2latex_fairseq.report.charts import Chart, curve, rows
from im2latex_fairseq.report.choice import random_samples, worst_samples
from im2latex_fairseq.report.page import PageContent, page_html
from im2latex_fairseq.report.picture_difference import PictureDifference, picture_difference
from im2latex_fairseq.report.safe_text import MOST_TOKENS, shown_tokens
from im2latex_fairseq.report.sample_list import Sample, SamplePictures, sample_list
from im2latex_fairseq.report.settings import ReportSettings
from im2latex_fairseq.report.small_png import difference_png, grey_png
from im2latex_fairseq.report.structure import STRUCTURES, structures_of
from im2latex_fairseq.report.token_edits import count_confusions, token_edits

Pictures = Mapping[str, GreyImage]

# Shown at the top and as curves, besides those that the registry names, where they were computed.
_PICTURE_HEADLINE = ("image_match_no_spaces", "symbol_f1")
# Which says best how bad a sample is: one that has grades, and of which no TeX is needed.
_WORST_BY = "token_edit_accuracy"
# Intervals of curves are for the eye: fewer resamples do.
_CURVE_RESAMPLES = 200


@dataclass(frozen=True)
class Report:
    """A page, and what went into it.

    Attributes:
        html: The document.
        samples: Pairs that were evaluated.
        listed: Of these, on the page.
        pictured: Of these, with pictures.
    """

    html: str
    samples: int
    listed: int
    pictured: int

    def write(self, path: str | Path) -> None:
        """Write the page; it appears once it is complete."""
        write_text_atomically(path, self.html)

    def __str__(self) -> str:
        size = len(self.html.encode("utf-8"))
        return (
            f"{self.samples:,} samples, {self.listed:,} on the page, {self.pictured:,} with pictures; "
            f"{size / 1e6:.1f} MB"
        )


def build_report(
    evaluation: Evaluation,
    resampling: Resampling,
    settings: ReportSettings,
    *,
    pictures: Pictures | None = None,
    processes: int = 1,
    progress: ProgressMaker = NoProgress,
) -> Report:
    """Make a page of an evaluation.

    Args:
        evaluation: Of one system. Pairs that are shown are drawn if they weren't.
        resampling: How intervals are drawn.
        settings: What is shown.
        pictures: Id -> what the system saw, (height, width) uint8, 255 = paper.
        processes: For drawing.
        progress: Makes what counts the work.

    Raises:
        ValueError: There are no pairs, or the metric of `settings.worst_by` wasn't computed.
    """
    pairs = evaluation.pairs
    if not pairs:
        raise ValueError("nothing to report: the evaluation has no pairs")
    widths, width_axis = _widths(pairs, pictures, progress)
    samples = [_sample(pair, width) for pair, width in zip(pairs, widths, strict=True)]
    worst, worst_note = _worst(evaluation, settings)
    random = random_samples(len(pairs), settings.random, settings.seed)
    shown = sorted({*worst, *random})
    listed = _listed(len(pairs), shown, settings)
    images, picture_notes = _sample_pictures(pairs, shown, pictures, processes, progress)
    charts, charts_notes = _charts(evaluation, samples, resampling, width_axis)
    read = [sample for sample in samples if sample.pair.normal_hypothesis]
    silent = len(samples) - len(read)
    content = PageContent(
        title=settings.title,
        evaluation=evaluation,
        intervals=resampling.intervals(evaluation),
        resampling=resampling,
        headline=_headline(evaluation),
        charts=charts,
        charts_notes=charts_notes,
        confusions=count_confusions([sample.reference for sample in read], [sample.edits for sample in read]),
        confusion_notes=[
            "Tokens of the normal form, aligned by the fewest edits; of several alignments with as few, one is taken. "
            "A token read where there is nothing was invented; one read as nothing was lost.",
            *([f"{_many(silent, 'sample')} of which nothing was read don't count here."] if silent else []),
        ],
        samples=sample_list(evaluation, samples, listed, images, worst, random),
        notes=_about(evaluation, settings, worst, random, listed, images, [worst_note, *picture_notes]),
    )
    return Report(page_html(content), len(pairs), len(listed), len(images))


def _sample(pair: FormulaPair, width: int | None) -> Sample:
    reference = shown_tokens(pair.normal_reference)
    return Sample(
        pair=pair,
        reference=reference,
        edits=token_edits(reference, shown_tokens(pair.normal_hypothesis)),
        structures=structures_of(pair.normal_reference),
        width=width,
    )


def _headline(evaluation: Evaluation) -> list[str]:
    computed = [metric.name for metric in evaluation.metrics]
    wanted = dict.fromkeys((*HEADLINE_METRICS, *_PICTURE_HEADLINE))
    return [name for name in wanted if name in computed] or computed[:4]


def _worst(evaluation: Evaluation, settings: ReportSettings) -> tuple[list[int], str]:
    """The rows of the worst samples, the worst first, and what they are."""
    names = [metric.name for metric in evaluation.metrics]
    if not names:
        return [], "No metric was computed, so there are no worst samples."
    name = settings.worst_by or (_WORST_BY if _WORST_BY in names else names[0])
    if name not in names:
        raise ValueError(f"no metric {name!r} to tell the worst samples by; there are {', '.join(names)}")
    metric = evaluation.metric(name)
    # Where nothing was read there is nothing to look at, and it would fill the list.
    rows_read = [row for row, pair in enumerate(evaluation.pairs) if pair.normal_hypothesis]
    chosen = worst_samples(
        evaluation.per_sample(name)[rows_read],
        np.array([len(evaluation.pairs[row].normal_reference) for row in rows_read]),
        settings.worst,
        higher_is_better=metric.higher_is_better,
    )
    note = (
        f"The worst are those by {metric.title} ({name}), the longer before the shorter; those of which nothing was "
        "read aren't among them: the outcome filter finds them among all."
    )
    return [rows_read[place] for place in chosen], note


def _listed(total: int, shown: Sequence[int], settings: ReportSettings) -> list[int]:
    """The rows that are on the page: all, or those with pictures and a random sample of the others."""
    if total <= settings.listed:
        return list(range(total))
    others = sorted(set(range(total)) - set(shown))
    drawn = random_samples(len(others), max(settings.listed - len(shown), 0), settings.seed)
    return sorted([*shown, *(others[place] for place in drawn)])


def _widths(
    pairs: Sequence[FormulaPair], pictures: Pictures | None, progress: ProgressMaker
) -> tuple[list[int | None], str]:
    """The width of each formula in pixels, and how it was measured; "" if it couldn't be."""
    if any(pair.reference_image is not None for pair in pairs):
        return [
            None if pair.reference_image is None else pair.reference_image.shape[1] for pair in pairs
        ], "width of the reference's drawing, px"
    if pictures is None:
        return [None] * len(pairs), ""
    widths: list[int | None] = []
    with progress("measuring pictures", len(pairs), "pictures") as bar:
        for pair in pairs:
            box = outer_ink_box(pictures[pair.id])
            widths.append(None if box is None else box[3] - box[1])
            bar.advance(1)
    return widths, "width of the picture's ink, px"


def _charts(
    evaluation: Evaluation, samples: Sequence[Sample], resampling: Resampling, width_axis: str
) -> tuple[dict[str, str], list[str]]:
    """The charts of each headline metric, and what should be known of them."""
    lengths = np.array([len(sample.pair.normal_reference) for sample in samples], dtype=np.float64)
    kinds: list[tuple[str, str, str, npt.NDArray[np.float64]]] = [
        ("length", "By length", "tokens of the reference", lengths)
    ]
    notes = []
    if width_axis:
        kinds.append(("width", "By width", width_axis, _floats([sample.width for sample in samples])))
    else:
        notes.append("No curve by width: formulas weren't drawn and no pictures were given.")
    confidences = _floats([sample.pair.confidence for sample in samples])
    if not np.isnan(confidences).all():
        kinds.append(("confidence", "By confidence", "confidence: mean probability of a token", confidences))
    structures = [
        (
            title,
            np.array([row for row, sample in enumerate(samples) if name in sample.structures], dtype=np.intp),
        )
        for name, title in STRUCTURES.items()
    ]
    structures = [(title, found) for title, found in structures if len(found)]
    coarse = Resampling(resampling.confidence, min(resampling.resamples, _CURVE_RESAMPLES), resampling.seed)
    charts: dict[str, str] = {}
    for name in _headline(evaluation):
        metric, statistics = evaluation.metric(name), evaluation.statistics[name]
        whole = evaluation.score(name)
        parts = []
        for key, title, axis, values in kinds:
            bins = equal_bins(values)
            if not bins:
                continue
            groups = [(_span(part.low, part.high), part.rows) for part in bins]
            scores = list(score_groups(metric, statistics, groups, coarse))
            edges = [_figure(bins[0].low), *(_figure(part.high) for part in bins)]
            parts.append(
                curve(
                    Chart(f"{name}-{key}", f"{title}: {metric.title}", axis, scores, whole, metric.unit),
                    edges,
                )
            )
        by_structure: list[GroupScore] = list(score_groups(metric, statistics, structures, coarse))
        parts.append(
            rows(
                Chart(
                    f"{name}-structure",
                    f"By structure: {metric.title}",
                    "structure of the reference",
                    by_structure,
                    whole,
                    metric.unit,
                    "A formula counts in each row that applies to it.",
                )
            )
        )
        charts[name] = "".join(parts)
    if charts:
        drawn = (
            f"whiskers are {100 * coarse.confidence:g}% bootstrap intervals ({coarse.resamples} resamples); "
            if coarse.resamples
            else ""
        )
        notes.insert(
            0,
            "Each dot is the score of about as many formulas as its neighbours; "
            f"{drawn}the dashed line is the score of all. Numbers on the axis are the ends of the groups.",
        )
    return charts, notes


def _floats(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _figure(value: float) -> str:
    return f"{value:g}" if value.is_integer() else f"{value:.2f}"


def _span(low: float, high: float) -> str:
    return _figure(low) if low == high else f"{_figure(low)} to {_figure(high)}"


def _sample_pictures(
    pairs: Sequence[FormulaPair],
    shown: Sequence[int],
    pictures: Pictures | None,
    processes: int,
    progress: ProgressMaker,
) -> tuple[dict[int, SamplePictures], list[str]]:
    """Row -> pictures of the samples that are shown with some, and what is missing and why."""
    notes = []
    chosen = [pairs[row] for row in shown]
    undrawn = sum(pair.hypothesis_image is None and not pair.hypothesis_render_error for pair in chosen)
    why = "" if tex_available() else "latex or dvipng wasn't on the PATH where this page was made"
    if undrawn and not why:
        try:
            with progress("drawing formulas", 2 * len(chosen), "formulas") as bar:
                chosen = list(render_pairs(chosen, processes=processes, progress=bar.advance))
        except RenderError as error:
            why = str(error)
    if undrawn and why:
        notes.append(
            f"Formulas aren't drawn and drawings not compared: {why}. Texts and scores of text are complete."
        )
    if pictures is None:
        notes.append(
            "The pictures that were read weren't given (--images), so the drawing of the reference stands for them."
        )
    found: dict[int, SamplePictures] = {}
    with progress("comparing drawings", len(chosen), "samples") as bar:
        for row, pair in zip(shown, chosen, strict=True):
            made = _pictures_of(pair, None if pictures is None else pictures[pair.id])
            if made != SamplePictures():
                found[row] = made
            bar.advance(1)
    return found, notes


def _pictures_of(pair: FormulaPair, seen: GreyImage | None) -> SamplePictures:
    reference, hypothesis = pair.reference_image, pair.hypothesis_image
    difference: PictureDifference | None = None
    agreement: float | None = None
    if reference is not None and hypothesis is not None:
        agreement = 1.0
        if not np.array_equal(reference, hypothesis):
            difference = picture_difference(reference, hypothesis)
            agreement = difference.agreement
    return SamplePictures(
        input=None if seen is None else grey_png(seen),
        # With the input beside it, the drawing of the reference says little that the difference doesn't.
        reference=None if reference is None or seen is not None else grey_png(reference),
        hypothesis=None if hypothesis is None else grey_png(hypothesis),
        difference=None if difference is None else difference_png(difference),
        agreement=agreement,
        aligned=difference is None or difference.aligned,
    )


def _about(
    evaluation: Evaluation,
    settings: ReportSettings,
    worst: Sequence[int],
    random: Sequence[int],
    listed: Sequence[int],
    images: Mapping[int, SamplePictures],
    notes: Sequence[str],
) -> list[str]:
    total = len(evaluation.pairs)
    kept = f"all {total:,}" if len(listed) == total else f"{len(listed):,} of {total:,}"
    rest = (
        ""
        if len(listed) == total
        else " (those with pictures, and of the others a random sample); scores, curves and confusions are of all"
    )
    return [
        "This file holds everything that it shows and loads nothing; it can be kept, sent and opened offline.",
        f"Texts, edits and scores are here of {kept} samples{rest}. A text is cut after {MOST_TOKENS:,} tokens.",
        f"Pictures are here of {len(images):,} samples, to keep the file small: the {len(worst):,} worst and "
        f"{len(random):,} drawn at random (seed {settings.seed}), some of them both. They have four greys.",
        *notes,
        "Differences of pictures: both drawings are laid over each other so that as little ink as possible is in one "
        "of them alone, columns moved apart where the other has something more; a stroke within a pixel of another one "
        "counts as the same. They are for looking, not for scoring.",
        "Structure is told by the tokens of the reference.",
    ]


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
