"""The feature grids of the registered image encoders as graphs: their `extract_features`.

Each function below writes what the encoder of that name computes; `FEATURES` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from im2latex_fairseq.models.image_encoders.gated_grid import parse_grid_blocks
from im2latex_fairseq.models.image_encoders.plain_cnn import LAYERS as PLAIN_CNN_LAYERS
from im2latex_fairseq.onnx_export.graph_builder import GraphBuilder
from im2latex_fairseq.onnx_export.picture_mask import PictureMask
from im2latex_fairseq.onnx_export.positions import add_positions
from im2latex_fairseq.onnx_export.weights import Weights

Options = Mapping[str, Any]
BATCH_NORM_EPSILON = 1e-5  # torch's default
RESNET_STRIDES = (1, 2, 2, 1)  # of the stages of ResnetEncoder


@dataclass
class Grid:
    """A value (B, C, H', W') and its (vertical, horizontal) pixels a cell."""

    value: str
    stride: tuple[int, int]


class GridWriter:
    """Writes the layers that encoders are made of.

    Args:
        graph: To write to.
        mask: The extents of the pictures.
    """

    def __init__(self, graph: GraphBuilder, mask: PictureMask) -> None:
        self._graph = graph
        self._mask = mask

    def conv(
        self,
        grid: Grid,
        weights: Weights,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
    ) -> Grid:
        """A convolution that pads by half its kernel."""
        kernel = weights.array("weight")
        inputs = [grid.value, self._graph.kernel(weights.name("weight"), kernel, output_axis=0)]
        if weights.has("bias"):
            inputs.append(self._graph.weight(weights.name("bias"), weights.array("bias")))
        padding = [side // 2 * d for side, d in zip(kernel.shape[2:], dilation, strict=True)]
        value = self._graph.add(
            "Conv",
            *inputs,
            kernel_shape=list(kernel.shape[2:]),
            strides=list(stride),
            dilations=list(dilation),
            pads=[*padding, *padding],
        )
        return Grid(value, (grid.stride[0] * stride[0], grid.stride[1] * stride[1]))

    def relu(self, grid: Grid) -> Grid:
        """Negative values to zero."""
        return Grid(self._graph.add("Relu", grid.value), grid.stride)

    def masked(self, grid: Grid) -> Grid:
        """Padding to zero."""
        return Grid(self._mask.apply(grid.value, grid.stride), grid.stride)

    def sum(self, first: Grid, second: Grid) -> Grid:
        """Of two grids of a resolution."""
        return Grid(self._graph.add("Add", first.value, second.value), first.stride)

    def channel_norm(self, grid: Grid, weights: Weights) -> Grid:
        """`masked_norm.ChannelNorm`: layer norm over the channels of each cell."""
        cells = self._graph.add(
            "Transpose", grid.value, perm=[0, 2, 3, 1]
        )  # B x C x H' x W' -> B x H' x W' x C
        cells = self._graph.layer_norm(cells, *self._named(weights, "weight", "bias"))
        return Grid(self._graph.add("Transpose", cells, perm=[0, 3, 1, 2]), grid.stride)

    def batch_norm(self, grid: Grid, weights: Weights) -> Grid:
        """`masked_norm.MaskedBatchNorm2d` in evaluation."""
        value = self._graph.add(
            "BatchNormalization",
            grid.value,
            *self._named(weights, "weight", "bias", "running_mean", "running_var"),
            epsilon=BATCH_NORM_EPSILON,
        )
        return self.masked(Grid(value, grid.stride))

    def max_pool(self, grid: Grid, kernel: tuple[int, int]) -> Grid:
        """Largest of each block."""
        value = self._graph.add("MaxPool", grid.value, kernel_shape=list(kernel), strides=list(kernel))
        return Grid(value, (grid.stride[0] * kernel[0], grid.stride[1] * kernel[1]))

    def gated(self, grid: Grid) -> Grid:
        """The gated linear unit: the first half of the channels times the sigmoid of the second."""
        values, gates = self._graph.add_split("Split", grid.value, results=2, axis=1)
        return Grid(self._graph.add("Mul", values, self._graph.add("Sigmoid", gates)), grid.stride)

    def fold_pixels(self, grid: Grid, side: int) -> Grid:
        """Blocks of a picture with one channel into channels: torch's `pixel_unshuffle`."""
        value = self._graph.add("SpaceToDepth", grid.value, blocksize=side)
        return Grid(value, (grid.stride[0] * side, grid.stride[1] * side))

    def positions(self, grid: Grid, weights: Weights, channels: int) -> Grid:
        """`PositionalEncoding2d`."""
        scale = float(weights.array("scale"))
        return Grid(add_positions(self._graph, grid.value, channels, scale), grid.stride)

    def _named(self, weights: Weights, *names: str) -> list[str]:
        return [self._graph.weight(weights.name(name), weights.array(name)) for name in names]


def gated_grid(write: GridWriter, images: Grid, weights: Weights, options: Options) -> Grid:
    """`gated_grid.GatedGridEncoder.extract_features`."""
    vertical, horizontal = int(options["vertical_stride"]), int(options["horizontal_stride"])
    grid = write.masked(write.relu(write.conv(write.fold_pixels(images, 2), weights.below("stem"))))
    grid = write.masked(write.relu(write.conv(grid, weights.below("down1"), stride=(2, 2))))
    for block in weights.parts("trunk1"):
        grid = _pre_norm_residual(write, grid, block)
    grid = write.masked(write.channel_norm(grid, weights.below("norm1")))
    grid = write.masked(write.conv(grid, weights.below("down2"), stride=(vertical // 4, horizontal // 4)))
    for block in weights.parts("trunk2"):
        grid = _pre_norm_residual(write, grid, block)
    if weights.has("grid_positions.scale"):
        channels = len(weights.array("down2.bias"))
        grid = write.masked(write.positions(grid, weights.below("grid_positions"), channels))
    shapes = parse_grid_blocks(str(options["grid_blocks"]))
    for (height, width, dilation), block in zip(shapes, weights.parts("grid_blocks"), strict=True):
        longer = max(height, width)
        dilations = (dilation if height == longer else 1, dilation if width == longer else 1)
        update = write.masked(write.channel_norm(grid, block.below("norm")))
        update = write.gated(write.conv(update, block.below("conv"), dilation=dilations))
        grid = write.masked(write.sum(grid, update))
    return grid


def _pre_norm_residual(write: GridWriter, grid: Grid, weights: Weights) -> Grid:
    update = write.masked(write.channel_norm(grid, weights.below("norm")))
    update = write.masked(write.relu(write.conv(update, weights.below("conv1"))))
    return write.masked(write.sum(grid, write.conv(update, weights.below("conv2"))))


def plain_cnn(write: GridWriter, images: Grid, weights: Weights, options: Options) -> Grid:
    """`plain_cnn.PlainCnnEncoder.extract_features`."""
    grid = images
    for number, (_, has_norm, pooling) in enumerate(PLAIN_CNN_LAYERS):
        grid = write.conv(grid, weights.below("convolutions", number))
        if has_norm:
            grid = write.batch_norm(grid, weights.below("norms", number))
        grid = write.relu(grid)
        if pooling != (1, 1):
            grid = write.max_pool(grid, pooling)
        grid = write.masked(grid)
    return grid


def resnet(write: GridWriter, images: Grid, weights: Weights, options: Options) -> Grid:
    """`resnet.ResnetEncoder.extract_features`."""
    grid = write.conv(images, weights.below("stem"), stride=(2, 2))
    grid = write.relu(write.batch_norm(grid, weights.below("stem_norm")))
    blocks = weights.parts("blocks")
    blocks_of_stage = len(blocks) // len(RESNET_STRIDES)
    for number, block in enumerate(blocks):
        stride = RESNET_STRIDES[number // blocks_of_stage] if number % blocks_of_stage == 0 else 1
        grid = _residual_block(write, grid, block, stride)
    return grid


def _residual_block(write: GridWriter, grid: Grid, weights: Weights, stride: int) -> Grid:
    strides = (stride, stride)
    residual = grid
    if weights.has("shortcut.weight"):
        residual = write.conv(grid, weights.below("shortcut"), stride=strides)
    update = write.conv(grid, weights.below("conv1"), stride=strides)
    update = write.relu(write.batch_norm(update, weights.below("norm1")))
    update = write.batch_norm(write.conv(update, weights.below("conv2")), weights.below("norm2"))
    return write.relu(write.sum(update, residual))


FEATURES: dict[str, Callable[[GridWriter, Grid, Weights, Options], Grid]] = {
    "gated_grid": gated_grid,
    "plain_cnn": plain_cnn,
    "resnet": resnet,
}
