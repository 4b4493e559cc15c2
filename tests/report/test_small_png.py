from __future__ import annotations

import base64
import io
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.report.picture_difference import PictureDifference
from im2latex_fairseq.report.small_png import DIFFERENCE_COLOURS, difference_png, grey_png


def decoded(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_a_picture_keeps_four_greys() -> None:
    image = np.full((20, 30), 255, dtype=np.uint8)
    image[4:16, 4:26] = np.linspace(0, 255, 22).astype(np.uint8)
    png = grey_png(image)
    shown = decoded(png.content)
    assert shown.size == (png.width, png.height)
    assert {colour for _, colour in shown.convert("L").getcolors() or []} == {0, 85, 170, 255}
    assert png.content[24] == 2, "bits a pixel, by the file's header"
    assert base64.b64decode(png.base64) == png.content


def test_margins_are_cut() -> None:
    page = np.full((2000, 1500), 255, dtype=np.uint8)
    page[300:310, 200:290] = 0
    png = grey_png(page)
    assert (png.height, png.width) == (10 + 2 * 4, 90 + 2 * 4)


def test_large_pictures_are_made_smaller() -> None:
    png = grey_png(np.zeros((300, 3000), dtype=np.uint8), most_height=400, most_width=900)
    assert (png.height, png.width) == (90, 900)


def test_a_blank_picture_is_a_picture() -> None:
    png = grey_png(np.full((3, 5), 255, dtype=np.uint8))
    assert (png.height, png.width) == (3, 5)


@pytest.mark.parametrize("kind, colour", list(enumerate(DIFFERENCE_COLOURS, 1)))
def test_differences_have_their_colours(kind: int, colour: tuple[int, int, int]) -> None:
    difference = PictureDifference(
        kinds=np.array([[0, kind]], dtype=np.uint8),
        darkness=np.array([[0, 255]], dtype=np.uint8),
        aligned=True,
    )
    png = difference_png(difference)
    shown = decoded(png.content).convert("RGB")
    assert [shown.getpixel((column, 0)) for column in range(2)] == [(255, 255, 255), colour]
    assert png.content[24] == 4, "bits a pixel"


def test_a_lighter_pixel_has_a_lighter_shade() -> None:
    difference = PictureDifference(
        np.full((1, 2), 2, dtype=np.uint8), np.array([[60, 255]], dtype=np.uint8), True
    )
    shown = decoded(difference_png(difference).content).convert("L")
    light, dark = (shown.getpixel((column, 0)) for column in range(2))
    assert isinstance(light, int) and isinstance(dark, int) and light > dark


def test_the_legend_has_the_colours_of_the_pictures() -> None:
    style = files("im2latex_fairseq.report").joinpath("page.css").read_text(encoding="utf-8")
    for name, colour in zip(("both", "reference", "hypothesis"), DIFFERENCE_COLOURS, strict=True):
        assert f".key.{name} {{ color: #{bytes(colour).hex()}; }}" in style
