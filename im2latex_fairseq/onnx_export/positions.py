"""The 2-D positional encoding in a graph, for grids of any size: `models.positional_encoding`."""

from __future__ import annotations

import math

import numpy as np

from im2latex_fairseq.onnx_export.graph_builder import GraphBuilder


def add_positions(graph: GraphBuilder, grid: str, channels: int, scale: float) -> str:
    """Add `scale * sinusoid_2d` to a grid (B, C, H', W').

    Args:
        graph: To write to.
        grid: The value.
        channels: C, divisible by four.
        scale: The learned scale.
    """
    quarter = channels // 4
    steps = np.arange(quarter, dtype=np.float32) * np.float32(-math.log(1000.0) / max(quarter - 1, 1))
    frequencies = graph.weight(f"frequencies_{channels}", np.exp(steps))
    rows = graph.add("Unsqueeze", _waves(graph, grid, 2, frequencies), graph.integers(2))  # C/2 x H' x 1
    columns = graph.add("Unsqueeze", _waves(graph, grid, 3, frequencies), graph.integers(1))  # C/2 x 1 x W'
    # Each half is added to its half of the channels: no table of the whole grid is made.
    upper, lower = graph.add_split("Split", grid, results=2, axis=1)
    factor = graph.number(scale)
    upper = graph.add("Add", upper, graph.add("Mul", rows, factor))
    lower = graph.add("Add", lower, graph.add("Mul", columns, factor))
    return graph.add("Concat", upper, lower, axis=1)


def _waves(graph: GraphBuilder, grid: str, axis: int, frequencies: str) -> str:
    """Sines, then cosines, of the places along one axis: (C/2, length)."""
    places = graph.add("Range", graph.integer(0), graph.side(grid, axis), graph.integer(1))
    places = graph.add("Unsqueeze", graph.cast(places, np.float32), graph.integers(0))  # 1 x length
    angles = graph.add("Mul", graph.add("Unsqueeze", frequencies, graph.integers(1)), places)
    return graph.add("Concat", graph.add("Sin", angles), graph.add("Cos", angles), axis=0)
