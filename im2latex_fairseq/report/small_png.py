"""Pictures as small PNG files: few greys or colours, two or four bits a pixel."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from im2latex_fairseq.images.ink_box import outer_ink_box
from im2latex_fairseq.images.renderer import GreyImage
from im2latex_fairseq.report.picture_difference import PictureDifference

Colour = tuple[int, int, int]

#: Ink in both, in the reference alone, in the hypothesis alone. Blue and vermilion of Okabe and Ito (2008), chosen to
#: be told apart with every common form of colour blindness, beside a grey that doesn't drown them; the page's style has
#: the same.
DIFFERENCE_COLOURS: tuple[Colour, Colour, Colour] = ((140, 140, 140), (0, 114, 178), (213, 94, 0))

_GREYS = 4  # two bits a pixel
_SHADES = 5  # of each of the three colours: with white, 16, four bits a pixel
_MARGIN_PX = 4


@dataclass(frozen=True)
class SmallPng:
    """A PNG file.

    Attributes:
        content: Of the file.
        height: In pixels.
        width: In pixels.
    """

    content: bytes
    height: int
    width: int

    @property
    def base64(self) -> str:
        """The file as text, as a data URI has it."""
        return base64.b64encode(self.content).decode("ascii")


def grey_png(image: GreyImage, most_height: int = 400, most_width: int = 900) -> SmallPng:
    """A picture in four greys.

    Args:
        image: (H, W) uint8, 255 = paper.
        most_height: In pixels; a larger picture, after its margins are cut, is made smaller.
        most_width: The same.
    """
    shown = _reduced(_without_margins(image), most_height, most_width)
    steps = np.round(shown.astype(np.float32) * ((_GREYS - 1) / 255.0)).astype(np.uint8)
    greys = [round(255 * step / (_GREYS - 1)) for step in range(_GREYS)]
    return _palette_png(steps, [(grey, grey, grey) for grey in greys], bits=2)


def difference_png(difference: PictureDifference) -> SmallPng:
    """A difference of pictures in `DIFFERENCE_COLOURS`, each in several shades, on white."""
    shades = np.ceil(difference.darkness.astype(np.float32) * (_SHADES / 255.0)).clip(1, _SHADES)
    numbers = np.where(
        difference.kinds == 0, 0, 1 + (difference.kinds.astype(np.int16) - 1) * _SHADES + shades - 1
    )
    palette: list[Colour] = [(255, 255, 255)]
    for colour in DIFFERENCE_COLOURS:
        for shade in range(1, _SHADES + 1):
            red, green, blue = (round(255 - (255 - channel) * shade / _SHADES) for channel in colour)
            palette.append((red, green, blue))
    return _palette_png(numbers.astype(np.uint8), palette, bits=4)


def _without_margins(image: GreyImage) -> GreyImage:
    """The ink and a little paper around it; a blank picture as it is."""
    box = outer_ink_box(image)
    if box is None:
        return image
    top, left, bottom, right = box
    return image[
        max(top - _MARGIN_PX, 0) : bottom + _MARGIN_PX, max(left - _MARGIN_PX, 0) : right + _MARGIN_PX
    ]


def _reduced(image: GreyImage, most_height: int, most_width: int) -> GreyImage:
    height, width = image.shape
    scale = min(1.0, most_height / height, most_width / width)
    if scale == 1.0:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))  # PIL: (width, height)
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def _palette_png(numbers: GreyImage, palette: Sequence[Colour], bits: int) -> SmallPng:
    height, width = numbers.shape
    image = Image.frombytes("P", (width, height), numbers.tobytes())  # PIL: (width, height)
    image.putpalette([channel for colour in palette for channel in colour])
    file = io.BytesIO()
    image.save(file, format="PNG", bits=bits, optimize=True)
    return SmallPng(file.getvalue(), height, width)
