"""Sinusoidal encodings: of the cells of the feature grid, and of the positions of the target."""

from __future__ import annotations

import math

import torch
from torch import nn


def sinusoid_2d(height: int, width: int, channels: int, device: torch.device | None = None) -> torch.Tensor:
    """Sines and cosines of the row in the first half of the channels, of the column in the second.

    The encoding of a cell depends on its own row and column only, so that it holds for grids of any
    size and does not change when a picture is padded. As in Wang & Liu 2019 (MI2LS) and Vaswani et al.
    2017, with wavelengths from 2 pi to 2 pi * 1000 cells.

    Args:
        height: Rows of the grid, H'.
        width: Columns of the grid, W'.
        channels: C, divisible by four.
        device: Where the result lies.

    Returns:
        (C, H', W') float32 in [-1, 1].
    """
    if channels % 4:
        raise ValueError(f"a 2-D sinusoid needs channels divisible by four, got {channels}")
    quarter = channels // 4
    frequencies = torch.exp(
        torch.arange(quarter, dtype=torch.float32, device=device) * (-math.log(1000.0) / max(quarter - 1, 1))
    )
    rows = torch.arange(height, dtype=torch.float32, device=device)[:, None] * frequencies  # H' x C/4
    columns = torch.arange(width, dtype=torch.float32, device=device)[:, None] * frequencies  # W' x C/4
    row_part = torch.cat([rows.sin(), rows.cos()], dim=1).t()[:, :, None].expand(-1, height, width)
    column_part = torch.cat([columns.sin(), columns.cos()], dim=1).t()[:, None, :].expand(-1, height, width)
    return torch.cat([row_part, column_part], dim=0)


def sinusoid_1d(length: int, channels: int) -> torch.Tensor:
    """Sines in the first half of the channels and cosines in the second, with the wavelengths of `sinusoid_2d`.

    Args:
        length: Positions, T.
        channels: C, even.

    Returns:
        (T, C) float32 in [-1, 1].
    """
    if channels % 2:
        raise ValueError(f"a 1-D sinusoid needs an even number of channels, got {channels}")
    half = channels // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float32) * (-math.log(1000.0) / max(half - 1, 1)))
    angles = torch.arange(length, dtype=torch.float32)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class PositionalEncoding2d(nn.Module):
    """Adds `scale * sinusoid_2d` to a feature grid, with one learned scale.

    Args:
        channels: C of the grid, divisible by four.
        initial_scale: First value of the learned scale; features have a standard deviation near 1 there.
    """

    def __init__(self, channels: int, initial_scale: float = 0.5) -> None:
        super().__init__()
        self.channels = channels
        self.scale = nn.Parameter(torch.tensor(float(initial_scale)))
        self._table: torch.Tensor | None = None

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        """Add the encoding to a grid (B, C, H', W'); shape and dtype stay."""
        height, width = grid.shape[-2:]
        return grid + (self.scale * self._encoding(height, width, grid.device)).to(grid.dtype)

    def _encoding(self, height: int, width: int, device: torch.device) -> torch.Tensor:
        # The table is kept, and grown when a larger picture comes: it isn't a buffer, since its size
        # would then have to match at loading.
        table = self._table
        if table is None or table.device != device or table.shape[1] < height or table.shape[2] < width:
            rows = max(height, 0 if table is None else table.shape[1])
            columns = max(width, 0 if table is None else table.shape[2])
            table = self._table = sinusoid_2d(rows, columns, self.channels, device)
        return table[:, :height, :width]
