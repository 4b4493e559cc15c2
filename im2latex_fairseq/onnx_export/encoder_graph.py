"""An image encoder as an ONNX graph: pictures to the keys and values that a decoder attends to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx

from im2latex_fairseq.onnx_export.graph_builder import GraphBuilder, KernelStorage
from im2latex_fairseq.onnx_export.image_features import FEATURES, Grid, GridWriter
from im2latex_fairseq.onnx_export.picture_mask import INK, PictureMask
from im2latex_fairseq.onnx_export.positions import add_positions
from im2latex_fairseq.onnx_export.weights import Weights


def encoder_graph(
    name: str,
    options: Mapping[str, Any],
    stride: tuple[int, int],
    weights: Weights,
    heads: int,
    key_factor: float,
    kernels: KernelStorage = "half",
) -> onnx.ModelProto:
    """Write the graph of `ImageEncoder.forward` for one encoder.

    Inputs of the graph: `images` (B, 1, H, W) float32 in [0, 1], 0 = blank paper, any H and W; `sizes` (B, 2)
    int64, the unpadded (height, width) of each. Outputs: `keys` (B, heads, C / heads, S), `values` (B, heads, S,
    C / heads), float32, ready for a decoder's graph; `unread` (B, S) bool, True on padding and blank paper, where no
    attention must go; `grid_size` (2,) int64, (H', W'), S = H' * W' in row-major order.

    Args:
        name: In the registry of encoders.
        options: All options of that encoder, defaults included.
        stride: (vertical, horizontal) pixels a cell.
        weights: Of the encoder.
        heads: Among which the decoder divides the channels; 1 for a decoder without heads.
        key_factor: What the decoder multiplies its logits by, done here once a picture.
        kernels: See `GraphBuilder`.

    Raises:
        ValueError: No graph is known for that encoder.
    """
    if name not in FEATURES:
        raise ValueError(
            f"the image encoder {name!r} can't be exported to ONNX; those that can are {', '.join(sorted(FEATURES))}"
        )
    graph = GraphBuilder(f"image encoder {name}", kernels)
    images = graph.input("images", np.float32, ("batch", 1, "height", "width"))
    sizes = graph.input("sizes", np.int64, ("batch", 2))
    images = _pad_to_cells(graph, images, stride)
    mask = PictureMask(graph, _round_up(graph, sizes, stride))
    write = GridWriter(graph, mask)
    grid = write.masked(FEATURES[name](write, Grid(images, (1, 1)), weights, options))
    unread = _unread_cells(graph, images, grid, mask)

    channels = len(weights.array("output_norm.weight"))
    value = grid.value
    if weights.has("output_positions.scale"):
        value = add_positions(graph, value, channels, float(weights.array("output_positions.scale")))
    rows = graph.add("Reshape", value, graph.integers(0, channels, -1))
    rows = graph.add("Transpose", rows, perm=[0, 2, 1])  # B x C x S -> B x S x C
    norm = (
        graph.weight(weights.name(n), weights.array(n)) for n in ("output_norm.weight", "output_norm.bias")
    )
    rows = graph.layer_norm(rows, *norm)
    keys = _projection(graph, rows, weights.below("key_projection"))
    values = _projection(graph, rows, weights.below("value_projection"))
    if weights.has("key_scale"):
        keys, values = _for_fconv(graph, keys, values, unread, float(weights.array("key_scale")))

    if key_factor != 1.0:
        keys = graph.add("Mul", keys, graph.number(key_factor))
    by_head = graph.integers(0, 0, heads, -1)
    keys = graph.add("Transpose", graph.add("Reshape", keys, by_head), perm=[0, 2, 3, 1])
    values = graph.add("Transpose", graph.add("Reshape", values, by_head), perm=[0, 2, 1, 3])
    head_width = weights.array("key_projection.weight").shape[0] // heads
    graph.output(keys, "keys", np.float32, ("batch", heads, head_width, "cells"))
    graph.output(values, "values", np.float32, ("batch", heads, "cells", head_width))
    graph.output(unread, "unread", np.bool_, ("batch", "cells"))
    grid_size = graph.add("Shape", grid.value, start=2)
    graph.output(grid_size, "grid_size", np.int64, (2,))
    return graph.model()


def _round_up(graph: GraphBuilder, sizes: str, stride: tuple[int, int]) -> str:
    """Sizes (..., 2) to whole cells."""
    strides = graph.integers(*stride)
    cells = graph.add("Div", graph.add("Add", sizes, graph.integers(*(side - 1 for side in stride))), strides)
    return graph.add("Mul", cells, strides)


def _pad_to_cells(graph: GraphBuilder, images: str, stride: tuple[int, int]) -> str:
    """Blank paper at the right and at the bottom, to whole cells."""
    shape = graph.add("Shape", images, start=2)
    missing = graph.add("Sub", _round_up(graph, shape, stride), shape)
    pads = graph.add("Concat", graph.integers(0, 0, 0, 0, 0, 0), missing, axis=0)
    return graph.add("Pad", images, pads, graph.number(0.0))


def _unread_cells(graph: GraphBuilder, images: str, grid: Grid, mask: PictureMask) -> str:
    """(B, S) bool, True on padding and, in pictures with any ink, on cells without ink."""
    side = {"kernel_shape": list(grid.stride), "strides": list(grid.stride)}
    flat = graph.integers(0, -1)
    ink = graph.add("Reshape", graph.add("MaxPool", images, **side), flat)
    ink = graph.add("Greater", ink, graph.number(INK))
    any_ink = graph.add("ReduceMax", graph.cast(ink, np.float32), axes=[1], keepdims=1)
    blank_picture = graph.add("Less", any_ink, graph.number(0.5))
    inside = graph.add("Reshape", mask.cells(grid.value, grid.stride), flat)
    return graph.add("Not", graph.add("And", inside, graph.add("Or", ink, blank_picture)))


def _projection(graph: GraphBuilder, rows: str, weights: Weights) -> str:
    matrix = graph.kernel(weights.name("weight"), weights.array("weight").T, output_axis=1)
    product = graph.add("MatMul", rows, matrix)
    return graph.add("Add", product, graph.weight(weights.name("bias"), weights.array("bias")))


def _for_fconv(graph: GraphBuilder, keys: str, values: str, unread: str, key_scale: float) -> tuple[str, str]:
    """The arithmetic of fairseq's FConvDecoder; see `ImageEncoder`, contract "fconv".

    The encoder divides values by the square root of the number of cells, and the decoder multiplies what it
    attended to by it: both are left out, here and in `fconv_graph`.
    """
    width = graph.side(keys, 2)
    ones = graph.add("Expand", graph.number(1.0), graph.add("Unsqueeze", width, graph.integers(0)))
    zeros = graph.add("Mul", ones, graph.number(0.0))
    keys = graph.add("Mul", graph.layer_norm(keys, ones, zeros), graph.number(key_scale))
    read = graph.add("Unsqueeze", graph.cast(graph.add("Not", unread), np.float32), graph.integers(2))
    count = graph.add("ReduceSum", read, graph.integers(1), keepdims=1)  # B x 1 x 1
    sum_ = graph.add("ReduceSum", graph.add("Mul", values, read), graph.integers(1), keepdims=1)
    return keys, graph.add("Sub", values, graph.add("Div", sum_, count))
