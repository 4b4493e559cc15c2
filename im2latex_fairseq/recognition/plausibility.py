"""Whether a picture looks like a formula at all: a decoder may be sure of what it sees in a photograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PAPER_FROM = 238
"""Greys from here on are paper: of the 16 shades of prepared pictures, the two lightest."""

_PATCH_PX = 7
_MOST_IN_PATCHES = 0.12
_LEAST = 0.02

_STEEP = 0.45
_FLAT = 0.39
"""Mean step between neighbouring pixels, weighted by itself, 1 = from paper to black: strokes, and smudges."""


def plausibility(prepared: NDArray[np.uint8]) -> float:
    """Factor for the confidence in any reading of a picture, by how much of its ink lies in broad patches.

    Formulas are strokes: at the size that models read, none of 2,588 pictures of IM2LATEX-100K that were looked at
    has a patch of 7 x 7 px without paper. Photographs have half-tones everywhere: 14% to 70% of what is dark in
    three of them, at several sizes, is the centre of such a patch. And strokes have steep edges: their mean
    step is 0.458 or more in each of 4,100 pictures of it (typically 0.57), in clouds 0.40 to 0.41.

    Args:
        prepared: (H, W), uint8, 255 = paper, as `prepare` gives it.

    Returns:
        From 0.02 to 1: 1 for steep edges without patches, falling to the least where 12% of the ink is in patches,
        or the mean step is 0.39.
    """
    dark = prepared < _PAPER_FROM
    total = int(dark.sum())
    if total == 0:
        return _LEAST
    patches = _patch_centres(dark) / (_MOST_IN_PATCHES * total)
    steepness = min(1.0, (_mean_step(prepared) - _FLAT) / (_STEEP - _FLAT))
    return max(_LEAST, min(1.0 - patches, steepness))


def _mean_step(prepared: NDArray[np.uint8]) -> float:
    """Of the steps between neighbouring pixels, in [0, 1]; each counts by its height."""
    greys = prepared.astype(np.int64)
    steps = np.concatenate([np.abs(np.diff(greys, axis=axis)).ravel() for axis in (0, 1)])
    return float((steps**2).sum() / max(1, steps.sum()) / 255)


def _patch_centres(dark: NDArray[np.bool_]) -> int:
    """How many pixels have nothing but dark ones around them."""
    if min(dark.shape) < _PATCH_PX:
        return 0
    sums = np.pad(dark.astype(np.int32).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    side = _PATCH_PX
    counts = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return int((counts == side * side).sum())
