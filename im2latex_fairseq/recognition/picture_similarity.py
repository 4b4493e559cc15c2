"""How alike two pictures of formulas look, whatever their sizes: for telling which reading a picture shows.

Both are cut to their ink, the drawing is stretched to the size of the picture, both are blurred, and compared by
the correlation of their greys. The blur forgives other weights and shapes of strokes and glyphs that moved by a pixel;
a symbol too many or too few moves everything behind it, and forgives nothing. How much the drawing had to be stretched
in one direction more than in the other counts too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from im2latex_fairseq.images.ink_box import outer_ink_box

GreyImage = NDArray[np.uint8]
Floats = NDArray[np.float32]

_BLUR_PX = 2.0
"""At the scale that models read, where a small letter is 6 to 8 pixels high."""


def picture_similarity(picture: GreyImage, drawing: GreyImage) -> float:
    """r ** 2 * a: r the correlation of the blurred greys (0 if negative), a the ratio of the two aspect ratios.

    Args:
        picture: (H, W), uint8, 255 = paper, prepared for the model.
        drawing: (H', W'), uint8, 255 = paper, of any size.

    Returns:
        In [0, 1]; 1 for pictures with the same ink, 0 where one of them has none.
    """
    boxes = outer_ink_box(picture), outer_ink_box(drawing)
    if boxes[0] is None or boxes[1] is None:
        return 0.0
    seen, drawn = _cut(picture, boxes[0]), _cut(drawing, boxes[1])
    stretch = (seen.shape[0] / drawn.shape[0]) / (seen.shape[1] / drawn.shape[1])
    correlation = _correlation(_blurred(seen), _blurred(_resized(drawn, seen.shape)))
    similarity: float = max(correlation, 0.0) ** 2 * min(stretch, 1.0 / stretch)
    return similarity


def _cut(image: GreyImage, box: tuple[int, int, int, int]) -> GreyImage:
    return image[box[0] : box[2], box[1] : box[3]]


def _resized(image: GreyImage, shape: tuple[int, ...]) -> GreyImage:
    if image.shape == shape:
        return image
    size = shape[1], shape[0]  # PIL: (width, height)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def _blurred(image: GreyImage) -> Floats:
    # Paper around, so that ink at the edge is blurred like all other ink.
    border = round(2 * _BLUR_PX)
    ink = np.pad((255.0 - image.astype(np.float32)) / 255.0, border)
    blurred: Floats = ndimage.gaussian_filter(ink, _BLUR_PX, truncate=2.0)
    return blurred


def _correlation(one: Floats, other: Floats) -> float:
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / norm if norm > 0 else 0.0
