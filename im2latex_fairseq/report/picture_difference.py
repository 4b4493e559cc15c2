"""Two drawings laid over each other, so that what is alike coincides and what isn't stands out in colour.

An extra symbol shifts everything behind it, so one shift for the whole picture would colour it all. The columns of
the two are aligned instead: of all ways to lay them side by side, gaps included, the one with the least ink that
only one of both has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.images.renderer import GreyImage

_Bits = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float32]

#: What a pixel of `PictureDifference.kinds` is: paper, ink in both, in the reference alone, in the hypothesis alone.
PAPER, BOTH, REFERENCE_ONLY, HYPOTHESIS_ONLY = range(4)

# Pixels are ink for the alignment at and below this grey: thin strokes are no darker after the reduction.
_INK_AT_MOST = 192

# A gap costs the ink in it, and this, in pixels: once to open, and a column. Without it, letters would be cut and
# stretched to save a pixel.
_OPENING_PX = 10.0
_COLUMN_PX = 0.25
# Darkness below which a pixel of the difference is paper.
_FAINT = 40
# So many vertical shifts are tried.
_SHIFTS = 3
# Larger pairs aren't aligned column by column: cells of the cost matrix.
_MOST_CELLS = 6_000_000

_PAIR, _GAP_ABOVE, _GAP_LEFT = range(3)


@dataclass(frozen=True)
class PictureDifference:
    """The two laid over each other.

    Attributes:
        kinds: (height, width) uint8: PAPER, BOTH, REFERENCE_ONLY, HYPOTHESIS_ONLY.
        darkness: (height, width) uint8, 0 = paper, 255 = black: of the darker of both.
        aligned: Whether columns were aligned; False where the pictures are too wide for it.
    """

    kinds: GreyImage
    darkness: GreyImage
    aligned: bool

    @property
    def agreement(self) -> float:
        """The share of the ink that both have, in [0, 1]; 1 if there is no ink."""
        ink = int(np.count_nonzero(self.kinds))
        return 1.0 if ink == 0 else int(np.count_nonzero(self.kinds == BOTH)) / ink


def picture_difference(reference: GreyImage, hypothesis: GreyImage) -> PictureDifference:
    """Lay two drawings over each other.

    Args:
        reference: (H, W) uint8, 255 = paper.
        hypothesis: (H', W') uint8, at the same scale.
    """
    alignable = reference.shape[1] * hypothesis.shape[1] <= _MOST_CELLS
    best: tuple[float, GreyImage, GreyImage, list[tuple[int, int]]] | None = None
    for shift in _vertical_shifts(reference, hypothesis):
        first, second = _on_one_height(reference, hypothesis, shift)
        if alignable:
            cost, steps = _align_columns(first <= _INK_AT_MOST, second <= _INK_AT_MOST)
        else:
            cost, steps = 0.0, _side_by_side(first.shape[1], second.shape[1])
        if best is None or cost < best[0]:
            best = (cost, first, second, steps)
        if not alignable:
            break
    assert best is not None
    _, first, second, steps = best
    left, right = _spread(first, [step[0] for step in steps]), _spread(second, [step[1] for step in steps])
    return PictureDifference(_kinds(left, right), 255 - np.minimum(left, right), alignable)


def _vertical_shifts(reference: GreyImage, hypothesis: GreyImage) -> list[int]:
    """Rows by which to lower the hypothesis, the likeliest first: where the rows' ink agrees best."""
    rows = (reference <= _INK_AT_MOST).sum(axis=1, dtype=np.float64)
    others = (hypothesis <= _INK_AT_MOST).sum(axis=1, dtype=np.float64)
    agreement = np.correlate(rows, others, mode="full")
    order = np.argsort(-agreement, kind="stable")[:_SHIFTS]
    return [int(place) - (len(others) - 1) for place in order]


def _on_one_height(reference: GreyImage, hypothesis: GreyImage, shift: int) -> tuple[GreyImage, GreyImage]:
    """Both on paper of one height, the hypothesis `shift` rows lower than the reference."""
    top = min(0, shift)
    height = max(reference.shape[0], hypothesis.shape[0] + shift) - top

    def placed(image: GreyImage, row: int) -> GreyImage:
        return np.pad(image, ((row, height - image.shape[0] - row), (0, 0)), constant_values=255)

    return placed(reference, -top), placed(hypothesis, shift - top)


def _align_columns(first: _Bits, second: _Bits) -> tuple[float, list[tuple[int, int]]]:
    """Lay columns side by side (Gotoh 1982: a gap costs more to open than to go on).

    Args:
        first: (H, W) True = ink.
        second: (H, W').

    Returns:
        What it costs in pixels, and the steps: (column of the first, column of the second), -1 for none.
    """
    a, b = first.astype(np.float32), second.astype(np.float32)
    ink_a, ink_b = a.sum(axis=0), b.sum(axis=0)
    # (W, W'): pixels in which two columns differ.
    differing: _Floats = ink_a[:, None] + ink_b[None, :] - 2.0 * (a.T @ b)
    opening = np.float32(_OPENING_PX)
    gap = ink_a + np.float32(_COLUMN_PX)
    # What it costs to skip the first j columns of the second.
    skipped = np.zeros(len(ink_b) + 1, dtype=np.float32)
    np.cumsum(ink_b + np.float32(_COLUMN_PX), out=skipped[1:])
    height, width = len(ink_a) + 1, len(ink_b) + 1
    places = np.arange(width, dtype=np.int32)
    # How the best alignment of i and j columns ends: in a pair, a skipped column of the first (has the gap just
    # begun?) or skipped ones of the second (from where on?).
    moves = np.full((height, width), _GAP_LEFT, dtype=np.uint8)
    begins = np.ones((height, width), dtype=np.bool_)
    begun_at = np.zeros((height, width), dtype=np.int32)

    best = skipped + opening
    best[0] = 0.0
    in_gap = np.full(width, np.inf, dtype=np.float32)
    for row in range(1, height):
        begun = best + opening
        begins[row] = begun <= in_gap
        in_gap = np.minimum(begun, in_gap) + gap[row - 1]
        paired = np.full(width, np.inf, dtype=np.float32)
        paired[1:] = best[:-1] + differing[row - 1]
        best = np.minimum(paired, in_gap)
        moves[row] = np.where(paired <= in_gap, _PAIR, _GAP_ABOVE)
        # The cheapest place from which to skip all columns of the second up to here.
        least = np.minimum.accumulate(best - skipped)
        source = np.maximum.accumulate(np.where(best - skipped == least, places, 0))
        skipping = np.full(width, np.inf, dtype=np.float32)
        skipping[1:] = least[:-1] + skipped[1:] + opening
        begun_at[row, 1:] = source[:-1]
        shorter = skipping < best
        moves[row][shorter] = _GAP_LEFT
        best = np.where(shorter, skipping, best)
    return float(best[-1]), _trace_back(moves, begins, begun_at)


def _trace_back(moves: GreyImage, begins: _Bits, begun_at: npt.NDArray[np.int32]) -> list[tuple[int, int]]:
    """The steps of the best alignment, from the first columns on."""
    steps: list[tuple[int, int]] = []
    i, j = moves.shape[0] - 1, moves.shape[1] - 1
    while i or j:
        if moves[i, j] == _PAIR:
            i, j = i - 1, j - 1
            steps.append((i, j))
        elif moves[i, j] == _GAP_LEFT:
            start = int(begun_at[i, j])
            steps.extend((-1, column) for column in range(j - 1, start - 1, -1))
            j = start
        else:
            begun = False
            while not begun:
                begun = bool(begins[i, j])
                i -= 1
                steps.append((i, -1))
    return steps[::-1]


def _side_by_side(width: int, other: int) -> list[tuple[int, int]]:
    """Columns with the same number together."""
    return [(i if i < width else -1, i if i < other else -1) for i in range(max(width, other))]


def _spread(image: GreyImage, columns: list[int]) -> GreyImage:
    """The columns of a picture in that order, paper for -1."""
    with_paper = np.pad(image, ((0, 0), (0, 1)), constant_values=255)
    return with_paper[:, columns]


def _kinds(reference: GreyImage, hypothesis: GreyImage) -> GreyImage:
    """What each pixel is; both (H, W), laid over each other."""
    # Pictures were cropped, then reduced: the same stroke may lie a fraction of a pixel elsewhere and be spread over
    # two rows, so it is in both if the other picture has half as much ink within a pixel.
    first, second = (255 - image.astype(np.int16) for image in (reference, hypothesis))
    near_first, near_second = (255 - _thickened(image).astype(np.int16) for image in (reference, hypothesis))
    kinds = np.full(first.shape, BOTH, dtype=np.uint8)
    kinds[2 * near_second < first] = REFERENCE_ONLY
    kinds[2 * near_first < second] = HYPOTHESIS_ONLY
    kinds[np.maximum(first, second) < _FAINT] = PAPER
    return kinds


def _thickened(image: GreyImage) -> GreyImage:
    """Each pixel as dark as the darkest of itself and the four beside it."""
    framed = np.pad(image, 1, constant_values=255)
    rows = np.minimum(np.minimum(framed[:-2, 1:-1], framed[1:-1, 1:-1]), framed[2:, 1:-1])
    return np.minimum(np.minimum(framed[1:-1, :-2], framed[1:-1, 2:]), rows)
