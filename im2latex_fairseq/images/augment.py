"""Training-time distortions: how the same formula may look elsewhere.

In the order in which a picture goes through the world: drawn at another size and angle, with more or less ink,
rasterised again, blurred by an optical system, on paper that isn't white, with noise of a sensor, and
compressed. Quantisation is left out: a model that reads 256 greys reads 16.
"""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from im2latex_fairseq.images.augment_settings import AUGMENT_PRESETS, AugmentSettings, AugmentSettingsError
from im2latex_fairseq.images.ink_box import outer_ink_box

__all__ = ["AUGMENT_PRESETS", "AugmentSettings", "AugmentSettingsError", "augment"]

_BORDER_PX = 3
"""Least paper around the ink: as much as blur and JPEG smear it, and the prepared margin is 4."""

_ENLARGE = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
_SHRINK = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
)


def augment(
    image: NDArray[np.uint8], rng: np.random.Generator, settings: AugmentSettings
) -> NDArray[np.uint8]:
    """Distort a prepared picture at random.

    Args:
        image: (H, W), uint8, dark ink on 255, as `transforms.prepare` gives it.
        rng: Source of every choice: the same state gives the same result.
        settings: What may happen, how strongly and how often.

    Returns:
        A new array (H', W'), uint8, ink on lighter paper, with at least 3 pixels of paper on each side. H' and
        W' exceed `settings.max_height_px` and `max_width_px` only where H and W do, and then not H and W.
        With the preset "none", and for blank pictures, a copy.
    """
    box = outer_ink_box(image)
    if box is None or settings == AUGMENT_PRESETS["none"]:
        return image.copy()
    drawn, zoom = _redraw(image, box, rng, settings)
    # Amounts in pixels are of the size that the picture came with: one drawn small has smaller gaps to fill,
    # and an equals sign must not turn into a minus.
    shrunk = min(1.0, zoom)
    if _happens(rng, settings.stroke, settings.stroke_chance):
        drawn = _change_stroke(drawn, rng.uniform(-0.5, 1.0) * settings.stroke * shrunk, rng)
    if _happens(rng, settings.resample, settings.resample_chance):
        drawn = _resample(drawn, min(1.0, (1.0 - rng.uniform(0.0, settings.resample)) / zoom), rng)
    if _happens(rng, settings.blur, settings.blur_chance):
        blur = ImageFilter.GaussianBlur(rng.uniform(0.0, settings.blur) * shrunk)
        drawn = np.asarray(Image.fromarray(drawn).filter(blur))
    drawn = _change_tones(drawn, rng, settings)
    if _happens(rng, settings.background, settings.background_chance):
        drawn = _shade_paper(drawn, rng, settings.background)
    if _happens(rng, settings.noise, settings.noise_chance):
        drawn = _add_noise(drawn, rng, rng.uniform(0.0, settings.noise))
    if _happens(rng, settings.jpeg, settings.jpeg_chance):
        drawn = _compress(drawn, round(95 - rng.uniform(0.0, settings.jpeg)))
    return drawn if drawn.flags.writeable else drawn.copy()


def _happens(rng: np.random.Generator, strength: float, chance: float) -> bool:
    return strength > 0 and rng.random() < chance


def _factor(rng: np.random.Generator, strength: float, chance: float) -> float:
    """Draw from 1/(1+x) to 1+x, evenly on a logarithmic scale."""
    if not _happens(rng, strength, chance):
        return 1.0
    return math.exp(rng.uniform(-1.0, 1.0) * math.log1p(strength))


def _redraw(
    image: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    rng: np.random.Generator,
    settings: AugmentSettings,
) -> tuple[NDArray[np.uint8], float]:
    """Scale, slant and turn the ink, all in one resampling, and set it on paper with margins of its own.

    Returns:
        The picture, and the factor by which its height was scaled.
    """
    zoom = _factor(rng, settings.scale, settings.scale_chance)
    wide = zoom * _factor(rng, settings.stretch, settings.stretch_chance)
    angle = slant = 0.0
    if _happens(rng, settings.rotation, settings.rotation_chance):
        angle = math.radians(rng.uniform(-settings.rotation, settings.rotation))
    if _happens(rng, settings.shear, settings.shear_chance):
        slant = rng.uniform(-settings.shear, settings.shear)
    top, left, bottom, right = box
    height, width = bottom - top, right - left
    # Its columns: where a step to the right and a step down in the picture lead on the new paper, in (x, y).
    cosine, sine = math.cos(angle), math.sin(angle)
    forward = np.array(
        [[wide * cosine, zoom * (slant * cosine - sine)], [wide * sine, zoom * (slant * sine + cosine)]]
    )
    most = np.maximum((settings.max_width_px, settings.max_height_px), image.shape[::-1])
    # Two pixels in reserve, for rounding up and the rim of the interpolation.
    room = np.maximum(most - 2 * _BORDER_PX - 2, 1)
    extent = np.abs(forward) @ (width, height)
    fit = min(1.0, float((room / extent).min()))
    forward, extent = forward * fit, extent * fit
    if angle == slant == 0.0:
        inner = _resize(image[top:bottom, left:right], extent, rng)
    else:
        inner = _turn(image, box, forward, extent)
    margins = np.full(4, _BORDER_PX)
    if _happens(rng, settings.margin, settings.margin_chance):
        left_over = (most - inner.shape[::-1]) // 2 - _BORDER_PX
        extra = rng.integers(0, int(settings.margin) + 1, size=4)
        margins += np.minimum(extra, left_over.clip(0).repeat(2))
    before_x, after_x, before_y, after_y = margins.tolist()
    inner_height, inner_width = inner.shape
    paper = np.full(
        (inner_height + before_y + after_y, inner_width + before_x + after_x), 255, dtype=np.uint8
    )
    paper[before_y : before_y + inner_height, before_x : before_x + inner_width] = inner
    return paper, zoom * fit


def _resize(
    ink: NDArray[np.uint8], extent: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.uint8]:
    size = max(1, round(extent[0])), max(1, round(extent[1]))  # PIL's order: width, height
    if size == ink.shape[::-1]:
        return ink
    filters = _SHRINK if size[0] < ink.shape[1] else _ENLARGE
    return np.asarray(Image.fromarray(ink).resize(size, filters[int(rng.integers(len(filters)))]))


def _turn(
    image: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    forward: NDArray[np.float64],
    extent: NDArray[np.float64],
) -> NDArray[np.uint8]:
    top, left, bottom, right = box
    size = np.ceil(extent - 1e-6).astype(int) + 2
    back = np.linalg.inv(forward)
    centre = np.array([(left + right) / 2, (top + bottom) / 2]) - back @ (size / 2)
    picture = Image.fromarray(image).transform(
        (int(size[0]), int(size[1])),
        Image.Transform.AFFINE,
        (back[0, 0], back[0, 1], centre[0], back[1, 0], back[1, 1], centre[1]),
        resample=Image.Resampling.BILINEAR,
        fillcolor=255,
    )
    return np.asarray(picture)


def _change_stroke(image: NDArray[np.uint8], amount_px: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Let the ink grow (amount above 0) or shrink by a fraction of a pixel, across, along or both ways."""
    across, along = ((True, True), (True, False), (False, True))[int(rng.integers(3))]
    extreme = np.minimum if amount_px > 0 else np.maximum
    while amount_px != 0.0:
        step = min(abs(amount_px), 1.0)
        moved = image.copy()
        if across:
            extreme(moved[:, 1:], image[:, :-1], out=moved[:, 1:])
            extreme(moved[:, :-1], image[:, 1:], out=moved[:, :-1])
        if along:
            extreme(moved[1:], image[:-1], out=moved[1:])
            extreme(moved[:-1], image[1:], out=moved[:-1])
        # A step of one pixel moves both edges of a stroke, so half of it makes the stroke a pixel wider.
        image = np.asarray(Image.blend(Image.fromarray(image), Image.fromarray(moved), step / 2))
        amount_px = math.copysign(abs(amount_px) - step, amount_px)
    return image


def _resample(image: NDArray[np.uint8], factor: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    if factor == 1.0:
        return image
    height, width = image.shape
    small = max(1, round(width * factor)), max(1, round(height * factor))  # PIL's order: width, height
    down, up = _SHRINK[int(rng.integers(len(_SHRINK)))], _ENLARGE[int(rng.integers(len(_ENLARGE)))]
    return np.asarray(Image.fromarray(image).resize(small, down).resize((width, height), up))


def _change_tones(
    image: NDArray[np.uint8], rng: np.random.Generator, settings: AugmentSettings
) -> NDArray[np.uint8]:
    """Gamma and contrast, both of which are one look-up."""
    darkness = 1.0 - np.arange(256) / 255.0
    changed = False
    if _happens(rng, settings.gamma, settings.gamma_chance):
        darkness, changed = darkness**2.0 ** rng.uniform(-settings.gamma, settings.gamma), True
    if _happens(rng, settings.contrast, settings.contrast_chance):
        darkness, changed = darkness * (1.0 - rng.uniform(0.0, settings.contrast)), True
    if not changed:
        return image
    toned: NDArray[np.uint8] = np.rint(255.0 * (1.0 - darkness)).astype(np.uint8)[image]
    return toned


def _shade_paper(image: NDArray[np.uint8], rng: np.random.Generator, strength: float) -> NDArray[np.uint8]:
    """Darken the paper, by the same share everywhere or along a slope. Ink darkens with it."""
    height, width = image.shape
    ends = 1.0 - rng.uniform(0.0, strength, size=4)
    if rng.random() < 0.5:
        ends[:] = ends[0]
    across = np.linspace(ends[0], ends[1], width, dtype=np.float32)
    down = np.linspace(ends[2], ends[3], height, dtype=np.float32)
    light = np.minimum(across, down[:, None])
    shaded: NDArray[np.uint8] = (image * light).astype(np.uint8)
    return shaded


def _add_noise(image: NDArray[np.uint8], rng: np.random.Generator, deviation: float) -> NDArray[np.uint8]:
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= deviation
    noise += image
    return noise.clip(0.0, 255.0).astype(np.uint8)


def _compress(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    with Image.open(file, formats=("JPEG",)) as compressed:
        return np.asarray(compressed)
