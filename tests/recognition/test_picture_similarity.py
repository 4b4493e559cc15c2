"""Likeness of pictures: the same drawing at any size and weight is alike, other symbols aren't."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from im2latex_fairseq.recognition.picture_similarity import picture_similarity


def line(text: str, size_px: int = 16, pad: int = 8) -> np.ndarray:
    font = ImageFont.load_default(size_px)
    left, top, right, bottom = font.getbbox(text)
    page = Image.new("L", (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad), 255)
    ImageDraw.Draw(page).text((pad - left, pad - top), text, font=font, fill=0)
    return np.asarray(page).copy()


PICTURE = line("f(x) = ax + b")


def test_a_picture_is_like_itself_wherever_it_stands() -> None:
    assert picture_similarity(PICTURE, PICTURE) == pytest.approx(1.0)
    assert picture_similarity(PICTURE, np.pad(PICTURE, 13, constant_values=255)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "drawing",
    [
        line("f(x) = ax + b", size_px=32),  # twice as large
        line("f(x) = ax + b", size_px=11),
        np.asarray(Image.fromarray(PICTURE).filter(ImageFilter.MinFilter(3))),  # bold
        (255 - (255 - PICTURE.astype(int)) // 2).astype(np.uint8),  # grey ink
    ],
)
@pytest.mark.parametrize("wrong", ["f(x) = ax + b + c", "f(x) = a + b", "f(x) - ax + b", "f(y) = cx = b"])
def test_size_and_weight_matter_less_than_symbols(drawing: np.ndarray, wrong: str) -> None:
    assert picture_similarity(PICTURE, drawing) > picture_similarity(PICTURE, line(wrong))


def test_nothing_is_like_nothing() -> None:
    blank = np.full((20, 30), 255, dtype=np.uint8)
    assert picture_similarity(PICTURE, blank) == 0.0
    assert picture_similarity(blank, PICTURE) == 0.0


def test_it_is_a_number_from_0_to_1() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        one, other = (
            random.choice(np.array([0, 255], dtype=np.uint8), size=random.integers(1, 40, size=2))
            for _ in range(2)
        )
        assert 0.0 <= picture_similarity(one, other) <= 1.0
