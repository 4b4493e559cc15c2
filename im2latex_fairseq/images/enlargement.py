"""Pictures that were enlarged by interpolation, brought back to what they were.

A viewer or a word processor that shows a picture at 200% adds pixels, but nothing to see. Averaging them away again
blurs, unless the blocks lie where the pixels were: off by half a pixel each average mixes two. So the blocks are laid
where they are sharpest, and their averages corrected until they give the picture when they are enlarged again
(iterative back-projection, Irani and Peleg 1991). Where they do, they are what the picture was made from. A picture
that was printed or drawn at that resolution holds edges that no enlargement has: what isn't given back is 0.17 or
more of its ink, 0.01 or more where it was slightly blurred, and of an enlarged one 0.0055 at most (60 pictures at
200%, 300% and 400% by cubic, linear and Lanczos interpolation, or JPEG 80 after it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex_fairseq.images.ink_box import outer_ink_box

__all__ = ["Undone", "undo_enlargement"]

_MOST_LOST = 0.008
"""Squares of what enlarging again doesn't give back, of those of the ink."""

_ROUNDS = 4
"""Of giving back what averaging has taken; of three as many as of four."""

_PAPER_FROM = 246
"""Greys from this on may be a rest of the interpolation, and would widen the box of the formula by a pixel."""

_MOST_PIXELS = 4_000_000


@dataclass(frozen=True)
class Undone:
    """A picture as it was before somebody enlarged it.

    Attributes:
        image: (H, W), uint8, 255 = paper; the inked part with some paper around it.
        origin: (y, x) of its upper left corner in the enlarged picture, negative where paper was added.
        times: How many times as high and wide it was made.
    """

    image: NDArray[np.uint8]
    origin: tuple[int, int]
    times: int


def undo_enlargement(image: NDArray[np.uint8], most: int) -> Undone | None:
    """Bring a picture back that was enlarged by a whole number.

    Args:
        image: (H, W), uint8, 255 = paper.
        most: The largest number that it may be; from 2.

    Returns:
        What it was made from, by the largest number that fits; None where it wasn't enlarged.
    """
    box = outer_ink_box(image)
    if box is None:
        return None
    top, left, bottom, right = box
    inked = image[top:bottom, left:right]
    if inked.size > _MOST_PIXELS:
        return None
    for times in range(most, 1, -1):
        small, (down, across) = _reduce(inked, times)
        if small is not None:
            return Undone(small, (top + down, left + across), times)
    return None


def _reduce(inked: NDArray[np.uint8], times: int) -> tuple[NDArray[np.uint8] | None, tuple[int, int]]:
    """A picture, as many times smaller, where that enlarged is the picture; where its corner lies in it."""
    border = 3 * times  # interpolation reaches two pixels of the small picture
    height, width = (side + 2 * border + -side % times for side in inked.shape)
    paper = np.full((height, width), 255, dtype=np.uint8)
    # The corner of the blocks lies in the border, so that they can begin anywhere in it.
    begin = [border - start for start in (_sharpest_start(inked, times), _sharpest_start(inked.T, times))]
    y, x = begin
    paper[y : y + inked.shape[0], x : x + inked.shape[1]] = inked
    target = paper.astype(np.float32)
    values = _averages(target, times)
    for _ in range(_ROUNDS):
        lost = target - _enlarged(values, times)
        values = (values + _averages(lost, times)).clip(0, 255)
    result = np.rint(values).astype(np.uint8)
    result[result >= _PAPER_FROM] = 255
    lost = target - _enlarged(result.astype(np.float32), times)
    ink = np.square(255 - target).sum()
    return (result if np.square(lost).sum() <= _MOST_LOST * ink else None), (-y, -x)


def _enlarged(values: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    height, width = values.shape
    enlarged = Image.fromarray(values).resize((width * times, height * times), Image.Resampling.BICUBIC)
    return np.asarray(enlarged).clip(0, 255)


def _averages(values: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    height, width = values.shape
    averages: NDArray[np.float32] = values.reshape(height // times, times, width // times, times).mean(
        axis=(1, 3)
    )
    return averages


def _sharpest_start(inked: NDArray[np.uint8], times: int) -> int:
    """How many rows of the first block lie in the picture's paper: those with which blocks differ most."""
    ink = np.pad(255 - inked, ((2 * times, 2 * times), (0, 0)))
    below = np.cumsum(ink, axis=0, dtype=np.int64)
    sums = below[times:] - below[:-times]  # of as many rows, from the second on
    sharpness = [int(np.square(np.diff(sums[start::times], axis=0)).sum()) for start in range(times)]
    return (int(np.argmax(sharpness)) + 1) % times
