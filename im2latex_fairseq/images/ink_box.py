"""Where the formula is on the paper: the box around its ink, not around the dirt in the margins.

Works at the scale that models read: text of 10 to 12 pt at 100 dpi, so an em has 14 to 17 pixels, a period
covers about 2 pixels' worth of black, a comma 4, a lone digit 10.

The ink is summed in a grid of 4 x 4 pixel cells, which is anchored at the outermost ink. A cell's weight is
the black in its 3 x 3 neighbourhood (12 x 12 px). Cells of weight above 10 are text. Lighter ones may be a
prime, a dot, a small letter or dirt; which of them, their place decides:

| weight | what it may be | belongs to the formula when |
|---|---|---|
| any | accent, prime, dot of an i, bar | at most 3 cells (12 px) away from text |
| 1.4 and more | period, comma, lone dot | level with text, at most 20 cells after it, 6 before |
| 4.5 and more | lone small letter, minus sign | level with text, at most 20 cells before or after it |

Everything else is dirt, and doesn't widen the box. Between the two errors the table leans to keeping: white
in excess costs the model little, a lost period costs a token.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["INK_BELOW", "find_ink_box", "outer_ink_box"]

INK_BELOW = 248
"""Greys under this are ink; lighter ones are the halo of JPEG and antialiasing."""

_CELL_PX = 4
_TEXT_WEIGHT = 10.0
_LETTER_WEIGHT = 4.5
_DOT_WEIGHT = 1.4
_NEAR_CELLS = 3
_BESIDE_CELLS = 20
_BEFORE_CELLS = 6

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels, bottom and right exclusive."""


def outer_ink_box(image: NDArray[np.uint8]) -> Box | None:
    """Return the box around everything darker than `INK_BELOW`, or None where nothing is.

    Args:
        image: (H, W), uint8, 255 = paper.
    """
    ink = image < INK_BELOW
    rows = np.flatnonzero(ink.any(axis=1))
    if rows.size == 0:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(ink[top:bottom].any(axis=0))
    return top, int(columns[0]), bottom, int(columns[-1]) + 1


def find_ink_box(image: NDArray[np.uint8]) -> Box | None:
    """Return the box around the formula, or None where there is no ink at all.

    Cropping to the box and searching again gives the whole picture: the search repeats until it does.

    Args:
        image: (H, W), uint8, 255 = paper, at the scale that models read.
    """
    box = outer_ink_box(image)
    while box is not None:
        top, left, bottom, right = box
        cropped = image[top:bottom, left:right]
        kept = _drop_dirt(cropped)
        if kept == (0, 0, *cropped.shape):
            return box
        box = (top + kept[0], left + kept[1], top + kept[2], left + kept[3])
    return None


def _drop_dirt(image: NDArray[np.uint8]) -> Box:
    """Find the box of the formula in a picture whose four edges all touch ink."""
    weight = _neighbourhood_weight(image)
    inked = weight > 0
    # A formula that is a lone dot has no text, so its heaviest cells stand for it.
    text = weight > min(_TEXT_WEIGHT, float(weight.max()) - 1e-6)
    text_rows, text_columns = _along(text, 1), _along(text, 0)
    if (_along(inked, 1) & ~_reach(text_rows, _NEAR_CELLS, _NEAR_CELLS)).any() or (
        _along(inked, 0) & ~_reach(text_columns, _NEAR_CELLS, _NEAR_CELLS)
    ).any():
        return _box_of_cells(image, inked & _is_formula(weight, text))
    # No row and no column lies far from text: the usual case, and nothing outside can be dropped.
    return (0, 0, *image.shape)


def _is_formula(weight: NDArray[np.float32], text: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Apply the table at the head of this file, cell by cell."""
    near = _reach(_reach(text, _NEAR_CELLS, _NEAR_CELLS), _NEAR_CELLS, _NEAR_CELLS, axis=0)
    rows = np.flatnonzero(_along(text, 1))
    lines = np.zeros(len(text), dtype=np.bool_)
    lines[max(int(rows[0]) - 1, 0) : int(rows[-1]) + 2] = True
    columns = _along(text, 0)
    period = (weight >= _DOT_WEIGHT) & _reach(columns, _BEFORE_CELLS, _BESIDE_CELLS)
    letter = (weight >= _LETTER_WEIGHT) & _reach(columns, _BESIDE_CELLS, _BESIDE_CELLS)
    return near | (lines[:, None] & (period | letter))


def _neighbourhood_weight(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Black in the 3 x 3 cells around each cell, in pixels; 0 for cells without ink of their own."""
    height, width = image.shape
    rows, columns = -(-height // _CELL_PX), -(-width // _CELL_PX)
    padded = np.zeros((rows * _CELL_PX, columns * _CELL_PX), dtype=np.uint8)
    np.subtract(255, image, out=padded[:height, :width])
    padded[padded <= 255 - INK_BELOW] = 0
    # Pillow's reduce is the mean of each cell, rounded: several times faster than a sum by numpy.
    cells = np.asarray(Image.fromarray(padded).reduce(_CELL_PX), dtype=np.float32)
    cells *= _CELL_PX * _CELL_PX / 255
    framed = np.zeros((rows + 2, columns + 2), dtype=np.float32)
    framed[1:-1, 1:-1] = cells
    lines = framed[:-2] + framed[1:-1] + framed[2:]
    weight: NDArray[np.float32] = lines[:, :-2] + lines[:, 1:-1] + lines[:, 2:]
    weight[cells == 0] = 0
    return weight


def _along(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Whether any place is True along an axis."""
    found: NDArray[np.bool_] = np.any(mask, axis=axis)
    return found


def _reach(mask: NDArray[np.bool_], before: int, after: int, axis: int = -1) -> NDArray[np.bool_]:
    """Spread True by `before` places towards the start of an axis and by `after` towards its end."""
    mask = np.moveaxis(mask, axis, -1)
    length = mask.shape[-1]
    total = np.zeros((*mask.shape[:-1], length + 1), dtype=np.int32)
    np.cumsum(mask, axis=-1, out=total[..., 1:])
    place = np.arange(length)
    low, high = np.maximum(place - after, 0), np.minimum(place + before + 1, length)
    spread: NDArray[np.bool_] = (total[..., high] - total[..., low]) > 0
    return np.moveaxis(spread, -1, axis)


def _box_of_cells(image: NDArray[np.uint8], cells: NDArray[np.bool_]) -> Box:
    """The box around the ink in the rectangle that the given cells span."""
    rows, columns = np.flatnonzero(_along(cells, 1)), np.flatnonzero(_along(cells, 0))
    top, left = int(rows[0]) * _CELL_PX, int(columns[0]) * _CELL_PX
    inside = outer_ink_box(
        image[top : (int(rows[-1]) + 1) * _CELL_PX, left : (int(columns[-1]) + 1) * _CELL_PX]
    )
    if inside is None:  # unreachable: a cell counts only for ink of its own
        return (0, 0, *image.shape)
    return top + inside[0], left + inside[1], top + inside[2], left + inside[3]
