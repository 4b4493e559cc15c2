"""A loaded picture -> the form that models read; the same code for data, training and inference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.ink_box import find_ink_box, outer_ink_box
from im2latex_fairseq.images.paper import IDENTITY, paper_lookup
from im2latex_fairseq.images.preparation_settings import PreparationSettings, PreparationSettingsError
from im2latex_fairseq.images.prepared_geometry import PreparedGeometry

if TYPE_CHECKING:
    import torch

__all__ = [
    "ImageError",
    "PreparationSettings",
    "PreparationSettingsError",
    "pad_to_batch",
    "prepare",
    "prepare_with_geometry",
    "to_tensor",
]

# Ink whose darkest pixel is lighter than _FAINT is stretched to black (pencil, grey text on a web page). Ink
# that is lighter than _INVISIBLE is a shadow of the paper or of a JPEG, so the picture counts as blank.
_FAINT = 160
_INVISIBLE = 224


def prepare(
    image: NDArray[np.uint8], settings: PreparationSettings | None = None, *, scale: float = 1.0
) -> NDArray[np.uint8]:
    """Bring a picture to the form that models read.

    In this order: background made white (`paper.paper_lookup`), scaled by area averaging, quantised, cropped
    to the formula without the dirt around it (`ink_box.find_ink_box`), faint ink stretched, and set on pure
    white with a margin. Pictures smaller than the least size are centred on it.

    A prepared picture is a fixed point: ``prepare(prepare(x, scale=s)) == prepare(x, scale=s)``. The result
    doesn't depend on where on its page the formula stands.

    Args:
        image: (H, W), uint8, as `loader.load_image` gives it: 255 = white.
        settings: What to bring it to; the defaults if None.
        scale: Factor for both sides. The result should show text of 10 to 12 pt at 100 dpi: 0.5 for
            a page at 200 dpi.

    Returns:
        A new array (H', W'), uint8, 0 = ink, 255 = paper, with `settings.grey_levels` shades.

    Raises:
        ImageError: With `reason` "blank" or "too_large" (or "not_grey", "bad_scale" for wrong arguments).
    """
    return prepare_with_geometry(image, settings, scale=scale)[0]


def prepare_with_geometry(
    image: NDArray[np.uint8], settings: PreparationSettings | None = None, *, scale: float = 1.0
) -> tuple[NDArray[np.uint8], PreparedGeometry]:
    """`prepare`, and where the prepared picture's pixels lie in `image`.

    Args:
        image: See `prepare`.
        settings: See `prepare`.
        scale: See `prepare`.

    Returns:
        What `prepare` returns, and its geometry.

    Raises:
        ImageError: See `prepare`.
    """
    settings = settings if settings is not None else PreparationSettings()
    _check_arguments(image, scale)
    lookup = paper_lookup(image, invert_dark=settings.invert_dark)
    grey = image if lookup is IDENTITY else lookup[image]
    origin, step = (0.0, 0.0), (1.0, 1.0)
    if scale != 1.0:
        grey, origin, step = _rescale(grey, scale)
    formula, cropped = _crop_to_formula(grey, _quantise_lookup(settings.grey_levels))
    prepared, set_at = _set_on_paper(formula, settings, scale, image.shape)
    corner = (
        origin[0] + step[0] * (cropped[0] - set_at[0]),
        origin[1] + step[1] * (cropped[1] - set_at[1]),
    )
    return prepared, PreparedGeometry(corner, step, (image.shape[0], image.shape[1]))


def to_tensor(prepared: NDArray[np.uint8]) -> torch.Tensor:
    """Turn a prepared (H, W) uint8 picture into a (1, H, W) float32 tensor in [0, 1], 0 = blank paper."""
    import torch  # here, so that pictures can be prepared where torch isn't installed

    ink = torch.from_numpy(np.subtract(255, prepared, dtype=np.uint8))
    return ink.to(torch.float32).div_(255.0).unsqueeze(0)  # H x W -> 1 x H x W


def pad_to_batch(images: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Put pictures (1, H, W) of several sizes into one batch, paper below and at the right of each.

    Returns:
        The batch (B, 1, H, W), float32; the unpadded (height, width) of each picture, (B, 2), int64.
    """
    import torch

    sizes = torch.tensor([image.shape[-2:] for image in images])
    height, width = sizes.max(dim=0).values.tolist()
    batch = torch.zeros(len(images), 1, height, width)
    for row, image in enumerate(images):
        batch[row, :, : image.shape[1], : image.shape[2]] = image
    return batch, sizes


def _check_arguments(image: NDArray[np.uint8], scale: float) -> None:
    if image.ndim != 2 or image.dtype != np.uint8 or image.size == 0:
        raise ImageError(
            f"prepare takes a grey (H, W) uint8 picture with at least one pixel, not {image.shape} "
            f"{image.dtype}; load it with load_image",
            reason="not_grey",
        )
    if not (math.isfinite(scale) and 0.01 <= scale <= 100.0):
        raise ImageError(f"scale must be from 0.01 to 100, not {scale!r}", reason="bad_scale")


@lru_cache(maxsize=32)
def _quantise_lookup(grey_levels: int) -> NDArray[np.uint8]:
    level = np.rint(np.arange(256) * ((grey_levels - 1) / 255.0))
    lookup: NDArray[np.uint8] = np.rint(level * (255.0 / (grey_levels - 1))).astype(np.uint8)
    return lookup


_Place: TypeAlias = tuple[float, float]
"""(y, x), in pixels."""


def _rescale(image: NDArray[np.uint8], scale: float) -> tuple[NDArray[np.uint8], _Place, _Place]:
    """Scale the inked part of a picture, with some paper around it.

    The part starts at its outermost ink, so the result doesn't depend on the place on the page. Whole
    divisors (1/2, 1/3, ...) average blocks exactly; other factors use Pillow's antialiased filters.

    Returns:
        The scaled part; its upper left corner in `image`; and pixels of `image` for one of its own.
    """
    box = outer_ink_box(image)
    if box is None:
        return np.full((1, 1), 255, dtype=np.uint8), (0.0, 0.0), (1.0, 1.0)
    top, left, bottom, right = box
    divisor = round(1.0 / scale)
    border = 2 * max(1, math.ceil(1.0 / scale))
    # Whole blocks: paper is added at the end until each side divides.
    height, width = bottom - top + 2 * border, right - left + 2 * border
    height, width = height + -height % max(divisor, 1), width + -width % max(divisor, 1)
    if height * width * scale * scale > _MOST_SCALED_PIXELS:
        raise ImageError(
            f"the ink covers {right - left} x {bottom - top} pixels (width x height), too much to scale by "
            f"{scale:g}; crop the picture to one formula",
            reason="too_large",
        )
    paper = np.full((height, width), 255, dtype=np.uint8)
    paper[border : border + bottom - top, border : border + right - left] = image[top:bottom, left:right]
    picture = Image.fromarray(paper)
    corner = (float(top - border), float(left - border))
    if divisor >= 2 and abs(divisor * scale - 1.0) < 1e-9:
        return np.asarray(picture.reduce(divisor)), corner, (float(divisor), float(divisor))
    size = max(1, round(width * scale)), max(1, round(height * scale))  # PIL's order: width, height
    resized = picture.resize(size, Image.Resampling.HAMMING if scale < 1 else Image.Resampling.BICUBIC)
    return np.asarray(resized), corner, (height / size[1], width / size[0])


_MOST_SCALED_PIXELS = 64_000_000


def _crop_to_formula(
    grey: NDArray[np.uint8], quantise: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Quantise, crop to the formula and darken it where it is faint, until none changes anything.

    Returns:
        The formula, and (y, x) of its upper left corner in `grey`.
    """
    top = left = 0
    while True:
        levels = quantise[grey]
        box = find_ink_box(levels)
        darkest = 255
        if box is not None:
            inside = slice(box[0], box[2]), slice(box[1], box[3])
            grey, levels = grey[inside], levels[inside]
            top, left = top + box[0], left + box[1]
            darkest = int(levels.min())
        if darkest > _INVISIBLE:
            raise ImageError(
                f"blank: no ink on the paper (the darkest grey is {darkest} of 255); if there is a formula "
                "in the picture, raise its contrast",
                reason="blank",
            )
        if darkest <= _FAINT:
            return levels, (top, left)
        # From the grey as it was before quantisation, which left faint ink two or three shades.
        black = int(grey.min())
        stretch = (np.arange(256) - black) * (255.0 / (255 - black))
        grey = np.rint(stretch.clip(0, 255)).astype(np.uint8)[grey]


def _set_on_paper(
    formula: NDArray[np.uint8], settings: PreparationSettings, scale: float, original: tuple[int, ...]
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The formula with its margin, and (y, x) of the formula's upper left corner there."""
    height, width = formula.shape
    full_height = max(height + 2 * settings.margin_px, settings.min_height_px)
    full_width = max(width + 2 * settings.margin_px, settings.min_width_px)
    if full_height > settings.max_height_px or full_width > settings.max_width_px:
        raise ImageError(
            f"too large: {full_width} x {full_height} pixels (width x height) after cropping, from "
            f"{original[1]} x {original[0]} at scale {scale:g}; the limit is {settings.max_width_px} x "
            f"{settings.max_height_px}; use a smaller scale, or crop to one formula",
            reason="too_large",
        )
    paper = np.full((full_height, full_width), 255, dtype=np.uint8)
    top, left = (full_height - height) // 2, (full_width - width) // 2
    paper[top : top + height, left : left + width] = formula
    return paper, (top, left)
