"""Distortions: seeded, within their bounds, each doing what its name says, and none touching the label."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from im2latex_fairseq.images.augment import AUGMENT_PRESETS, AugmentSettings, augment
from im2latex_fairseq.images.contact_sheet import draw_contact_sheet
from im2latex_fairseq.images.ink_box import outer_ink_box
from im2latex_fairseq.images.transforms import prepare


def formula(text: str = "E = mc + f(x)") -> np.ndarray:
    page = Image.new("L", (300, 60), 255)
    ImageDraw.Draw(page).text((20, 20), text, font=ImageFont.load_default(15), fill=0)
    return prepare(np.asarray(page))


def ink(image: np.ndarray) -> float:
    """Black in the picture, in pixels."""
    return float((255.0 - image).sum() / 255.0)


presets = st.sampled_from(sorted(AUGMENT_PRESETS))


@settings(max_examples=200, deadline=None)
@given(presets, st.integers(0, 2**32), st.sampled_from(["E = mc", ".", "-", "a + b + c + d + e", "|"]))
def test_results_are_pictures_with_a_border_of_paper(preset: str, seed: int, text: str) -> None:
    image = formula(text)
    result = augment(image, np.random.default_rng(seed), AUGMENT_PRESETS[preset])
    assert result.dtype == np.uint8
    assert result.ndim == 2
    assert result.flags.writeable
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, image)
    # Noise and shade reach the border too, so only the shape of the ink's place is asked for: the ring's
    # median is not darker than what shading may do.
    ring = np.concatenate((result[0], result[-1], result[:, 0], result[:, -1]))
    assert np.median(ring) >= 255 * (1 - AUGMENT_PRESETS[preset].background) - 60


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_geometry_never_reaches_the_border(seed: int) -> None:
    chosen = AugmentSettings(scale=0.4, stretch=0.2, rotation=6, shear=0.3, margin=5)
    result = augment(formula(), np.random.default_rng(seed), chosen)
    for side in (result[:3], result[-3:], result[:, :3], result[:, -3:]):
        assert (side == 255).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 200))
def test_sizes_stay_within_the_limits(seed: int, most_height: int, most_width: int) -> None:
    image = formula()
    chosen = AugmentSettings(
        scale=1.0, stretch=0.5, rotation=15, shear=0.5, margin=32,
        max_height_px=most_height, max_width_px=most_width,
    )  # fmt: skip
    height, width = augment(image, np.random.default_rng(seed), chosen).shape
    assert height <= max(most_height, image.shape[0])
    assert width <= max(most_width, image.shape[1])


def test_the_same_seed_gives_the_same_picture() -> None:
    for name, preset in AUGMENT_PRESETS.items():
        first, second = (augment(formula(), np.random.default_rng(7), preset) for _ in range(2))
        np.testing.assert_array_equal(first, second, err_msg=name)
    others = {
        augment(formula(), np.random.default_rng(seed), AUGMENT_PRESETS["light"]).shape for seed in range(9)
    }
    assert len(others) > 1


def test_none_changes_nothing() -> None:
    np.testing.assert_array_equal(augment(formula(), np.random.default_rng(1), AugmentSettings()), formula())


def test_blank_paper_stays_blank() -> None:
    blank = np.full((20, 30), 255, dtype=np.uint8)
    np.testing.assert_array_equal(augment(blank, np.random.default_rng(1), AUGMENT_PRESETS["heavy"]), blank)


def results_of(options: str, count: int = 40) -> list[np.ndarray]:
    chosen = AugmentSettings.from_string(options)
    return [augment(formula(), np.random.default_rng(seed), chosen) for seed in range(count)]


def widths_of_ink(images: list[np.ndarray]) -> np.ndarray:
    boxes = [outer_ink_box(image) for image in images]
    return np.array([box[3] - box[1] for box in boxes if box is not None])


def test_scale_spans_its_range_evenly() -> None:
    ratio = widths_of_ink(results_of("scale=0.25", 200)) / widths_of_ink([formula()])
    assert 0.78 <= ratio.min() < 0.84
    assert 1.18 < ratio.max() <= 1.27
    assert np.median(ratio) == pytest.approx(1.0, abs=0.05)


def test_stretch_changes_the_width_alone() -> None:
    images = results_of("stretch=0.2,stretch_chance=1")
    assert np.ptp(widths_of_ink(images)) > 15
    assert {image.shape[0] for image in images} == {formula().shape[0] - 2}, "3 pixels of border for 4"


def test_stroke_makes_bolder_and_lighter() -> None:
    change = np.array([ink(image) for image in results_of("stroke=0.8,stroke_chance=1")]) / ink(formula())
    assert 1.2 < change.max() < 1.9
    assert 0.6 < change.min() < 0.95


def test_each_tone_does_what_its_name_says() -> None:
    assert min(image.max() for image in results_of("background=0.4,background_chance=1")) < 200
    assert max(image.min() for image in results_of("contrast=0.6,contrast_chance=1")) > 100
    assert all(image.max() == 255 for image in results_of("contrast=0.6,contrast_chance=1"))
    darker = [ink(image) / ink(formula()) for image in results_of("gamma=1,gamma_chance=1")]
    assert min(darker) < 0.95
    assert max(darker) > 1.05


@pytest.mark.parametrize(
    "options", ["noise=10", "jpeg=80", "blur=1", "resample=0.5", "rotation=3", "shear=0.2"]
)
def test_each_distortion_changes_pictures_within_reason(options: str) -> None:
    name = options.split("=", maxsplit=1)[0]
    images = results_of(f"{options},{name}_chance=1")
    original = ink(formula())
    assert sum(image.shape != formula().shape or (image != formula()).any() for image in images) > 30
    for image in images:
        # The ink is moved or smeared, not lost; noise and ringing on white can only darken.
        assert 0.85 * original < ink(image) < {"noise": 10, "jpeg": 1.4}.get(name, 1.15) * original


def test_chances_are_met() -> None:
    images = results_of("blur=1,blur_chance=0.25", 400)
    untouched = results_of("max_width_px=767")[0]  # not "none", so it is set on new paper too
    changed = sum(image.shape != untouched.shape or (image != untouched).any() for image in images)
    assert 60 < changed < 140


def test_thin_double_lines_survive() -> None:
    # "=" must not become "-": the label says "=". Its bars are 3.3 pixels apart in 10 pt at 100 dpi.
    image = np.full((16, 18), 255, dtype=np.uint8)
    image[6, 4:13] = image[9, 4:13] = 60
    merged = 0
    for seed in range(200):
        result = augment(image, np.random.default_rng(seed), AUGMENT_PRESETS["standard"])
        third = result.shape[1] // 3
        rows = result[:, third:-third].mean(axis=1)
        bars = [row for row in range(1, len(rows) - 1) if rows[row - 1] >= rows[row] < rows[row + 1]]
        darkest = sorted(bars, key=lambda row: rows[row])[:2]
        between = rows[min(darkest) : max(darkest) + 1]
        merged += between.max() - rows[darkest].max() < 0.08 * (rows.max() - rows.min())
    assert merged <= 6


def test_a_contact_sheet_is_seeded_and_holds_all() -> None:
    images = [formula(), formula("x")]
    sheet = draw_contact_sheet(images, AUGMENT_PRESETS["standard"], seed=3, variants=4, title="standard")
    again = draw_contact_sheet(images, AUGMENT_PRESETS["standard"], seed=3, variants=4, title="standard")
    np.testing.assert_array_equal(sheet, again)
    assert sheet.shape[0] > sum(image.shape[0] for image in images)
    assert sheet.shape[1] > 4 * images[0].shape[1]
    other = draw_contact_sheet(images, AUGMENT_PRESETS["standard"], seed=4, variants=4, title="standard")
    assert sheet.shape != other.shape or (sheet != other).any()


def test_a_contact_sheet_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="pictures"):
        draw_contact_sheet([], AUGMENT_PRESETS["light"])
