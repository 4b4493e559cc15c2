"""The encoder's output as the decoder reads it: the cells that hold ink, kept once a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class PictureMemory:
    """Keys and values of the cells that attention may read, of P pictures.

    Most of a picture is blank paper, which the encoder masks. To leave those cells out halves the keys or
    better and changes no result, since masked cells have weight zero. The order of the others stays.

    Attributes:
        keys: (P, S, C), S the largest number of cells that a picture has to read.
        values: (P, S, C).
        counts: Cells to read of each picture, (P,) int64; what lies beyond them in a row means nothing.
        cells: Where each lies in its picture's grid, (P, S) int64, row-major.
        grid_sizes: (H', W') of each picture's grid, (P, 2) int64.
    """

    keys: torch.Tensor
    values: torch.Tensor
    counts: np.ndarray
    cells: torch.Tensor
    grid_sizes: np.ndarray

    @classmethod
    def from_encoder_out(cls, encoder_out: Mapping[str, Any]) -> PictureMemory:
        """Of what `ImageEncoder.forward` returns."""
        keys, values = encoder_out["encoder_out"]
        padding = encoder_out["encoder_padding_mask"]
        pictures, grid_cells, channels = keys.shape
        grid_sizes = np.tile(np.array(encoder_out["grid_size"], dtype=np.int64), (pictures, 1))
        if padding is None:
            cells = torch.arange(grid_cells, device=keys.device).expand(pictures, grid_cells)
            return cls(keys, values, np.full(pictures, grid_cells), cells, grid_sizes)
        counts = (~padding).sum(dim=1).cpu().numpy()
        width = int(counts.max(initial=0))
        cells = padding.to(torch.uint8).argsort(dim=1, stable=True)[:, :width]
        starts = torch.arange(pictures, device=keys.device)[:, None] * grid_cells
        flat = (cells + starts).reshape(-1)
        keys, values = (
            table.reshape(-1, channels).index_select(0, flat).view(pictures, width, channels)
            for table in (keys, values)
        )
        return cls(keys, values, counts, cells, grid_sizes)

    @classmethod
    def join(cls, memories: Sequence[PictureMemory]) -> PictureMemory:
        """The pictures of several batches, whose grids may differ, one after the other.

        Args:
            memories: At least one.
        """
        if len(memories) == 1:
            return memories[0]
        width = max(memory.keys.shape[1] for memory in memories)

        def rows(tables: Iterable[torch.Tensor]) -> torch.Tensor:
            # What lies beyond a picture's cells is masked, but times zero it has to be a number.
            return torch.cat([_widened(table, width) for table in tables])

        return cls(
            rows(memory.keys for memory in memories),
            rows(memory.values for memory in memories),
            np.concatenate([memory.counts for memory in memories]),
            rows(memory.cells for memory in memories),
            np.concatenate([memory.grid_sizes for memory in memories]),
        )

    def select(self, pictures: Sequence[int] | np.ndarray) -> PictureMemory:
        """Some of the pictures, with no more cells than the fullest of them has: a copy."""
        chosen = np.asarray(pictures, dtype=np.int64)
        counts = self.counts[chosen]
        width = int(counts.max(initial=0))
        rows = torch.from_numpy(chosen).to(self.keys.device)
        keys, values, cells = (
            table[:, :width].index_select(0, rows) for table in (self.keys, self.values, self.cells)
        )
        return PictureMemory(keys, values, counts, cells, self.grid_sizes[chosen])

    def to_grid(self, weights: torch.Tensor, picture: int) -> torch.Tensor:
        """Attention over the cells that are read to attention over the grid.

        Args:
            weights: (T, S') of that picture, S' at least its number of cells and at most S.
            picture: Its number.

        Returns:
            (T, H' * W'), zero on cells that aren't read.
        """
        count = int(self.counts[picture])
        grid_cells = int(self.grid_sizes[picture].prod())
        grid = torch.zeros(len(weights), grid_cells, dtype=weights.dtype, device=weights.device)
        grid[:, self.cells[picture, :count].to(grid.device)] = weights[:, :count]
        return grid


def _widened(table: torch.Tensor, width: int) -> torch.Tensor:
    """(P, S, ...) with zeros up to (P, width, ...)."""
    missing = width - table.shape[1]
    if not missing:
        return table
    return torch.cat([table, table.new_zeros(len(table), missing, *table.shape[2:])], dim=1)
