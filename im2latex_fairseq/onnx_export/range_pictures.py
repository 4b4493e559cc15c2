"""The pictures that tell the ranges of an encoder's layers, for `quantization`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.data.image_store import ImageStore
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.images.transforms import prepare
from im2latex_fairseq.recognition.picture_sources import collect_sources
from im2latex_fairseq.recognition.scale import estimate_scale

MOST_PICTURES = 64


def read_range_pictures(
    names: Sequence[str], preparation: PreparationSettings, most: int = MOST_PICTURES
) -> list[NDArray[np.uint8]]:
    """Read pictures, and bring them to the form that the model reads.

    Args:
        names: An image store of prepared data (`valid.images`), or files, folders and patterns as
            `im2latex predict` takes them.
        preparation: The model's.
        most: Of more pictures, so many are taken, spread evenly.

    Returns:
        (H, W) uint8 each, 255 = paper.

    Raises:
        ValueError: There is none, or one can't be read; the message names it.
    """
    if len(names) == 1 and Path(names[0]).suffix == ".images":
        store = ImageStore(names[0])
        return [np.array(store[number]) for number in _spread(len(store), most, names)]
    sources = collect_sources(names)
    pictures = []
    for number in _spread(len(sources), most, names):
        image = load_image(sources[number].open())
        pictures.append(prepare(image, preparation, scale=estimate_scale(image)))
    return pictures


def _spread(count: int, most: int, names: Sequence[str]) -> list[int]:
    if count == 0:
        raise ValueError(f"{', '.join(names)}: no pictures; name some dozens like those to be read")
    numbers: list[int] = np.linspace(0, count - 1, min(count, most)).astype(int).tolist()
    return numbers
