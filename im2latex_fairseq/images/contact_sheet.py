"""One picture that shows what the augmentation does to a few others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from im2latex_fairseq.images.augment import AugmentSettings, augment

__all__ = ["draw_contact_sheet"]

_GAP_PX = 6
_TITLE_PX = 22
_DESK = 176
"""Grey behind the pictures, so that shaded paper and its margins show."""


def draw_contact_sheet(
    images: Sequence[NDArray[np.uint8]],
    settings: AugmentSettings,
    *,
    seed: int = 1,
    variants: int = 5,
    title: str = "",
) -> NDArray[np.uint8]:
    """Draw each picture as it is (left column) and as training may see it.

    Args:
        images: Prepared pictures, each (H, W), uint8, 255 = paper; at least one.
        settings: The augmentation.
        seed: The same seed gives the same sheet.
        variants: Distorted copies of each picture, at least 1.
        title: A line above the pictures.

    Returns:
        (H', W'), uint8.

    Raises:
        ValueError: Without pictures, or with fewer than one variant.
    """
    if not images or variants < 1:
        raise ValueError(f"a contact sheet needs pictures and variants, got {len(images)} and {variants}")
    # A generator a picture: the row of one doesn't depend on which others are on the sheet.
    rows = [
        [image, *(augment(image, rng, settings) for _ in range(variants))]
        for image in images
        for rng in [np.random.default_rng([seed, *image.shape, int(image.sum())])]
    ]
    heights = [max(cell.shape[0] for cell in row) for row in rows]
    widths = [max(row[column].shape[1] for row in rows) for column in range(variants + 1)]
    first = _TITLE_PX if title else _GAP_PX
    sheet = Image.new(
        "L", (sum(widths) + _GAP_PX * (len(widths) + 1), first + sum(heights) + _GAP_PX * len(rows)), _DESK
    )
    if title:
        ImageDraw.Draw(sheet).text((_GAP_PX, 4), title, fill=0, font=ImageFont.load_default(12))
    top = first
    for row, height in zip(rows, heights, strict=True):
        left = _GAP_PX
        for cell, width in zip(row, widths, strict=True):
            sheet.paste(Image.fromarray(cell), (left, top + (height - cell.shape[0]) // 2))
            left += width + _GAP_PX
        top += height + _GAP_PX
    return np.array(sheet)
