"""Boxes on a prepared picture, taken back to the original."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.images.prepared_geometry import PreparedGeometry
from im2latex_fairseq.images.transforms import PreparationSettings, prepare, prepare_with_geometry


def page_with_block(block: tuple[int, int, int, int], height: int, width: int) -> np.ndarray:
    """White paper with a black block (top, left, bottom, right) that touches no edge: paper is told by its edges."""
    page = np.full((height, width), 255, dtype=np.uint8)
    page[block[0] : block[2], block[1] : block[3]] = 0
    return page


def ink_box(picture: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero((picture < 128).any(1)), np.flatnonzero((picture < 128).any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


@settings(max_examples=200, deadline=None)
@given(
    top=st.integers(1, 60),
    left=st.integers(1, 60),
    height=st.integers(12, 60),
    width=st.integers(12, 60),
    below=st.integers(1, 40),
    scale=st.sampled_from([1.0, 0.5, 1 / 3, 0.37, 0.8, 2.0, 1.3]),
    margin_px=st.integers(1, 9),
    least_px=st.integers(16, 90),
)
def test_ink_is_found_where_it_was(
    top: int, left: int, height: int, width: int, below: int, scale: float, margin_px: int, least_px: int
) -> None:
    block = (top, left, top + height, left + width)
    page = page_with_block(block, top + height + below, left + width + 3)
    chosen = PreparationSettings(margin_px=margin_px, min_height_px=least_px, min_width_px=least_px)
    prepared, geometry = prepare_with_geometry(page, chosen, scale=scale)
    np.testing.assert_array_equal(prepared, prepare(page, chosen, scale=scale))
    # A pixel of the prepared picture is 1 / scale of the page's; ink that fills less than half of it may be lost.
    np.testing.assert_allclose(geometry.to_original(ink_box(prepared)), block, atol=1.0 / scale + 1e-9)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_without_rounding_it_is_exact(scale: float) -> None:
    page = page_with_block((20, 40, 52, 104), 90, 150)
    prepared, geometry = prepare_with_geometry(page, scale=scale)
    assert geometry.to_original(ink_box(prepared)) == (20, 40, 52, 104)
    assert geometry.original_size == (90, 150)


def test_the_margin_ends_where_the_original_does() -> None:
    page = page_with_block((1, 1, 31, 31), 32, 32)
    prepared, geometry = prepare_with_geometry(page)
    assert geometry.to_original((0.0, 0.0, *map(float, prepared.shape))) == (0, 0, 32, 32)  # type: ignore[arg-type]


def test_each_axis_has_its_own_shift_and_factor() -> None:
    geometry = PreparedGeometry(origin=(-2.0, 10.0), step=(2.0, 3.0), original_size=(100, 200))
    assert geometry.to_original((3, 4, 5, 6)) == (4, 22, 8, 28)
