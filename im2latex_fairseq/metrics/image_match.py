"""Whether two formulas look the same: image match and column edit distance, as Deng et al. 2017 have them, and bounded.

Deng, Kanervisto, Ling and Rush, "Image-to-Markup Generation with Coarse-to-Fine Attention" (2017), im2markup's
`scripts/evaluation/evaluate_image.py`. What is computed here:

1. Pixels of at most 128 are ink. The lower picture is padded with blank rows at its bottom. A picture is then a
   sequence of columns; nothing is padded at the sides.
2. *Column edit distance*: Levenshtein's over exact columns. The accuracy of a corpus is 1 - sum(distance) /
   sum(columns of the wider picture).
3. Columns become letters: in the order of their first appearance, through the reference and then the hypothesis, a
   column gets the letter of the first earlier column that has a letter of its own and from which it differs in fewer
   than 5 pixels; otherwise it gets a letter of its own.
4. Both strings of letters are aligned by Levenshtein's opcodes, from reference to hypothesis, ties broken as in
   python-Levenshtein 0.12 (see `column_alignment`).
5. *Image match*: each differing run (each opcode but "equal") spans fewer than 5 columns **of the reference**. An
   inserted run spans none of them, so any number of inserted columns is forgiven: a hypothesis with symbols too many
   can match.
6. *Without spaces*: columns without ink are dropped before step 3. If one of the pictures then has no columns, they
   match only if neither has.
7. *Bounded* (ours): the same, with each differing run spanning fewer than 5 columns **of either picture**. It never
   matches where Deng's doesn't.

What even the bounded match can't see: a stroke of fewer than 5 columns (a comma, a prime, a bar) that is missing or
too many, and, where spaces count, strokes of fewer than 5 pixels of height such as a minus sign, whose columns get
the letter of blank paper. The match isn't symmetric: letters are given and ties broken with the reference in front.

Written from the published description and from memory of the original, of which no package was found to compare
with. Not verified against its text: padding at the bottom, the order in which letters are given, that blank columns
are those without any ink (thin ones stay), which library aligns, the wider picture as the denominator of the column
edit accuracy, and that pictures are halved before they are compared. The last matters most: at half size, columns of
different small letters often differ in fewer than 5 pixels, and three of four single misread letters pass for a
match without spaces; at full size (`IMAGE_MATCH_FACE_FULL_SIZE`) about one of six does
(`examples/benchmark/IMAGE_MATCH.md`). The alignment itself was compared with python-Levenshtein 0.12.0, and is equal.

**Pictures that there are not.** Every pair counts, and none scores NaN:

- Two formulas of the same tokens look the same, drawn or not: a match, even where neither renders.
- Two formulas that draw nothing (blank, empty or missing) look the same, too.
- Else a formula without a picture, on either side, matches nothing. For the column edit distance it is one column that
  equals no other: against a picture of W columns the distance is W of W, as for a missing prediction in the original;
  of two formulas that don't render, 1 of 1. So a reference that doesn't render counts as a mismatch, whatever the
  hypothesis but itself; how many there are is for the report to say (`rendering_pairs.count_renderings`).

Differs from the original there: it never sees references that don't render, and TeX, run over all errors, drew
something for most formulas that are "not rendered" here.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from im2latex_fairseq.images.renderer import GreyImage, RenderSettings
from im2latex_fairseq.metrics.column_alignment import differing_runs
from im2latex_fairseq.metrics.metric import VERSION, Array, Metric, Share, ratio
from im2latex_fairseq.metrics.pair import FormulaPair
from im2latex_fairseq.metrics.rendering_pairs import IMAGE_MATCH_FACE

#: The darkest grey that is still paper is one above this.
INK_AT_MOST = 128
#: Columns that differ in fewer pixels get the same letter.
SAME_LETTER_BELOW_PX = 5
#: Differing runs of fewer columns are forgiven.
FORGIVEN_BELOW_COLUMNS = 5

#: The four ways to ask whether two pictures match; fields of `ImageComparison`.
Convention: TypeAlias = Literal["deng", "deng_no_spaces", "bounded", "bounded_no_spaces"]

# Slugs of the renderer for formulas that have a picture, of nothing.
_BLANK_ERRORS = ("empty", "blank")


@dataclass(frozen=True)
class ImageComparison:
    """What the comparison of two pictures found.

    Attributes:
        column_distance: Levenshtein's distance over exact columns.
        wider_columns: Columns of the wider picture; at least 1, or 0 for two formulas that draw nothing.
        deng: Image match as Deng et al. 2017.
        deng_no_spaces: The same without blank columns.
        bounded: Image match with runs bounded in both pictures.
        bounded_no_spaces: The same without blank columns.
    """

    column_distance: int
    wider_columns: int
    deng: bool
    deng_no_spaces: bool
    bounded: bool
    bounded_no_spaces: bool


def compare_images(hypothesis: GreyImage, reference: GreyImage) -> ImageComparison:
    """Compare two pictures, as the module says.

    Args:
        hypothesis: (H, W) uint8, 255 = paper.
        reference: (H', W') uint8, 255 = paper.

    Raises:
        ValueError: A picture isn't uint8, has other than two dimensions, or no pixels.
    """
    for role, image in (("hypothesis", hypothesis), ("reference", reference)):
        if image.dtype != np.uint8 or image.ndim != 2 or image.size == 0:
            raise ValueError(
                f"the picture of the {role} is {image.dtype} of shape {image.shape}; "
                "uint8 of shape (height, width) is needed"
            )
    width = max(hypothesis.shape[1], reference.shape[1])
    if hypothesis is reference or np.array_equal(hypothesis, reference):
        return _equal_pictures(width)
    columns = _Columns.of(hypothesis, reference)
    near = _near_columns(columns.kinds)
    blank = columns.blank_kind
    with_spaces = _match(columns.reference, columns.hypothesis, near)
    no_spaces = _match(
        [kind for kind in columns.reference if kind != blank],
        [kind for kind in columns.hypothesis if kind != blank],
        near,
    )
    return ImageComparison(
        column_distance=Levenshtein.distance(columns.reference, columns.hypothesis),
        wider_columns=width,
        deng=with_spaces.deng,
        deng_no_spaces=no_spaces.deng,
        bounded=with_spaces.bounded,
        bounded_no_spaces=no_spaces.bounded,
    )


def compare_pair(pair: FormulaPair) -> ImageComparison:
    """Compare the pictures of a pair; says of each pair without pictures what the module says.

    Raises:
        ValueError: The pair was never rendered.
    """
    remembered = _COMPARISONS.get(id(pair))
    if remembered is not None and remembered.pair() is pair:
        return remembered.comparison
    comparison = _compare_pair(pair)
    key = id(pair)
    _COMPARISONS[key] = _Remembered(weakref.ref(pair, lambda _: _COMPARISONS.pop(key, None)), comparison)
    return comparison


def _compare_pair(pair: FormulaPair) -> ImageComparison:
    said, right = pair.hypothesis_image, pair.reference_image
    if said is not None and right is not None:
        return compare_images(said, right)
    why_not_said, why_not_right = pair.hypothesis_render_error, pair.reference_render_error
    if (said is None and not why_not_said) or (right is None and not why_not_right):
        raise ValueError(
            f"{pair.id}: a formula has neither a picture nor a reason why it has none; "
            "call rendering_pairs.render_pairs on the pairs first"
        )
    width = max((image.shape[1] for image in (said, right) if image is not None), default=1)
    blank = [error.split(":", 1)[0] in _BLANK_ERRORS for error in (why_not_said, why_not_right)]
    if all(blank):
        return _equal_pictures(0)
    if pair.hypothesis_tokens == pair.reference_tokens:
        return _equal_pictures(width)
    return ImageComparison(
        width, width, deng=False, deng_no_spaces=False, bounded=False, bounded_no_spaces=False
    )


class _Remembered(NamedTuple):
    pair: weakref.ref[FormulaPair]
    comparison: ImageComparison


# By id of the pair, as long as it lives: five metrics ask for the same comparison, each in its own pass.
_COMPARISONS: dict[int, _Remembered] = {}


def _equal_pictures(width: int) -> ImageComparison:
    return ImageComparison(0, width, deng=True, deng_no_spaces=True, bounded=True, bounded_no_spaces=True)


@dataclass(frozen=True)
class _Columns:
    """Two pictures as sequences of columns.

    Attributes:
        kinds: (K, H) bool, the different columns, True = ink, in the order of their first appearance through the
            reference and then the hypothesis.
        reference: The kind of each column.
        hypothesis: The kind of each column.
        blank_kind: The kind without ink; -1 if there is none.
    """

    kinds: npt.NDArray[np.bool_]
    reference: list[int]
    hypothesis: list[int]
    blank_kind: int

    @classmethod
    def of(cls, hypothesis: GreyImage, reference: GreyImage) -> _Columns:
        height = max(hypothesis.shape[0], reference.shape[0])
        border = reference.shape[1]
        ink = np.zeros((border + hypothesis.shape[1], height), dtype=np.bool_)
        ink[:border, : reference.shape[0]] = (reference <= INK_AT_MOST).T
        ink[border:, : hypothesis.shape[0]] = (hypothesis <= INK_AT_MOST).T
        packed = np.packbits(ink, axis=1)
        size = packed.shape[1]
        content = packed.tobytes()
        numbers: dict[bytes, int] = {}
        first: list[int] = []
        sequence: list[int] = []
        for index in range(len(ink)):
            column = content[index * size : (index + 1) * size]
            number = numbers.get(column)
            if number is None:
                number = numbers[column] = len(first)
                first.append(index)
            sequence.append(number)
        return cls(ink[first], sequence[:border], sequence[border:], numbers.get(bytes(size), -1))


def _near_columns(kinds: npt.NDArray[np.bool_]) -> list[list[int]]:
    """For each kind of column (K, H) the kinds, itself among them, that differ from it in too few pixels to matter."""
    # |a - b| = |a| + |b| - 2 a.b, and float32 counts pixels exactly.
    pixels = kinds.astype(np.float32)
    counts = pixels.sum(axis=1)
    shared = pixels @ pixels.T
    rows, others = np.nonzero(counts[:, None] + counts - 2.0 * shared < SAME_LETTER_BELOW_PX)
    starts = np.searchsorted(rows, np.arange(len(kinds) + 1)).tolist()
    listed = others.tolist()
    return [listed[start:end] for start, end in itertools.pairwise(starts)]


def _letters(kinds: Iterable[int], near: Sequence[Sequence[int]]) -> dict[int, int]:
    """A letter for each kind of column, in the order given: that of the first with a letter of its own that is near."""
    wanted = dict.fromkeys(kinds)
    letters: dict[int, int] = {}
    for kind in wanted:
        if kind not in letters:
            # The first to have a letter takes all that are near and have none: the same as each looking for the first.
            for other in near[kind]:
                letters.setdefault(other, kind)
    return letters


class _Match(NamedTuple):
    deng: bool
    bounded: bool


def _match(reference: Sequence[int], hypothesis: Sequence[int], near: Sequence[Sequence[int]]) -> _Match:
    """Whether the differing runs of two sequences of column kinds are all short."""
    if not reference or not hypothesis:
        neither = not reference and not hypothesis
        return _Match(neither, neither)
    letters = _letters((*reference, *hypothesis), near)
    runs = differing_runs([letters[kind] for kind in reference], [letters[kind] for kind in hypothesis])
    deng = all(run.source_length < FORGIVEN_BELOW_COLUMNS for run in runs)
    return _Match(deng, deng and all(run.target_length < FORGIVEN_BELOW_COLUMNS for run in runs))


def is_image_match(pair: FormulaPair, convention: Convention = "bounded_no_spaces") -> bool:
    """Whether the formulas of a rendered pair look the same.

    Raises:
        ValueError: The pair was never rendered.
    """
    matches: bool = getattr(compare_pair(pair), convention)
    return matches


@dataclass(frozen=True)
class ColumnEditAccuracy:
    """100 * (1 - sum(d) / sum(max(W, W'))) over exact columns of pixels, in [0, 100]; nothing drawn is perfect."""

    signature: str
    name: str = "column_edit_accuracy"
    title: str = "Edit distance of picture columns, Deng et al. 2017"
    unit: str = "percent"
    higher_is_better: bool = True
    needs_images: bool = True
    statistic_names: tuple[str, ...] = ("distance", "columns_of_wider")

    def statistics(self, pair: FormulaPair) -> Array:
        """See `ImageComparison`."""
        comparison = compare_pair(pair)
        return np.array([comparison.column_distance, comparison.wider_columns], dtype=np.float64)

    def score(self, sums: Array) -> Array:
        """See the class."""
        return 100.0 * (1.0 - ratio(sums[..., 0], sums[..., 1], of_nothing=0.0))


def image_match_metrics(settings: RenderSettings = IMAGE_MATCH_FACE) -> tuple[Metric, ...]:
    """The five metrics for pictures drawn in one way, in the order of a table.

    Args:
        settings: Given to `render_pairs` as well; only the signatures tell of them.
    """
    drawn = f"{_described(settings)}|ink:<={INK_AT_MOST}"

    def match(name: str, title: str, convention: Convention, forgiven: str, spaces: str) -> Share:
        return Share(
            name,
            title,
            f"{name}|forgiven:<{FORGIVEN_BELOW_COLUMNS} columns of {forgiven}|same:<{SAME_LETTER_BELOW_PX}px|"
            f"spaces:{spaces}|{drawn}|{VERSION}",
            partial(is_image_match, convention=convention),
            needs_images=True,
        )

    return (
        match("image_match_deng", "Image match, Deng et al. 2017", "deng", "reference", "kept"),
        match(
            "image_match_deng_no_spaces",
            "Image match without spaces, Deng et al. 2017",
            "deng_no_spaces",
            "reference",
            "dropped",
        ),
        match("image_match", "Image match, bounded", "bounded", "either", "kept"),
        match(
            "image_match_no_spaces",
            "Image match without spaces, bounded",
            "bounded_no_spaces",
            "either",
            "dropped",
        ),
        ColumnEditAccuracy(f"column_edit_accuracy|columns:exact|normalised:wider|{drawn}|{VERSION}"),
    )


def _described(settings: RenderSettings) -> str:
    return (
        f"drawn:{settings.face},{settings.size_pt}pt,{settings.dpi * settings.oversampling}dpi"
        + (",bold" if settings.binarise else "")
        + (f",reduced:{settings.oversampling} by {settings.reduction}" if settings.oversampling > 1 else "")
        + f",margin:{settings.margin_px}px"
        + (",errors:kept" if settings.keep_recovered else "")
    )


#: For pictures that `render_pairs` draws if it isn't told otherwise.
IMAGE_MATCH_METRICS = image_match_metrics()
