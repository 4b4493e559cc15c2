"""Boxes of characters, from TeX's font metric files (TFM; Knuth, TeX: The Program, part 30).

TeX's page description names characters and nothing of their size: who reads it needs the metrics to know where
the next character stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias


class CharacterBox(NamedTuple):
    """Width, height above and depth below the baseline, in scaled points (65536 to a point)."""

    width: int
    height: int
    depth: int


#: The boxes of a font at one size, by character code; None where the font has no such character.
FontBoxes: TypeAlias = list[CharacterBox | None]
#: Gives the metric file of a font, by name.
ReadMetrics: TypeAlias = Callable[[str], bytes]

_HEADER_WORDS = 6
_CODES = 256
_SIZE_LIMIT = 1 << 27


class FontMetricsError(ValueError):
    """A metric file can't be read; the message says which and why."""


def font_boxes(metrics: bytes, size: int) -> FontBoxes:
    """The boxes of all characters at a size.

    Args:
        metrics: A whole TFM file.
        size: Scaled size of the font, in scaled points.

    Raises:
        FontMetricsError: This is no TFM file, or TeX knows no font so large.
    """
    if not 0 < size < _SIZE_LIMIT:
        raise FontMetricsError(f"a size of {size / 65536} pt; TeX's are below 2048 pt")
    lengths = [int.from_bytes(metrics[at : at + 2], "big") for at in range(0, 4 * _HEADER_WORDS, 2)]
    if len(metrics) < 4 * _HEADER_WORDS or len(metrics) < 4 * lengths[0]:
        raise FontMetricsError(f"{len(metrics)} bytes, cut off")
    _, header, first, last, widths, heights, depths = lengths[:7]
    if first > last + 1 or last >= _CODES:
        raise FontMetricsError(f"characters {first} to {last}")
    characters_at = _HEADER_WORDS + header
    widths_at = characters_at + last - first + 1
    heights_at = widths_at + widths
    depths_at = heights_at + heights
    if depths_at + depths > lengths[0]:
        raise FontMetricsError("tables beyond its end")

    def table(start: int, count: int) -> list[int]:
        return [_scale(metrics[4 * at : 4 * at + 4], size) for at in range(start, start + count)]

    width_of, height_of, depth_of = (
        table(widths_at, widths),
        table(heights_at, heights),
        table(depths_at, depths),
    )
    boxes: FontBoxes = [None] * _CODES
    for code in range(first, last + 1):
        at = 4 * (characters_at + code - first)
        width_index, height_and_depth = metrics[at], metrics[at + 1]
        if width_index:  # 0: there is no such character
            boxes[code] = CharacterBox(
                width_of[width_index], height_of[height_and_depth >> 4], depth_of[height_and_depth & 15]
            )
    return boxes


def _scale(word: bytes, size: int) -> int:
    """`word`, a fraction of the size, in scaled points: rounded as TeX rounds (section 572), to the last digit."""
    z, alpha = size, 16
    while z >= 1 << 23:
        z, alpha = z // 2, alpha * 2
    beta = 256 // alpha
    a, b, c, d = word
    scaled = ((d * z // 256 + c * z) // 256 + b * z) // beta
    return scaled if a == 0 else scaled - alpha * z
