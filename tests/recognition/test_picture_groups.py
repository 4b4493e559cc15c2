"""Groups hold every picture once, and several who decode get like shares."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.images.prepared_geometry import PreparedGeometry
from im2latex_fairseq.images.transforms import prepare_with_geometry
from im2latex_fairseq.recognition.picture_groups import PreparedPicture, group_prepared, windows


def geometry() -> PreparedGeometry:
    picture = np.full((20, 20), 255, dtype=np.uint8)
    picture[5:15, 5:15] = 0
    return prepare_with_geometry(picture, PreparationSettings(), scale=1.0)[1]


def prepared(inks: list[int]) -> list[tuple[int, PreparedPicture]]:
    """Pictures with so many black pixels, of 16 x 40."""
    pictures = []
    for number, ink in enumerate(inks):
        image = np.full(16 * 40, 255, dtype=np.uint8)
        image[:ink] = 0
        pictures.append((number, PreparedPicture(image.reshape(16, 40), geometry(), 1.0)))
    return pictures


@given(st.lists(st.integers(0, 640), max_size=40), st.integers(1, 9), st.integers(1, 4))
def test_each_picture_once_and_like_with_like(inks: list[int], together: int, parts: int) -> None:
    groups = group_prepared(prepared(inks), together, parts)
    assert sorted(number for group in groups for number in group.numbers) == list(range(len(inks)))
    assert all(1 <= len(group.numbers) == len(group.pictures) <= together for group in groups)
    in_order = [
        inks[number] for group in (groups if parts == 1 else groups[::-1]) for number in group.numbers
    ]
    assert in_order == sorted(inks)
    if parts > 1 and len(inks) >= parts * together:
        sizes = [len(group.numbers) for group in groups]
        assert max(sizes[1:]) - min(sizes[1:]) == 0, "of one size, but for the one that takes what is left"


def test_the_longest_come_first_for_several() -> None:
    groups = group_prepared(prepared([5, 600, 30, 300]), 64, 2)
    assert [group.numbers for group in groups] == [(3, 1), (0, 2)]
    assert [group.numbers for group in group_prepared(prepared([5, 600, 30, 300]), 2)] == [(0, 2), (3, 1)]


@given(st.integers(0, 2000), st.integers(1, 700), st.integers(1, 5))
def test_windows_cut_a_stream_and_lose_nothing(count: int, together: int, parts: int) -> None:
    cut = list(windows(range(count), together, parts))
    assert [number for window in cut for number in window] == list(range(count))
    assert all(cut)
    if parts > 1 and cut:
        assert len(cut[0]) <= 48 * parts, "several don't wait long for the first"


def test_a_window_is_taken_when_it_is_its_turn() -> None:
    taken = itertools.count()
    stream = windows((next(taken) for _ in itertools.count()), 2)
    assert len(next(stream)) == 16
    assert next(taken) == 16
