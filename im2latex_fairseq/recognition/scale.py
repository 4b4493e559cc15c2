"""How large the text in a picture is, so that any picture can be brought to the size that the models know.

A formula blurred by boxes of growing side loses its energy where its strokes, its letters and its lines are of
that side: these losses, with the mean stroke, the share of ink and the size of the whole, tell the size of the text
whatever the formula says. A regression of few numbers (`scale_regression.json`, fitted by
`examples/recognition/fit_scale.py`) turns them into pixels an em.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex_fairseq.images.paper import IDENTITY, paper_lookup

_LARGEST_FACTOR = 4.0
_SMALLEST_FACTOR = 1 / 16

_BOX_SIDES_PX = (2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64)
_MOST_MEASURED_PIXELS = 100_000
_FAINTEST = 8  # of 255: what is lighter says nothing about how dark the ink is
_EDGE = 0.3  # of the darkest ink: lighter than this is noise where it lies outside
_REGRESSION_FILE = Path(__file__).parent / "scale_regression.json"


@dataclass(frozen=True)
class KnownText:
    """The size of text that a model reads well; it travels with the model.

    The defaults are for models of IM2LATEX-100K, whose faces have 10 pt (13.8 px) and 12 pt (16.6 px) at 100 dpi.

    Attributes:
        em_px: What other pictures are brought to.
        smallest_em_px: From here on a picture stays as it is: every resampling costs sharpness, and an estimate may
            err.
        largest_em_px: Up to here.

    Raises:
        ValueError: The three aren't in order.
    """

    em_px: float = 14.5
    smallest_em_px: float = 11.0
    largest_em_px: float = 20.6

    def __post_init__(self) -> None:
        if not 1.0 <= self.smallest_em_px <= self.em_px <= self.largest_em_px <= 1000.0:
            raise ValueError(
                f"sizes of known text rise from smallest_em_px by em_px to largest_em_px, got {self.smallest_em_px}, "
                f"{self.em_px}, {self.largest_em_px}"
            )

    def contains(self, em_px: float) -> bool:
        """Whether text of this size is read as it is."""
        return self.smallest_em_px <= em_px <= self.largest_em_px

    def to_dict(self) -> dict[str, float]:
        """As JSON holds it; `KnownText(**values)` takes it back."""
        return asdict(self)


def estimate_scale(image: NDArray[np.uint8], known: KnownText = KnownText()) -> float:
    """Factor for both sides that brings a picture to the size that a model knows.

    Args:
        image: (H, W), uint8, as `load_image` gives it.
        known: What the model knows.

    Returns:
        From 1/16 to 4; 1.0 where the text is of a known size, or where there is no ink. One by a whole number where
        that leads to a known size, since averages of whole pixels keep what there is to see: a picture and the
        same twice or three times as large become nearly the same.
    """
    em_px = estimate_em(image)
    if em_px is None or known.contains(em_px):
        return 1.0
    factor = known.em_px / em_px
    divisor = max(1, round(1 / factor))
    if known.contains(em_px / divisor):
        factor = 1 / divisor
    return min(max(factor, _SMALLEST_FACTOR), _LARGEST_FACTOR)


def estimate_em(image: NDArray[np.uint8]) -> float | None:
    """Size of the text in a picture, in pixels an em (10 pt at 100 dpi: 13.8), or None where there is no ink.

    Args:
        image: (H, W), uint8, as `load_image` gives it.
    """
    measured = measure_text(image)
    if measured is None:
        return None
    features, reduction = measured
    return reduction * math.exp(_regression().predict(features))


def measure_text(image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], int] | None:
    """What the regression looks at, and by what the picture was reduced beforehand; None where there is no ink.

    Args:
        image: (H, W), uint8, as `load_image` gives it.

    Returns:
        (17,) float64, logarithms; the divisor.
    """
    lookup = paper_lookup(image, invert_dark=True)
    ink = 255 - (image if lookup is IDENTITY else lookup[image])
    visible = ink[ink > _FAINTEST]
    if visible.size == 0:
        return None
    strong = float(np.percentile(visible, 98))
    box = _box_of(ink > _EDGE * strong)
    reduction = max(1, math.ceil(math.sqrt(ink[box].size / _MOST_MEASURED_PIXELS)))
    formula = ink[box] if reduction == 1 else np.asarray(Image.fromarray(ink[box]).reduce(reduction))
    darkness = np.minimum(formula / strong, 1.0)
    return np.array(
        [*_stroke_features(darkness), *_blur_losses(darkness), *map(math.log, darkness.shape)]
    ), reduction


def _box_of(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The box around what is True."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _stroke_features(ink: NDArray[np.float64]) -> list[float]:
    """Twice: ink by length of the outline, which is half the width of a stroke; how grey ink is; share of ink."""
    total = float(ink.sum())
    framed = np.pad(ink, 1)
    down, right = np.diff(framed, axis=0), np.diff(framed, axis=1)
    straight = float(np.abs(down).sum() + np.abs(right).sum())
    euclidean = float(np.hypot(down[:, :-1], right[:-1]).sum())
    return [
        math.log(total / straight),
        math.log(total / euclidean),
        math.log(float(np.square(ink).sum()) / total),
        math.log(total / ink.size),
    ]


def _blur_losses(ink: NDArray[np.float64]) -> list[float]:
    """Share of the energy that is left after a blur by each box, as logarithms."""
    margin = _BOX_SIDES_PX[-1]
    sums = np.pad(np.pad(ink, margin).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    energy = float(np.square(ink).sum())
    losses = []
    for side in _BOX_SIDES_PX:
        box_sums = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
        losses.append(math.log(float(np.square(box_sums).sum()) / (energy * side**4)))
    return losses


@dataclass(frozen=True)
class ScaleRegression:
    """One hidden layer: features -> logarithm of the pixels an em.

    Attributes:
        mean: Of the features, (F,).
        deviation: Of the features, (F,).
        hidden: Weights and bias of the hidden units, tanh, (N, F + 1).
        output: Weights and bias, (N + 1,).
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    hidden: NDArray[np.float64]
    output: NDArray[np.float64]

    def predict(self, features: NDArray[np.float64]) -> float:
        """Logarithm of the pixels an em, of features (F,)."""
        inputs = np.append((features - self.mean) / self.deviation, 1.0)
        return float(np.append(np.tanh(self.hidden @ inputs), 1.0) @ self.output)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ScaleRegression:
        """Of the lists of `scale_regression.json`."""
        names = ("mean", "deviation", "hidden", "output")
        return cls(*(np.array(values[name], dtype=np.float64) for name in names))


@lru_cache(maxsize=1)
def _regression() -> ScaleRegression:
    return ScaleRegression.from_dict(json.loads(_REGRESSION_FILE.read_text(encoding="utf-8")))
