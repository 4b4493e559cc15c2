"""Pictures that are decoded together, looked at in batches of like shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.data.batching import batch_pictures

Result = TypeVar("Result")


class ShapeBatches:
    """A division of pictures of any shapes into batches with little padding.

    Args:
        pictures: Prepared, (H, W) each, uint8, 255 = paper.
    """

    def __init__(self, pictures: Sequence[NDArray[np.uint8]]) -> None:
        shapes = np.array([picture.shape for picture in pictures], dtype=np.int64)
        self._batches = batch_pictures(shapes, max(1, len(pictures)))
        self._pictures = pictures

    def batches(self) -> list[list[NDArray[np.uint8]]]:
        """The pictures of each batch."""
        return [[self._pictures[number] for number in batch] for batch in self._batches]

    def in_order(self, results: Iterable[Result]) -> list[Result]:
        """Results of all batches, one a picture and those of the first batch first, in the order of the pictures."""
        numbers = [number for batch in self._batches for number in batch]
        by_number = dict(zip(numbers, results, strict=True))
        return [by_number[number] for number in range(len(numbers))]
