"""Preparation: fixed points, polarity, paper, dirt, sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw, ImageFont

from im2latex_fairseq.images.loader import ImageError
from im2latex_fairseq.images.transforms import PreparationSettings, prepare, to_tensor

SETTINGS = PreparationSettings()
ALL_GREYS = PreparationSettings(grey_levels=256)


def formula(text: str = "f(x) = a + by", size_px: int = 15, pad: int = 40) -> np.ndarray:
    """A line of text at about the scale that models read, on white with a wide margin."""
    font = ImageFont.load_default(size_px)
    left, top, right, bottom = font.getbbox(text)
    page = Image.new("L", (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad), 255)
    ImageDraw.Draw(page).text((pad - left, pad - top), text, font=font, fill=0)
    return np.asarray(page).copy()


def reason_of(image: np.ndarray, **options: object) -> str:
    with pytest.raises(ImageError) as caught:
        prepare(image, **options)  # type: ignore[arg-type]
    return caught.value.reason


grey_images = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 40), st.integers(1, 60)),
    elements=st.one_of(st.sampled_from([255, 0, 250, 247, 128, 200]), st.integers(0, 255)),
    fill=st.sampled_from([0, 255, 240, 100]),
)
preparations = st.builds(
    PreparationSettings,
    margin_px=st.integers(1, 9),
    grey_levels=st.sampled_from([2, 3, 4, 16, 255, 256]),
    invert_dark=st.booleans(),
    min_height_px=st.integers(1, 30),
)


@settings(max_examples=300, deadline=None)
@given(grey_images, preparations, st.sampled_from([1.0, 0.5, 0.37, 2.0, 1 / 3]))
def test_prepared_pictures_are_fixed_points(
    image: np.ndarray, chosen: PreparationSettings, scale: float
) -> None:
    try:
        once = prepare(image, chosen, scale=scale)
    except ImageError:
        return  # blank: tested below
    np.testing.assert_array_equal(prepare(once, chosen), once)
    assert len(np.unique(once)) <= chosen.grey_levels
    margin = chosen.margin_px
    for side in (once[:margin], once[-margin:], once[:, :margin], once[:, -margin:]):
        assert (side == 255).all()


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.integers(0, 30)] * 4), st.sampled_from([1.0, 0.5, 0.6]))
def test_place_on_the_page_does_not_matter(pad: tuple[int, int, int, int], scale: float) -> None:
    image = formula()
    padded = np.pad(image, (pad[:2], pad[2:]), constant_values=255)
    np.testing.assert_array_equal(prepare(padded, scale=scale), prepare(image, scale=scale))


def test_clean_pictures_keep_their_greys() -> None:
    image = formula()
    prepared = prepare(image, ALL_GREYS)
    rows, columns = np.nonzero(image < 248)
    inside = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    np.testing.assert_array_equal(prepared[4:-4, 4:-4], inside)


def test_quantisation_is_to_the_nearest_of_evenly_spaced_greys() -> None:
    prepared = prepare(formula(), PreparationSettings(grey_levels=16))
    assert set(np.unique(prepared)) <= set(range(0, 256, 17))
    assert np.abs(prepared.astype(int) - prepare(formula(), ALL_GREYS)).max() <= 9


POLARITY = [
    (lambda x: 255 - x, "white on black, as in a dark theme"),
    (lambda x: (40 + (255 - x) * 0.7).astype(np.uint8), "light grey on dark grey"),
    (lambda x: (100 + (255 - x) * 0.6).astype(np.uint8), "white on mid-grey"),
    (lambda x: 255 - np.pad(x[42:-42, 42:-42], 1, constant_values=255), "dark, cropped tight"),
]


@pytest.mark.parametrize(("darken", "why"), POLARITY, ids=[why for _, why in POLARITY])
def test_dark_backgrounds_are_inverted(darken, why: str) -> None:
    light, dark = prepare(formula()), prepare(darken(formula()))
    if light.shape == dark.shape:
        assert np.abs(light.astype(int) - dark).mean() < 10
    assert np.mean(dark) > 150, "mostly paper"


def test_inversion_can_be_switched_off() -> None:
    prepared = prepare(255 - formula(), PreparationSettings(invert_dark=False))
    assert np.mean(prepared) < 128


def bracket_pair() -> np.ndarray:
    """A tall pair of brackets cropped tight: most of the outermost ring is ink."""
    image = np.full((60, 20), 255, dtype=np.uint8)
    image[:, :2] = image[:, -2:] = 0
    image[:2, :6] = image[-2:, :6] = image[:2, -6:] = image[-2:, -6:] = 0
    return image


def test_dense_ink_is_not_inverted() -> None:
    # A black square on white has more ink than paper, but its border is paper.
    square = np.full((40, 40), 255, dtype=np.uint8)
    square[4:36, 4:36] = 0
    np.testing.assert_array_equal(prepare(square), square)
    # And a tight crop has more ink than paper on its border, but not within.
    np.testing.assert_array_equal(prepare(bracket_pair())[4:-4, 4:-4], bracket_pair())


@pytest.mark.parametrize("paper", [250, 240, 200, 128])
def test_grey_paper_becomes_white(paper: int) -> None:
    image = (formula().astype(int) * paper // 255).astype(np.uint8)
    clean = prepare(formula())
    grey = prepare(image)
    assert grey.shape == clean.shape
    assert np.abs(grey.astype(int) - clean).max() <= 17


def test_noisy_grey_paper_becomes_white() -> None:
    rng = np.random.default_rng(3)
    image = formula() * (235 / 255) + rng.normal(0, 4, formula().shape)
    clean, noisy = prepare(formula()), prepare(image.clip(0, 255).astype(np.uint8))
    assert noisy.shape[0] <= clean.shape[0] + 2
    assert noisy.shape[1] <= clean.shape[1] + 2
    assert np.median(noisy[:3]) == 255


def test_faint_ink_is_made_black() -> None:
    faint = (255 - (255 - formula().astype(int)) * 60 // 255).astype(np.uint8)
    assert prepare(faint).min() == 0
    # The lightest rim of its strokes can't be told from paper any more.
    assert np.subtract(prepare(formula()).shape, prepare(faint).shape).max() <= 2


SPECKS = [
    ((5, 5), 1, "one pixel in a corner"),
    ((3, 60), 2, "dust above"),
    ((85, 20), 3, "a fly below"),
    ((45, 2), 2, "dust to the left, level with the text"),
    ((80, 185), 3, "a corner again"),
]


@pytest.mark.parametrize(("place", "size", "why"), SPECKS, ids=[why for *_, why in SPECKS])
def test_dirt_in_the_margin_does_not_widen_the_crop(place: tuple[int, int], size: int, why: str) -> None:
    image = np.pad(formula(), 2, constant_values=255)
    row, column = min(place[0], image.shape[0] - 4), min(place[1], image.shape[1] - 4)
    image[row : row + size, column : column + size] = 0
    np.testing.assert_array_equal(prepare(image), prepare(formula()))


def test_much_dirt_does_not_widen_the_crop() -> None:
    image = formula(pad=60)
    rng = np.random.default_rng(1)
    for row in (3, 20, 34, image.shape[0] - 30, image.shape[0] - 5):
        image[row, rng.integers(0, image.shape[1], 4)] = 0
    np.testing.assert_array_equal(prepare(image), prepare(formula()))


SMALL_BUT_REAL = [
    ((0, 4), (2, 2), "a period straight after the text"),
    ((0, 40), (2, 2), "a period after a wide space"),
    ((0, 70), (2, 2), "a period after \\qquad \\qquad"),
    ((-16, 2), (5, 1), "a prime"),
    ((-8, 20), (2, 2), "a centred dot after a space"),
]


@pytest.mark.parametrize(("offset", "size", "why"), SMALL_BUT_REAL, ids=[why for *_, why in SMALL_BUT_REAL])
def test_small_signs_are_kept(offset: tuple[int, int], size: tuple[int, int], why: str) -> None:
    image = np.pad(formula("x + y"), ((0, 0), (0, 80)), constant_values=255)
    rows, columns = np.nonzero(image < 248)
    baseline, end = rows.max() - 4, columns.max() + 1  # y descends by four pixels
    row, column = baseline + offset[0], end + offset[1]
    image[row : row + size[0], column : column + size[1]] = 0
    expected_width = column + size[1] - columns.min() + 8
    assert prepare(image).shape[1] == expected_width


def test_signs_above_the_text_are_kept() -> None:
    image = formula("x")
    rows, columns = np.nonzero(image < 248)
    image[rows.min() - 5 : rows.min() - 3, columns.min() + 2] = 60  # a dot accent, two pixels
    assert prepare(image).shape[0] == rows.max() - rows.min() + 1 + 5 + 8


@pytest.mark.parametrize("text", [".", "'", "·", "-", ". . .", "i", ",", "|"])
def test_formulas_of_one_small_sign_are_kept_whole(text: str) -> None:
    image = formula(text)
    rows, columns = np.nonzero(image < 248)
    height, width = rows.max() - rows.min() + 9, columns.max() - columns.min() + 9
    assert prepare(image).shape == (max(height, 16), max(width, 16))


BLANK = [
    (np.full((30, 40), 255, np.uint8), "white"),
    (np.zeros((30, 40), np.uint8), "black: paper of a dark picture"),
    (np.full((30, 40), 77, np.uint8), "grey"),
    (np.random.default_rng(0).normal(230, 2, (30, 40)).astype(np.uint8), "paper with grain"),
    (np.full((1, 1), 255, np.uint8), "one pixel"),
    (255 - (formula() < 128).astype(np.uint8) * 20, "ink as faint as a shadow"),
]


@pytest.mark.parametrize(("image", "why"), BLANK, ids=[why for _, why in BLANK])
def test_blank_pictures_are_refused(image: np.ndarray, why: str) -> None:
    assert reason_of(image) == "blank"


def test_too_large_pictures_are_refused_with_the_numbers() -> None:
    image = np.full((300, 900), 255, dtype=np.uint8)
    image[50:250, 20:880] = 0
    image[60:240, 30:870] = 255
    with pytest.raises(ImageError, match=r"868 x 208 .* 900 x 300 .* 768 x 192") as caught:
        prepare(image)
    assert caught.value.reason == "too_large"
    assert prepare(image, scale=0.5).shape == (108, 438)
    # Before time and memory are spent on it:
    assert reason_of(np.pad(image, 100), scale=100.0) == "too_large"


def test_small_pictures_are_centred_on_the_least_size() -> None:
    image = np.full((20, 20), 255, dtype=np.uint8)
    image[9:11, 5:9] = 0
    prepared = prepare(image, PreparationSettings(min_height_px=32, min_width_px=24))
    assert prepared.shape == (32, 24)
    assert (prepared[15:17, 10:14] == 0).all()


def test_wrong_arguments() -> None:
    assert reason_of(np.zeros((3, 4, 3), np.uint8)) == "not_grey"
    assert reason_of(np.zeros((3, 4))) == "not_grey"
    assert reason_of(formula(), scale=float("nan")) == "bad_scale"
    assert reason_of(formula(), scale=0.0) == "bad_scale"


def test_halving_averages_blocks() -> None:
    image = np.full((40, 40), 255, dtype=np.uint8)
    image[10:30, 10:30] = 0
    image[10:30:2, 11:30:2] = 255  # in each block of four, one pixel is white
    prepared = prepare(image, ALL_GREYS, scale=0.5)
    assert prepared.shape == (18, 18)
    assert set(np.unique(prepared[4:-4, 4:-4])) == {64}


@pytest.mark.parametrize("scale", [0.4, 0.5, 0.71, 1.3, 2.0])
def test_scaling_scales_the_ink(scale: float) -> None:
    image = formula(size_px=30)
    before, after = prepare(image, ALL_GREYS), prepare(image, ALL_GREYS, scale=scale)
    ink_before, ink_after = (255.0 - before).sum(), (255.0 - after).sum()
    assert ink_after == pytest.approx(ink_before * scale * scale, rel=0.03)
    assert after.shape[1] - 8 == pytest.approx((before.shape[1] - 8) * scale, abs=2)


def test_the_picture_given_is_not_changed() -> None:
    image = formula()
    copy = image.copy()
    prepared = prepare(image)
    prepared[:] = 0
    np.testing.assert_array_equal(image, copy)


def test_tensor() -> None:
    prepared = prepare(formula())
    tensor = to_tensor(prepared)
    assert tensor.shape == (1, *prepared.shape)
    assert tensor.dtype == torch.float32
    assert tensor[0, 0, 0] == 0.0
    torch.testing.assert_close(tensor[0], 1 - torch.from_numpy(prepared).float() / 255)
    prepared[:] = 7
    assert tensor[0, 0, 0] == 0.0, "no shared memory"
