"""The 2-D sinusoid: each cell by its own row and column, for grids of any size."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.models.positional_encoding import PositionalEncoding2d, sinusoid_2d


@given(st.integers(1, 20), st.integers(1, 30), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_it_depends_on_row_and_column_alone(height: int, width: int, eighth: int) -> None:
    channels = 8 * eighth
    table = sinusoid_2d(height, width, channels)
    assert table.shape == (channels, height, width)
    assert table.abs().max() <= 1.0
    half = channels // 2
    assert torch.equal(table[:half], table[:half, :, :1].expand(-1, -1, width))
    assert torch.equal(table[half:], table[half:, :1].expand(-1, height, -1))
    larger = sinusoid_2d(height + 3, width + 5, channels)
    assert torch.equal(larger[:, :height, :width], table)


def test_positions_differ() -> None:
    cells = sinusoid_2d(24, 96, 32).flatten(1).t()
    distances = torch.cdist(cells, cells) + 10 * torch.eye(len(cells))
    assert distances.min() > 0.05


def test_channels_must_be_divisible_by_four() -> None:
    with pytest.raises(ValueError, match="divisible by four, got 10"):
        sinusoid_2d(2, 2, 10)


def test_the_table_grows_with_the_grid() -> None:
    encoding = PositionalEncoding2d(8, initial_scale=0.5)
    for height, width in ((3, 4), (2, 9), (7, 1), (3, 4)):
        grid = torch.randn(2, 8, height, width)
        torch.testing.assert_close(encoding(grid) - grid, 0.5 * sinusoid_2d(height, width, 8).expand_as(grid))
    assert "scale" in encoding.state_dict()
    assert len(encoding.state_dict()) == 1  # no table: it would have to match in size at loading


def test_dtype_stays() -> None:
    assert PositionalEncoding2d(8)(torch.zeros(1, 8, 2, 2, dtype=torch.bfloat16)).dtype == torch.bfloat16
