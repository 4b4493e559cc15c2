"""Image match and column edit distance: pictures of a few pixels, worked out by hand."""

from __future__ import annotations

import dataclasses
import gc
import pickle
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from im2latex_fairseq.images.renderer import GreyImage
from im2latex_fairseq.metrics import image_match
from im2latex_fairseq.metrics.column_alignment import differing_runs
from im2latex_fairseq.metrics.image_match import (
    IMAGE_MATCH_METRICS,
    ImageComparison,
    compare_images,
    compare_pair,
    image_match_metrics,
    is_image_match,
)
from im2latex_fairseq.metrics.metric import Metric, corpus_score, statistics_matrix
from im2latex_fairseq.metrics.pair import FormulaPair, make_pair
from im2latex_fairseq.metrics.rendering_pairs import IMAGE_MATCH_FACE_FULL_SIZE

HEIGHT = 12

# Columns that differ from each other and from blank paper in at least five pixels.
STEM = range(12)
TOP = range(6)
FOOT = range(6, 12)
MIDDLE = range(3, 9)
BLANK: range = range(0)


def picture(*columns: Sequence[int], height: int = HEIGHT) -> GreyImage:
    """A picture from the rows that hold ink in each column."""
    image = np.full((height, len(columns)), 255, dtype=np.uint8)
    for number, rows in enumerate(columns):
        image[list(rows), number] = 0
    return image


def verdicts(hypothesis: GreyImage, reference: GreyImage) -> tuple[bool, bool, bool, bool]:
    found = compare_images(hypothesis, reference)
    return found.deng, found.deng_no_spaces, found.bounded, found.bounded_no_spaces


ALL = (True, True, True, True)
NONE = (False, False, False, False)
ONLY_DENG = (True, True, False, False)


# Ink and columns


def test_ink_is_what_is_at_most_128() -> None:
    black = picture(*[STEM] * 6)
    assert compare_images(np.where(black == 0, np.uint8(128), black), black).column_distance == 0
    assert compare_images(np.where(black == 0, np.uint8(129), black), black).column_distance == 6


def test_the_lower_picture_is_padded_at_its_bottom() -> None:
    reference = picture(*[TOP] * 6)
    assert compare_images(picture(*[TOP] * 6, height=20), reference).column_distance == 0
    assert compare_images(reference, picture(*[TOP] * 6, height=20)).column_distance == 0
    lowered = picture(*[range(8, 14)] * 6, height=20)
    assert compare_images(lowered, reference).column_distance == 6
    assert verdicts(lowered, reference) == NONE


def test_the_distance_counts_exact_columns_of_the_wider_picture() -> None:
    reference = picture(TOP, TOP, STEM, BLANK)
    nearly = picture(range(5), TOP, STEM, BLANK, BLANK)  # a pixel less in one column, and a column more
    found = compare_images(nearly, reference)
    assert (found.column_distance, found.wider_columns) == (2, 5)
    assert verdicts(nearly, reference) == ALL


@pytest.mark.parametrize(
    "pixels, match",
    [
        (4, ALL),  # fewer than five pixels: the same letter
        (5, NONE),  # five: another
    ],
)
def test_columns_that_differ_little_are_the_same(pixels: int, match: tuple[bool, bool, bool, bool]) -> None:
    assert verdicts(picture(*[range(12 - pixels)] * 9), picture(*[STEM] * 9)) == match


def test_a_letter_is_that_of_the_first_that_has_its_own() -> None:
    # b is near a and c, which aren't near each other. Behind a, b has a's letter and c gets its own; a chain of
    # resemblances ends there.
    a, b, c = range(12), range(9), range(6)
    near = image_match._near_columns(picture(a, b, c).T <= 128)
    assert near == [[0, 1], [0, 1, 2], [1, 2]]
    assert image_match._letters([0, 1, 2], near) == {0: 0, 1: 0, 2: 2}
    assert image_match._letters([1, 0, 2], near) == {1: 1, 0: 1, 2: 1}
    assert verdicts(picture(*[c] * 5), picture(*[b] * 5)) == ALL
    assert verdicts(picture(*[c] * 5), picture(*[a] * 5)) == NONE


# Runs


@pytest.mark.parametrize(
    "hypothesis, reference, match",
    [
        ([STEM] * 8, [STEM] * 8, ALL),
        ([STEM] * 8 + [TOP] * 4, [STEM] * 8, ALL),  # four columns too many
        ([STEM] * 8 + [TOP] * 5, [STEM] * 8, ONLY_DENG),  # five: theirs forgives any number, that's its flaw
        ([STEM] * 8 + [TOP] * 500, [STEM] * 8, ONLY_DENG),
        ([STEM] * 8, [STEM] * 8 + [TOP] * 4, ALL),  # four missing
        ([STEM] * 8, [STEM] * 8 + [TOP] * 5, NONE),  # five missing
        ([STEM] * 4 + [FOOT] * 4, [STEM] * 4 + [TOP] * 4, ALL),  # four that are others
        ([STEM] * 4 + [FOOT] * 5, [STEM] * 4 + [TOP] * 5, NONE),
        ([FOOT] * 99, [TOP] * 4, ONLY_DENG),  # anything at all matches a narrow reference
        # two runs of four, of one kind with equal columns between them
        ([FOOT] * 4 + [STEM] + [FOOT] * 4, [TOP] * 4 + [STEM] + [TOP] * 4, ALL),
        # four replaced and four more inserted are two runs, each of them short
        ([STEM, *[FOOT] * 8, STEM], [STEM, *[TOP] * 4, STEM], ALL),
        ([STEM, *[FOOT] * 9, STEM], [STEM, *[TOP] * 4, STEM], ONLY_DENG),
    ],
)
def test_short_runs_are_forgiven(
    hypothesis: list[range], reference: list[range], match: tuple[bool, bool, bool, bool]
) -> None:
    assert verdicts(picture(*hypothesis), picture(*reference)) == match


@pytest.mark.parametrize(
    "hypothesis, reference, match",
    [
        # blank columns too many: forgiven by theirs, in ours only without spaces
        ([STEM] * 5 + [BLANK] * 9 + [TOP] * 5, [STEM] * 5 + [TOP] * 5, (True, True, False, True)),
        ([STEM] * 5 + [TOP] * 5, [STEM] * 5 + [BLANK] * 9 + [TOP] * 5, (False, True, False, True)),
        # a minus of two pixels is as good as blank paper, where paper comes first
        (
            [BLANK, *[STEM] * 5, *[BLANK] * 9],
            [BLANK, *[STEM] * 5, *[range(5, 7)] * 9],
            (True, False, True, False),
        ),
        # nothing but paper
        ([BLANK] * 3, [BLANK] * 9, (False, True, False, True)),
        ([BLANK] * 9, [BLANK] * 3, (True, True, False, True)),
        ([BLANK] * 3, [STEM] * 3, (True, False, True, False)),
        ([STEM] * 3, [BLANK] * 3, (True, False, True, False)),
    ],
)
def test_blank_columns(
    hypothesis: list[range], reference: list[range], match: tuple[bool, bool, bool, bool]
) -> None:
    assert verdicts(picture(*hypothesis), picture(*reference)) == match


# The same, written as the original is: columns as strings of digits, one loop a step.


def compared_step_by_step(hypothesis: GreyImage, reference: GreyImage) -> ImageComparison:
    """im2markup's `img_edit_distance` from memory, with the bound on both sides beside its own."""
    height = max(len(hypothesis), len(reference))

    def strings(image: GreyImage) -> list[str]:
        return ["".join(str(int(pixel <= 128)) for pixel in column).ljust(height, "0") for column in image.T]

    def letters(first: list[str], second: list[str]) -> tuple[str, str]:
        letter: dict[str, str] = {}
        seen: list[str] = []
        for column in first + second:
            if column in letter:
                continue
            for other in seen:
                if sum(a != b for a, b in zip(column, other, strict=True)) < 5:
                    letter[column] = letter[other]
                    break
            else:
                letter[column] = chr(len(seen))
                seen.append(column)
        return "".join(letter[c] for c in first), "".join(letter[c] for c in second)

    def match(first: list[str], second: list[str]) -> tuple[bool, bool]:
        if not first or not second:
            return (not first and not second,) * 2
        runs = differing_runs(*letters(first, second))
        return (
            all(run.source_end - run.source_start < 5 for run in runs),
            all(max(run.source_length, run.target_length) < 5 for run in runs),
        )

    right, said = strings(reference), strings(hypothesis)
    deng, bounded = match(right, said)
    deng_no_spaces, bounded_no_spaces = match(
        [column for column in right if int(column, 2) > 0], [column for column in said if int(column, 2) > 0]
    )
    return ImageComparison(
        Levenshtein.distance(right, said),
        max(len(right), len(said)),
        deng,
        deng_no_spaces,
        bounded,
        bounded_no_spaces,
    )


@st.composite
def picture_pairs(draw: st.DrawFn) -> tuple[GreyImage, GreyImage]:
    """Two pictures of a few strokes; the second is often the first with some columns changed."""
    strokes = [BLANK, STEM, TOP, FOOT, MIDDLE, range(2, 4), range(9), range(4)]
    stroke = st.lists(st.tuples(st.sampled_from(strokes), st.integers(1, 7)), min_size=1, max_size=6)

    def columns(strokes: list[tuple[range, int]]) -> list[range]:
        return [rows for rows, width in strokes for _ in range(width)]

    first = draw(stroke)
    second = draw(stroke)
    if draw(st.booleans()):
        place = draw(st.integers(0, len(first)))
        second = first[:place] + second[:1] + first[place + draw(st.integers(0, 2)) :]
    heights = st.sampled_from([12, 12, 16])
    reference = picture(*columns(first), height=draw(heights))
    hypothesis = picture(*columns(second or first), height=draw(heights))
    return hypothesis, reference


@given(picture_pairs())
def test_the_fast_way_is_the_slow_way(pictures: tuple[GreyImage, GreyImage]) -> None:
    hypothesis, reference = pictures
    found = compare_images(hypothesis, reference)
    assert found == compared_step_by_step(hypothesis, reference)
    assert found.deng or not found.bounded
    assert found.deng_no_spaces or not found.bounded_no_spaces
    assert compare_images(reference.copy(), reference) == ImageComparison(
        0, reference.shape[1], True, True, True, True
    )


@pytest.mark.parametrize(
    "image",
    [np.zeros((3, 3)), np.zeros((3, 3, 3), dtype=np.uint8), np.zeros((0, 3), dtype=np.uint8)],
)
def test_what_is_no_picture_is_refused(image: GreyImage) -> None:
    with pytest.raises(ValueError, match=r"the picture of the reference is (float64|uint8) of shape"):
        compare_images(picture(STEM), image)
    with pytest.raises(ValueError, match="the picture of the hypothesis"):
        compare_images(image, picture(STEM))


# Pairs with and without pictures


def pair(
    hypothesis: str | None, reference: str, said: GreyImage | str, right: GreyImage | str, id: str = "1"
) -> FormulaPair:
    """A rendered pair; a string instead of a picture is the reason why there is none."""
    return dataclasses.replace(
        make_pair(id, hypothesis, reference),
        hypothesis_image=None if isinstance(said, str) else said,
        hypothesis_render_error=said if isinstance(said, str) else "",
        reference_image=None if isinstance(right, str) else right,
        reference_render_error=right if isinstance(right, str) else "",
    )


A, B = picture(*[STEM] * 7), picture(*[TOP] * 9)
MATCH_NAMES = ("deng", "deng_no_spaces", "bounded", "bounded_no_spaces")


@pytest.mark.parametrize(
    "hypothesis, reference, said, right, matches, distance, columns",
    [
        ("x", "x", A, A, True, 0, 7),
        ("x", "y", A, B, False, 9, 9),
        (r"\frac12", r"\frac{1}{2}", A, A.copy(), True, 0, 7),  # another text, the same picture
        (r"\x", "y", "tex: undefined", B, False, 9, 9),  # no picture: all columns are wrong
        (None, "y", "empty: no formula", B, False, 9, 9),  # missing: as blank
        ("", "y", "empty: no formula", B, False, 9, 9),  # empty: as blank
        (r"\,", "y", "blank: nothing was drawn", B, False, 9, 9),
        ("x", r"\y", A, "tex: undefined", False, 7, 7),  # a reference that doesn't render is matched by none
        ("x", "", A, "empty: no formula", False, 7, 7),
        (r"\x", r"\y", "tex: undefined", "tex: undefined", False, 1, 1),  # in the denominator all the same
        (r"\x", "", "tex: undefined", "empty: no formula", False, 1, 1),
        ("", r"\y", "empty: no formula", "tex: undefined", False, 1, 1),
        (r"\x y", r"\x  y", "tex: undefined", "tex: undefined", True, 0, 1),  # the same, drawn or not
        ("", "", "empty: no formula", "empty: no formula", True, 0, 0),  # both empty: defined as perfect
        (None, r"\quad", "empty: no formula", "blank: nothing was drawn", True, 0, 0),  # both draw nothing
    ],
)
def test_every_pair_counts(
    hypothesis: str | None,
    reference: str,
    said: GreyImage | str,
    right: GreyImage | str,
    matches: bool,
    distance: int,
    columns: int,
) -> None:
    one = pair(hypothesis, reference, said, right)
    found = compare_pair(one)
    assert {name: getattr(found, name) for name in MATCH_NAMES} == dict.fromkeys(MATCH_NAMES, matches)
    assert (found.column_distance, found.wider_columns) == (distance, columns)
    *matches_of, column_edit = IMAGE_MATCH_METRICS
    for metric in matches_of:
        assert metric.statistics(one).tolist() == [float(matches), 1.0]
        assert corpus_score(metric, [one]) == 100.0 * matches
    assert column_edit.statistics(one).tolist() == [distance, columns]
    assert corpus_score(column_edit, [one]) == 100.0 * (distance == 0)


def test_pairs_that_nobody_rendered_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"picture 5: a formula has neither a picture nor a reason.*render_pairs"
    ):
        is_image_match(make_pair("picture 5", "x", "x"))
    with pytest.raises(ValueError, match="neither"):
        is_image_match(dataclasses.replace(make_pair("1", "x", "x"), hypothesis_image=A))


def test_a_comparison_is_remembered_as_long_as_its_pair_lives() -> None:
    before = len(image_match._COMPARISONS)
    first = pair("x", "y", A, B)
    assert compare_pair(first) is compare_pair(first)
    # equal but for the pictures, which equality of pairs leaves out
    second = pair("x", "y", A, A)
    assert second == first
    assert compare_pair(second).deng and not compare_pair(first).deng
    del first, second
    gc.collect()
    assert len(image_match._COMPARISONS) == before


# Metrics


EXTRA = np.hstack([A, B])  # A with symbols too many
CORPUS = [
    pair("x", "x", A, A),
    pair("xy", "x", EXTRA, A),
    pair("y", "x", B, A),
    pair(None, "x", "empty: no formula", A),
]


def test_a_hypothesis_with_symbols_too_many_matches_in_theirs_and_not_in_ours() -> None:
    scores = {metric.name: corpus_score(metric, CORPUS) for metric in IMAGE_MATCH_METRICS}
    assert scores == {
        "image_match_deng": 50.0,
        "image_match_deng_no_spaces": 50.0,
        "image_match": 25.0,
        "image_match_no_spaces": 25.0,
        # 0 of 7, 9 of 16, 9 of 9, 7 of 7
        "column_edit_accuracy": pytest.approx(100 * (1 - 25 / 39)),
    }


@pytest.mark.parametrize("metric", IMAGE_MATCH_METRICS, ids=lambda metric: metric.name)
def test_a_metric_keeps_the_contract(metric: Metric) -> None:
    assert isinstance(metric, Metric)
    assert metric.needs_images and metric.higher_is_better and metric.unit == "percent"
    assert metric.signature.startswith(f"{metric.name}|")
    travelled = pickle.loads(pickle.dumps(metric))
    assert travelled.signature == metric.signature
    assert (travelled.statistics(CORPUS[1]) == metric.statistics(CORPUS[1])).all()
    assert corpus_score(metric, []) == 100.0
    matrix = statistics_matrix(metric, CORPUS)
    assert matrix.shape == (4, len(metric.statistic_names))
    assert metric.score(matrix).shape == (4,)
    # halves add up to the whole, in any order
    halves = statistics_matrix(metric, CORPUS[:2]).sum(0) + statistics_matrix(metric, CORPUS[2:]).sum(0)
    assert metric.score(halves) == corpus_score(metric, CORPUS)
    shuffled = random.Random(1).sample(CORPUS, len(CORPUS))
    assert corpus_score(metric, shuffled) == corpus_score(metric, CORPUS)
    # resampled sums, some of nothing
    assert np.isfinite(metric.score(np.zeros((3, 5, len(metric.statistic_names))))).all()


@pytest.mark.parametrize("metric", IMAGE_MATCH_METRICS, ids=lambda metric: metric.name)
def test_a_formula_beside_itself_is_perfect(metric: Metric) -> None:
    same = [
        pair("x", "x", A, A),
        pair("", "", "empty: no formula", "empty: no formula"),
        pair(r"\x", r"\x", "tex: undefined", "tex: undefined"),
    ]
    assert corpus_score(metric, same) == 100.0


def test_signatures_tell_what_decides() -> None:
    signatures = {metric.name: metric.signature for metric in IMAGE_MATCH_METRICS}
    assert len(set(signatures.values())) == 5
    assert "columns of reference" in signatures["image_match_deng"]
    assert "columns of either" in signatures["image_match"]
    assert all(("spaces:dropped" in text) == ("no_spaces" in name) for name, text in signatures.items())
    assert all("12pt,200dpi,bold,reduced:2 by lanczos,margin:4px|" in text for text in signatures.values())
    full = image_match_metrics(IMAGE_MATCH_FACE_FULL_SIZE)
    assert [metric.name for metric in full] == list(signatures)
    assert all("12pt,200dpi,bold,margin:8px|" in metric.signature for metric in full)
