from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from im2latex_fairseq.report.picture_difference import (
    BOTH,
    HYPOTHESIS_ONLY,
    PAPER,
    REFERENCE_ONLY,
    PictureDifference,
    picture_difference,
)

GreyImage = npt.NDArray[np.uint8]

# Letters of three by five pixels or so, which no shift turns into one another.
LETTERS = {
    "L": ["#..", "#..", "#..", "#..", "###"],
    "T": ["###", ".#.", ".#.", ".#.", ".#."],
    "H": ["#.#", "#.#", "###", "#.#", "#.#"],
    "X": ["#.#", ".#.", ".#.", ".#.", "#.#"],
}
_SCALE = 3  # strokes of three pixels: wider than the pixel within which ink counts as the same


def drawing(word: str) -> GreyImage:
    """Letters beside each other with blanks between and paper around."""
    columns = [[0] * 5, [0] * 5]
    for letter in word:
        columns += [[int(row[place] == "#") for row in LETTERS[letter]] for place in range(3)]
        columns += [[0] * 5, [0] * 5]
    ink = np.kron(np.array(columns).T, np.ones((_SCALE, _SCALE), dtype=int))
    return np.pad(np.where(ink, 0, 255).astype(np.uint8), 4, constant_values=255)


def ink_of(image: GreyImage) -> int:
    return int(np.count_nonzero(image < 128))


def counts(difference: PictureDifference) -> dict[int, int]:
    return {
        kind: int(np.count_nonzero(difference.kinds == kind))
        for kind in (BOTH, REFERENCE_ONLY, HYPOTHESIS_ONLY)
    }


def test_equal_drawings_have_all_ink_in_both() -> None:
    difference = picture_difference(drawing("LTH"), drawing("LTH"))
    assert difference.agreement == 1.0
    assert counts(difference) == {BOTH: ink_of(drawing("LTH")), REFERENCE_ONLY: 0, HYPOTHESIS_ONLY: 0}
    assert difference.kinds.shape == drawing("LTH").shape


@pytest.mark.parametrize(
    "reference, hypothesis, lost, invented",
    [
        ("LTH", "LTXH", "", "X"),  # what comes behind an invented letter is still alike
        ("LTXH", "LTH", "X", ""),
        ("LTH", "XLTH", "", "X"),
        ("LTH", "LT", "H", ""),
        ("LTH", "", "LTH", ""),  # a blank drawing
    ],
)
def test_only_the_letter_that_differs_is_coloured(
    reference: str, hypothesis: str, lost: str, invented: str
) -> None:
    found = counts(picture_difference(drawing(reference), drawing(hypothesis)))
    # Where coloured ink touches ink of both, a rim of one pixel counts as both.
    near = {"abs": 16}
    assert found[REFERENCE_ONLY] == pytest.approx(ink_of(drawing(lost)), **near)
    assert found[HYPOTHESIS_ONLY] == pytest.approx(ink_of(drawing(invented)), **near)
    assert found[BOTH] == pytest.approx(ink_of(drawing(reference)) - ink_of(drawing(lost)), **near)


def test_exchanging_the_two_exchanges_the_colours() -> None:
    there, back = (counts(picture_difference(*pair)) for pair in ((A, B), (B, A)))
    assert there[REFERENCE_ONLY] == back[HYPOTHESIS_ONLY] > 0
    assert there[HYPOTHESIS_ONLY] == back[REFERENCE_ONLY] > 0
    assert there[BOTH] == back[BOTH]


A, B = drawing("LTH"), drawing("LXH")


@pytest.mark.parametrize("rows", [1, 7])
def test_more_paper_above_changes_nothing(rows: int) -> None:
    lower = np.pad(B, ((rows, 0), (0, 0)), constant_values=255)
    assert counts(picture_difference(A, lower)) == counts(picture_difference(A, B))
    assert counts(picture_difference(lower, A)) == counts(picture_difference(B, A))


def test_the_grey_rim_of_a_stroke_is_no_difference() -> None:
    """The same line, once on one row and once spread over two, as cropping and reducing leave it."""
    sharp = np.full((9, 40), 255, dtype=np.uint8)
    sharp[4, 4:36] = 40
    spread = np.full((9, 40), 255, dtype=np.uint8)
    spread[4:6, 4:36] = 140
    assert picture_difference(sharp, spread).agreement == 1.0


def test_paper_stays_paper() -> None:
    blank = np.full((8, 8), 255, dtype=np.uint8)
    difference = picture_difference(blank, blank)
    assert (difference.kinds == PAPER).all() and (difference.darkness == 0).all()
    assert difference.agreement == 1.0


def test_pictures_too_wide_to_align_are_laid_side_by_side() -> None:
    wide = np.tile(drawing("LTHX"), (1, 50))
    difference = picture_difference(wide, wide)
    assert not difference.aligned and difference.agreement == 1.0
