"""Boxes of characters from TFM files."""

from __future__ import annotations

import struct

import pytest

from im2latex_fairseq.images.font_metrics import CharacterBox, FontMetricsError, font_boxes

POINT = 1 << 16
UNIT = 1 << 20  # of a fix_word: the size of the font


def tfm(
    characters: dict[int, tuple[int, int, int]], widths: list[int], heights: list[int], depths: list[int]
):
    """A TFM file; characters name their entries in the tables."""
    first, last = min(characters), max(characters)
    words = b"".join(
        bytes((characters[code][0], characters[code][1] << 4 | characters[code][2], 0, 0))
        if code in characters
        else bytes(4)
        for code in range(first, last + 1)
    )
    tables = struct.pack(f">{len(widths) + len(heights) + len(depths)}i", *widths, *heights, *depths)
    header = bytes(8)
    length = 6 + 2 + (len(words) + len(tables)) // 4
    counts = (length, 2, first, last, len(widths), len(heights), len(depths), 0, 0, 0, 0, 0)
    return struct.pack(">12H", *counts) + header + words + tables


SMALL = tfm({65: (1, 1, 0), 67: (2, 0, 1)}, [0, UNIT // 2, 3 * UNIT], [0, UNIT // 4], [0, -UNIT])


def test_boxes_are_shares_of_the_size():
    boxes = font_boxes(SMALL, 12 * POINT)
    assert boxes[65] == CharacterBox(6 * POINT, 3 * POINT, 0)
    assert boxes[67] == CharacterBox(36 * POINT, 0, -12 * POINT)
    assert len(boxes) == 256


def test_a_character_without_width_entry_is_none():
    boxes = font_boxes(SMALL, 12 * POINT)
    assert boxes[66] is None and boxes[0] is None


@pytest.mark.parametrize(
    "size, word, expected",
    [
        (10 * POINT, 1 << 20, 10 * POINT),  # the size itself
        (10 * POINT, 1, 0),  # 0.6 of a scaled point, cut off
        (10 * POINT, -1, -1),  # and downwards below zero
        (2047 * POINT, 1 << 20, 2047 * POINT),  # so large that TeX halves it on the way
    ],
)
def test_lengths_are_rounded_as_tex_does(size, word, expected):
    assert font_boxes(tfm({0: (1, 0, 0)}, [0, word], [0], [0]), size)[0].width == expected


def test_sizes_beyond_those_of_tex_are_refused():
    with pytest.raises(FontMetricsError, match=r"2048\.0 pt"):
        font_boxes(SMALL, 2048 * POINT)


@pytest.mark.parametrize(
    "metrics, message",
    [
        (b"", "cut off"),
        (SMALL[:-8], "cut off"),
        (SMALL[:4] + bytes((0, 9, 0, 3)) + SMALL[8:], "characters 9 to 3"),
        (SMALL[:8] + bytes((0, 99)) + SMALL[10:], "beyond its end"),
    ],
)
def test_other_files_are_refused(metrics, message):
    with pytest.raises(FontMetricsError, match=message):
        font_boxes(metrics, POINT)
