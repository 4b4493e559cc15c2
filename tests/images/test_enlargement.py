"""A picture that was enlarged comes back; others are left as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from im2latex_fairseq.images.enlargement import undo_enlargement
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.images.renderer import RenderSettings
from im2latex_fairseq.images.transforms import prepare

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples" / "quickstart" / "pictures").glob("*.png"))
INTERPOLATION = {
    "linear": Image.Resampling.BILINEAR,
    "cubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def enlarged(picture: NDArray[np.uint8], times: int, kind: str = "cubic") -> NDArray[np.uint8]:
    height, width = picture.shape
    image = Image.fromarray(picture).resize((width * times, height * times), INTERPOLATION[kind])
    return np.asarray(image)


def sample(number: int) -> NDArray[np.uint8]:
    return prepare(load_image(SAMPLES[number]))


@pytest.mark.parametrize("kind", INTERPOLATION)
@settings(max_examples=25, deadline=None)
@given(
    number=st.integers(0, len(SAMPLES) - 1),
    times=st.integers(2, 5),
    more=st.integers(0, 2),
    border=st.tuples(*[st.integers(0, 7)] * 4),
)
def test_an_enlarged_picture_comes_back(
    kind: str, number: int, times: int, more: int, border: tuple[int, int, int, int]
) -> None:
    """Wherever it stands on its page, and however large it may be taken for."""
    picture = np.pad(sample(number), 4, constant_values=255)
    large = np.pad(enlarged(picture, times, kind), (border[:2], border[2:]), constant_values=255)
    undone = undo_enlargement(large, times + more)
    assert undone is not None and undone.times == times
    down, across = undone.origin[0] - border[0], undone.origin[1] - border[2]
    assert (down % times, across % times) == (0, 0), "its pixels lie where they were"
    back = np.full_like(picture, 255)
    top, left = down // times, across // times
    height, width = undone.image.shape
    there = back[max(top, 0) : top + height, max(left, 0) : left + width]
    there[:] = undone.image[max(-top, 0) :, max(-left, 0) :][: there.shape[0], : there.shape[1]]
    assert np.abs(back.astype(int) - picture).mean() < {"linear": 2.5, "cubic": 0.5, "lanczos": 1.5}[kind]


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_pictures_of_that_resolution_are_left_alone(number: int) -> None:
    assert undo_enlargement(load_image(SAMPLES[number]), 4) is None
    assert undo_enlargement(sample(number), 4) is None


@pytest.mark.parametrize("dpi", [200, 300, 400])
def test_a_drawing_of_a_high_resolution_is_no_enlargement(dpi: int) -> None:
    pytest.importorskip("matplotlib", reason="it is drawn by mathtext")
    from im2latex_fairseq.images.mathtext_renderer import render_formula

    drawn = render_formula(r"\sum_{n=1}^\infty \frac{1}{n^2} = \frac{\pi^2}{6}", RenderSettings(dpi=dpi))
    assert undo_enlargement(drawn, 5) is None


def test_repeated_pixels_are_no_interpolation() -> None:
    repeated = sample(0).repeat(3, axis=0).repeat(3, axis=1)
    assert undo_enlargement(repeated, 4) is None


def test_a_blank_page_and_a_dot() -> None:
    assert undo_enlargement(np.full((40, 60), 255, dtype=np.uint8), 4) is None
    dot = np.full((1, 1), 0, dtype=np.uint8)
    assert undo_enlargement(dot, 4) is None
    assert (
        undo_enlargement(np.asarray(Image.fromarray(sample(0)).filter(ImageFilter.GaussianBlur(0.5))), 2)
        is None
    )
