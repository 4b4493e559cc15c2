"""The size of the text in a picture, whatever it says and however it is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.images.renderer import (
    PROCESSED_FACE,
    RELEASE_FACE_HALVED,
    RenderSettings,
    render_formulas,
)
from im2latex_fairseq.recognition import scale
from im2latex_fairseq.recognition.scale import KnownText, estimate_em, estimate_scale, measure_text
from tests.synthetic_data import draw_formula, random_formula

FORMULAS = [
    r"\int_{0}^{\infty} e^{-x^{2}} d x = \frac{\sqrt{\pi}}{2}",
    r"a_{n+1} = \sum_{k=0}^{n} \binom{n}{k} a_{k} a_{n-k}",
    r"\partial_{\mu} F^{\mu \nu} = j^{\nu} , \qquad F_{\mu \nu} = \partial_{\mu} A_{\nu} - \partial_{\nu} A_{\mu}",
    r"\left( \begin{array}{cc} a & b \\ c & d \end{array} \right)^{-1} = \frac{1}{a d - b c}",
    r"f ( x ) = x + y",
    r"\| u \|_{L^{2} ( \Omega )} \leq C \| \nabla u \|_{L^{2} ( \Omega )}",
]


def resize(image: np.ndarray, factor: float) -> np.ndarray:
    height, width = image.shape
    sides = round(width * factor), round(height * factor)
    return np.asarray(Image.fromarray(image).resize(sides, Image.Resampling.BICUBIC))


def drawings() -> list[np.ndarray]:
    """In another face than the estimate was fitted to."""
    rng = np.random.default_rng(4)
    return [draw_formula(random_formula(rng, terms)) for terms in (2, 3, 4, 5, 6, 6)]


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0, 4.0])
def test_twice_as_large_is_estimated_twice_as_large(factor: float) -> None:
    ratios = []
    for picture in drawings():
        before, after = estimate_em(picture), estimate_em(resize(picture, factor))
        assert before is not None and after is not None
        ratios.append(after / before / factor)
    assert 0.8 < float(np.median(ratios)) < 1.25, ratios


@pytest.mark.tex
@pytest.mark.parametrize("dpi", [75, 100, 150, 200, 300, 400])
def test_formulas_drawn_by_tex(dpi: int) -> None:
    for face, size_pt in (("computer_modern", 10), ("times", 12)):
        settings = RenderSettings(face=face, size_pt=size_pt, dpi=dpi)
        errors = []
        for result in render_formulas(FORMULAS, settings):
            assert result.image is not None, result.error
            found = estimate_em(result.image)
            assert found is not None
            errors.append(abs(math.log(found / (size_pt * dpi / 72.27))))
        assert float(np.median(errors)) < math.log(1.2), (face, errors)
        assert max(errors) < math.log(1.6), (face, errors)


@pytest.mark.tex
def test_pictures_of_the_right_size_stay_as_they_are() -> None:
    """But for a short formula, perhaps, which tells little of its size; and that doesn't change much."""
    factors = []
    for face in (PROCESSED_FACE, RELEASE_FACE_HALVED):
        for result in render_formulas(FORMULAS, face):
            assert result.image is not None
            factors.append(estimate_scale(result.image))
    assert sum(factor == 1.0 for factor in factors) >= len(factors) - 1, factors
    assert max(factors) < 1.45 and min(factors) > 0.65


def test_neither_paper_nor_polarity_matters() -> None:
    for picture in drawings():
        expected = estimate_em(picture)
        assert expected is not None
        assert estimate_em(255 - picture) == pytest.approx(expected)
        assert estimate_em(np.pad(picture, 40, constant_values=255)) == pytest.approx(expected)
        grey_paper = (picture.astype(np.float64) * 0.8).astype(np.uint8)
        assert estimate_em(grey_paper) == pytest.approx(expected, rel=0.1)


def test_pictures_without_ink() -> None:
    blank = np.full((50, 80), 255, dtype=np.uint8)
    assert estimate_em(blank) is None
    assert estimate_scale(blank) == 1.0
    assert estimate_scale(np.zeros((50, 80), dtype=np.uint8)) == 1.0  # one grey all over


def test_a_dot_and_a_line_have_some_size() -> None:
    for shape in ((1, 1), (1, 300), (300, 1)):
        picture = np.full((320, 320), 255, dtype=np.uint8)
        picture[5 : 5 + shape[0], 5 : 5 + shape[1]] = 0
        assert 1 / 16 <= estimate_scale(picture) <= 4


def test_large_pictures_are_measured_small() -> None:
    """A photograph of twelve million pixels takes no longer than decoding it."""
    picture = resize(drawings()[5], 16)
    measured = measure_text(picture)
    assert measured is not None
    assert measured[1] >= 3
    assert measured[0].shape == (17,)
    assert estimate_em(picture) == pytest.approx(4 * (estimate_em(resize(drawings()[5], 4)) or 0), rel=0.25)


@pytest.mark.parametrize(
    "em_px, factor",
    [
        (16.0, 1.0),
        (12.0, 1.0),
        (20.0, 1.0),
        (32.0, 0.5),
        (30.0, 0.5),  # by whole pixels, though 16 / 30 would meet the size better
        (39.0, 0.5),
        (40.5, 1 / 3),
        (22.0, 16 / 22),  # a half would be too small
        (8.0, 2.0),
        (1.0, 4.0),  # no more than that: there is nothing to see
        (1e4, 1 / 16),
        (None, 1.0),
    ],
)
def test_factors(em_px: float | None, factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "estimate_em", lambda _: em_px)
    known = KnownText(em_px=16.0, smallest_em_px=12.0, largest_em_px=20.0)
    assert estimate_scale(np.zeros((1, 1), dtype=np.uint8), known) == pytest.approx(factor)


@pytest.mark.parametrize(
    "sizes", [(10.0, 11.0, 20.0), (21.0, 11.0, 20.0), (math.nan, 1.0, 2.0), (0.5, 0.2, 2.0)]
)
def test_sizes_out_of_order(sizes: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="sizes of known text rise"):
        KnownText(*sizes)
