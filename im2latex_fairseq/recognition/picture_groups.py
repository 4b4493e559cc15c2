"""Which pictures of a stream are decoded together: windows of some hundreds, cut by the amount of ink."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.data.batching import group_pictures
from im2latex_fairseq.images.prepared_geometry import PreparedGeometry
from im2latex_fairseq.recognition.results import Outcome, Recognition

Item = TypeVar("Item")

_WINDOW_GROUPS = 8
"""Pictures of so many groups are prepared before the first is decoded, so that like lengths meet."""

_WINDOW_PICTURES = 512
"""No more than these, unless a group has more."""

_FIRST_PICTURES = 48
"""Several who decode at the same time wait until so many for each of them are prepared, for no more."""


@dataclass(frozen=True)
class PreparedPicture:
    """A picture as the model reads it.

    Attributes:
        image: (H, W), uint8, 255 = paper.
        geometry: Where its pixels lie in the picture that was given.
        scale: Factor by which it was scaled.
        seconds: That loading and preparing took.
        given: What it was made from, as far as there is ink, (H, W), uint8; None where nobody needs it.
        enlarged: How many times as large as that the picture was in truth; that was undone before it was scaled.
    """

    image: NDArray[np.uint8]
    geometry: PreparedGeometry
    scale: float
    seconds: float = 0.0
    given: NDArray[np.uint8] | None = None
    enlarged: int = 1


@dataclass(frozen=True)
class PictureGroup:
    """Pictures that are decoded together.

    Attributes:
        numbers: Their places among the sources.
        pictures: As the model reads them.
        doubted: What they were read as, where they are to be looked at again; empty where they weren't read yet.
    """

    numbers: tuple[int, ...]
    pictures: tuple[PreparedPicture, ...]
    doubted: tuple[Recognition, ...] = ()

    def outcomes(self, recognitions: Sequence[Recognition]) -> Iterator[Outcome]:
        """Of what its pictures say."""
        for number, recognition in zip(self.numbers, recognitions, strict=True):
            yield Outcome(number, recognition=recognition)


def windows(items: Iterable[Item], together: int, parts: int = 1) -> Iterator[list[Item]]:
    """Cut a stream of any length into what is prepared before it is decoded.

    Args:
        items: Taken when it is their window's turn.
        together: Most pictures of a group.
        parts: How many decode at the same time.

    Yields:
        At least one of them.
    """
    usual = max(together, min(together * _WINDOW_GROUPS, _WINDOW_PICTURES))
    first = usual if parts == 1 else min(usual, parts * _FIRST_PICTURES)
    stream = iter(items)
    for size in itertools.chain([first], itertools.repeat(usual)):
        window = list(itertools.islice(stream, size))
        if not window:
            return
        yield window


def group_prepared(
    prepared: Sequence[tuple[int, PreparedPicture]], together: int, parts: int = 1
) -> list[PictureGroup]:
    """Bring pictures together whose formulas are of like length.

    Args:
        prepared: Each with its place among the sources.
        together: Most of a group.
        parts: How many decode at the same time. For several there are as many groups for each, of one size, and the
            longest come first, so that all end together.

    Returns:
        Groups that hold each picture once.
    """
    size = together
    if parts > 1:
        rounds = max(1, math.ceil(len(prepared) / (together * parts)))
        size = max(1, math.ceil(len(prepared) / (rounds * parts)))
    sizes_px = np.array([picture.image.shape for _, picture in prepared], dtype=np.int64)
    ink = np.array([(255 - picture.image).sum() for _, picture in prepared])
    groups = []
    for indices in group_pictures(sizes_px, ink, size):
        numbers, pictures = zip(*(prepared[index] for index in indices), strict=True)
        groups.append(PictureGroup(numbers, pictures))
    return groups if parts == 1 else groups[::-1]
