"""Pictures whose text is of a known size: real ones, resampled, and formulas drawn in many faces and resolutions."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from examples.rendering.benchmark_data import crop, read_processed, read_table
from im2latex_fairseq.images.augment import AugmentSettings, augment
from im2latex_fairseq.images.renderer import FACES, RenderSettings, render_formulas

GreyImage = npt.NDArray[np.uint8]

PROCESSED_EM_PX = 10 * 100 / 72.27
"""The pictures of the splits: 10 pt at 100 dpi."""

_POINTS = {10: 10.0, 11: 10.95, 12: 12.0}
_OTHER_FORMULAS = ("arxiv2018_a.norm.txt", "arxiv2018_b.norm.txt")
_MOST_TOKENS = 150
_FEW_TOKENS = 12
_MOST_PIXELS = 4_000_000

# As pictures come from scanners, cameras and messengers; size and stretch stay as they are.
_DISTORTIONS = AugmentSettings(
    rotation=2.0,
    rotation_chance=0.3,
    margin=30,
    margin_chance=0.5,
    stroke=0.5,
    blur=1.2,
    gamma=0.7,
    contrast=0.5,
    background=0.2,
    noise=10.0,
    jpeg=65.0,
    max_height_px=100_000,
    max_width_px=100_000,
)


class ScaleSample(NamedTuple):
    """A picture and the size of its text.

    Attributes:
        image: (H, W), uint8, 255 = paper.
        em_px: Pixels an em.
        kind: "as it is", "resampled", "drawn", or "distorted", three of ten of each of these.
    """

    image: GreyImage
    em_px: float
    kind: str


def scale_samples(data: Path, split: str, count: int, seed: int) -> Iterator[ScaleSample]:
    """Half real pictures, a quarter of them as they are, and half drawn ones.

    Args:
        data: Folder with im2latex100k/SPLIT.tsv, SPLIT_images.tar and formulas/.
        split: "train" or "valid"; other formulas are drawn for each.
        count: Samples.
        seed: Of every choice.
    """
    rng = random.Random(seed)
    noise = np.random.default_rng(seed)
    for sample in [*_real(data, split, count // 2, rng), *_drawn(data, split, count - count // 2, rng)]:
        if rng.random() < 0.3:
            distorted = augment(sample.image, noise, _DISTORTIONS)
            yield ScaleSample(distorted, sample.em_px, "distorted")
        else:
            yield sample


def _real(data: Path, split: str, count: int, rng: random.Random) -> Iterator[ScaleSample]:
    folder = data / "im2latex100k"
    pictures = read_processed(
        folder / f"{split}.tsv", folder / f"{split}_images.tar", count, rng.randrange(2**31)
    )
    for _, picture in pictures:
        cropped = crop(picture)
        if cropped is None:
            continue
        framed = np.pad(cropped, rng.randrange(1, 12), constant_values=255)
        if rng.random() < 0.25:
            yield ScaleSample(framed, PROCESSED_EM_PX, "as it is")
            continue
        factor = 2.0 ** rng.uniform(-1.2, 2.3)
        yield ScaleSample(resample(framed, factor, rng), PROCESSED_EM_PX * factor, "resampled")


def resample(image: GreyImage, factor: float, rng: random.Random) -> GreyImage:
    """Scale both sides, as one of many programs would."""
    filters = [Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BILINEAR]
    if factor < 1:
        filters += [Image.Resampling.BOX, Image.Resampling.HAMMING]
    size = tuple(max(1, round(side * factor)) for side in reversed(image.shape))  # PIL's order
    return np.asarray(Image.fromarray(image).resize((size[0], size[1]), rng.choice(filters)))


def _drawn(data: Path, split: str, count: int, rng: random.Random) -> Iterator[ScaleSample]:
    formulas = _formulas(data, split)
    faces = [*sorted(FACES), *["computer_modern"] * 6]
    drawn = 0
    while drawn < count:
        settings = RenderSettings(
            face=rng.choice(faces),
            size_pt=rng.choice(sorted(_POINTS)),
            dpi=round(100 * 2.0 ** rng.uniform(-1.1, 2.1)),
            display=rng.random() < 0.8,
            oversampling=rng.choice([1, 1, 2, 3]),
            binarise=rng.random() < 0.25,
        )
        for result in render_formulas(rng.choices(formulas, k=20), settings):
            if result.image is not None and result.image.size <= _MOST_PIXELS:
                yield ScaleSample(result.image, _POINTS[settings.size_pt] * settings.dpi / 72.27, "drawn")
                drawn += 1


def _formulas(data: Path, split: str) -> list[str]:
    """Formulas of the split, and half of the others: the first half for train, the second for the rest."""
    own = [formula for _, formula in read_table(data / "im2latex100k" / f"{split}.tsv")]
    others: list[str] = []
    for name in _OTHER_FORMULAS:
        others += (data / "formulas" / name).read_text(encoding="utf-8").splitlines()
    middle = len(others) // 2
    part = others[:middle] if split == "train" else others[middle:]
    # As many of either, and as many short ones, which tell the least of their size.
    short = [formula for formula in own + part if len(formula.split()) <= _FEW_TOKENS]
    return [*_repeated(own, len(part)), *_repeated(part, len(part)), *_repeated(short, len(part))]


def _repeated(formulas: Sequence[str], count: int) -> list[str]:
    kept = [formula for formula in formulas if len(formula.split()) <= _MOST_TOKENS]
    return [kept[number % len(kept)] for number in range(count)]
