"""The extents of pictures in a padded batch, in a graph: `models.image_encoders.base.PaddingMask`."""

from __future__ import annotations

import numpy as np

from im2latex_fairseq.onnx_export.graph_builder import GraphBuilder

INK = 0.1  # as ImageEncoder.INK (a test compares them)


class PictureMask:
    """Which cells of a grid belong to the pictures of a padded batch.

    Args:
        graph: To write to.
        sizes: Value (B, 2) int64, (height, width) of each picture in whole cells of the coarsest grid, in pixels.
    """

    def __init__(self, graph: GraphBuilder, sizes: str) -> None:
        self._graph = graph
        self._sizes = sizes
        self._cells: dict[tuple[int, int], str] = {}
        self._factors: dict[tuple[int, int], str] = {}

    def cells(self, grid: str, stride: tuple[int, int]) -> str:
        """(B, H', W') bool, True on cells of the picture.

        Args:
            grid: Any value (B, C, H', W') of that resolution.
            stride: (vertical, horizontal) pixels a cell there.
        """
        if stride not in self._cells:
            graph = self._graph
            strides = graph.integers(*stride)
            rounded = graph.add("Add", self._sizes, graph.integers(*(side - 1 for side in stride)))
            cells = graph.add("Div", rounded, strides)  # B x 2
            height, width = graph.add_split("Split", cells, results=2, axis=1)  # B x 1 each
            rows = graph.add("Less", self._count_up(grid, 2), height)  # B x H'
            columns = graph.add("Less", self._count_up(grid, 3), width)  # B x W'
            rows = graph.add("Unsqueeze", rows, graph.integers(2))
            columns = graph.add("Unsqueeze", columns, graph.integers(1))
            self._cells[stride] = graph.add("And", rows, columns)
        return self._cells[stride]

    def apply(self, grid: str, stride: tuple[int, int]) -> str:
        """Set a grid (B, C, H', W') to zero on padding."""
        graph = self._graph
        if stride not in self._factors:
            factors = graph.cast(self.cells(grid, stride), np.float32)
            self._factors[stride] = graph.add("Unsqueeze", factors, graph.integers(1))
        return graph.add("Mul", grid, self._factors[stride])

    def _count_up(self, grid: str, axis: int) -> str:
        graph = self._graph
        return graph.add("Range", graph.integer(0), graph.side(grid, axis), graph.integer(1))
