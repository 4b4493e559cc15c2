"""The conditions under which formulas are read: other faces, resolutions, and what happens to pictures on their way."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from im2latex_fairseq.images.renderer import RenderSettings

GreyImage: TypeAlias = npt.NDArray[np.uint8]
#: A grey picture (H, W), 255 = paper, to the bytes of a file as a user would have it.
Change: TypeAlias = Callable[[GreyImage, np.random.Generator], bytes]


def as_png(image: GreyImage, rng: np.random.Generator) -> bytes:
    """The picture as it is."""
    return _file(Image.fromarray(image), "PNG")


def darkened(image: GreyImage, rng: np.random.Generator) -> bytes:
    """Light ink, 230, on a dark page, 30."""
    return _file(Image.fromarray(np.round(230.0 - image / 255.0 * 200.0).astype(np.uint8)), "PNG")


def transparent(image: GreyImage, rng: np.random.Generator) -> bytes:
    """Black ink whose strength lies in the transparency alone."""
    layers = np.zeros((*image.shape, 4), dtype=np.uint8)
    layers[..., 3] = 255 - image
    return _file(Image.fromarray(layers), "PNG")


def jpeg(quality: int, image: GreyImage, rng: np.random.Generator) -> bytes:
    """As a JPEG file."""
    return _file(Image.fromarray(image), "JPEG", quality=quality)


def rotated(degrees: float, image: GreyImage, rng: np.random.Generator) -> bytes:
    """Turned, one way or the other; the page grows."""
    angle = degrees * rng.choice((-1.0, 1.0))
    return _file(
        Image.fromarray(image).rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255), "PNG"
    )


def blurred(radius_px: float, image: GreyImage, rng: np.random.Generator) -> bytes:
    """By a Gaussian of that standard deviation."""
    return _file(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius_px)), "PNG")


def noisy(deviation: float, image: GreyImage, rng: np.random.Generator) -> bytes:
    """With grey noise, normally distributed."""
    values = image + rng.normal(0.0, deviation, image.shape)
    return _file(Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8)), "PNG")


def with_margin(margin_px: int, image: GreyImage, rng: np.random.Generator) -> bytes:
    """With more paper on every side."""
    return _file(Image.fromarray(np.pad(image, margin_px, constant_values=255)), "PNG")


@dataclass(frozen=True)
class Condition:
    """One column of the matrix.

    Attributes:
        name: Of `--conditions`, after its group.
        group: "given", "face", "dpi" or "picture".
        title: For people.
        most_lost: BLEU points below the given pictures that are allowed; None for those themselves.
        drawing: How the formula is drawn anew; None: the given picture.
        change: What happens to the picture.
    """

    name: str
    group: str
    title: str
    most_lost: float | None = None
    drawing: RenderSettings | None = None
    change: Change = as_png


#: Two that the release model was trained on, `times` and `charter`, and three that it has never seen.
FACES = ("times", "charter", "helvetica", "bookman", "times_tx")
RESOLUTIONS_DPI = (75, 100, 150, 200, 300)


def _redrawn(**settings: object) -> RenderSettings:
    return RenderSettings(**{"size_pt": 10, "dpi": 200, "oversampling": 2, **settings})  # type: ignore[arg-type]


GIVEN = Condition("given", "given", "the pictures as given")

CONDITIONS: tuple[Condition, ...] = (
    GIVEN,
    *(Condition(face, "face", f"redrawn in {face}", 4.0, _redrawn(face=face)) for face in FACES),
    *(
        Condition(f"{dpi}dpi", "dpi", f"redrawn at {dpi} dpi", 4.0, _redrawn(dpi=dpi))
        for dpi in RESOLUTIONS_DPI
    ),
    Condition("dark", "picture", "light ink on a dark page", 6.0, change=darkened),
    Condition("transparent", "picture", "transparent PNG", 6.0, change=transparent),
    Condition("jpeg30", "picture", "JPEG, quality 30", 6.0, change=partial(jpeg, 30)),
    Condition("rotated2", "picture", "turned by 2 degrees", 6.0, change=partial(rotated, 2.0)),
    Condition("blurred1", "picture", "blurred, 1 px", 6.0, change=partial(blurred, 1.0)),
    Condition("noisy12", "picture", "grey noise, deviation 12", 6.0, change=partial(noisy, 12.0)),
    Condition("margin40", "picture", "40 px more paper on every side", 6.0, change=partial(with_margin, 40)),
)

_BY_NAME: Mapping[str, Condition] = {condition.name: condition for condition in CONDITIONS}


def conditions_called(names: str) -> tuple[Condition, ...]:
    """Conditions by names or groups, parted by commas; the given pictures always come first.

    Raises:
        ValueError: There is no such condition or group; lists those that there are.
    """
    chosen = {GIVEN.name: GIVEN}
    for name in filter(None, (part.strip() for part in names.split(","))):
        found = [c for c in CONDITIONS if name in ("all", c.name, c.group)]
        if not found:
            groups = dict.fromkeys(c.group for c in CONDITIONS)
            raise ValueError(
                f"no condition {name!r}; there are {', '.join(_BY_NAME)}, and the groups all, {', '.join(groups)}"
            )
        chosen.update((c.name, c) for c in found)
    return tuple(chosen.values())


def _file(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
