"""What of a picture is paper: dark or light, and how bright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["IDENTITY", "paper_lookup"]

IDENTITY = np.arange(256, dtype=np.uint8)
"""The curve of a picture that is clean as it is."""


def paper_lookup(image: NDArray[np.uint8], *, invert_dark: bool) -> NDArray[np.uint8]:
    """Find the grey curve that brings a picture to black ink on white paper.

    A picture with an outermost ring of pure white is left as it is, so clean pictures never change.

    The background is dark where both witnesses say so: the median of the outermost ring of pixels, and the
    median of all pixels, each against the middle of the range. The ring alone errs on brackets that are
    cropped tight, the whole alone errs on dense ink.

    The paper's grey is the most frequent one of the light half. Its noise is read from the greys above it,
    where ink has no part, and pushed into white with it.

    Args:
        image: (H, W), uint8, of either polarity, H and W at least 1.
        invert_dark: Whether to turn light ink on dark around. If not, dark pictures stay dark.

    Returns:
        (256,), uint8: the new grey of each grey.
    """
    if (
        image[0].min() == 255
        and image[-1].min() == 255
        and image[:, 0].min() == 255
        and image[:, -1].min() == 255
    ):
        return IDENTITY
    counts = np.array(Image.fromarray(image).histogram(), dtype=np.int64)
    present = np.flatnonzero(counts)
    if len(present) == 1:  # one grey all over: nothing is written on it, whatever it is
        return np.full(256, 255, dtype=np.uint8)
    middle = (int(present[0]) + int(present[-1])) / 2
    ring = np.concatenate((image[0], image[-1], image[:, 0], image[:, -1]))
    is_dark = float(np.median(ring)) < middle and _percentile(counts, 0.5) < middle
    lookup = IDENTITY
    if is_dark and invert_dark:
        lookup, counts, middle = lookup[::-1], counts[::-1], 255 - middle
    light = counts.copy()
    light[: int(np.ceil(middle))] = 0
    paper = int(light.argmax())
    noise = min(_percentile(light, 0.99) - paper, _MOST_NOISE)
    white = max(paper - noise, 1)
    stretch = np.minimum(np.rint(np.arange(256) * (255.0 / white)), 255).astype(np.uint8)
    curve: NDArray[np.uint8] = stretch[lookup]
    return curve


_MOST_NOISE = 32
"""A light patch beside darker paper is no noise: the paper is not darkened by more than this."""


def _percentile(counts: NDArray[np.int64], share: float) -> int:
    total = np.cumsum(counts)
    return int(np.searchsorted(total, share * total[-1]))
