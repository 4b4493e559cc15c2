"""A compact residual trunk, then gated convolutions over the feature grid."""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F
from torch import nn

from im2latex_fairseq.models.image_encoders.base import ImageEncoder, PaddingMask
from im2latex_fairseq.models.image_encoders.masked_norm import ChannelNorm
from im2latex_fairseq.models.image_encoders.registry import register_image_encoder
from im2latex_fairseq.models.positional_encoding import PositionalEncoding2d

_BLOCK_PATTERN = re.compile(r"(\d+)x(\d+)(?:d(\d+))?")


def parse_grid_blocks(text: str) -> list[tuple[int, int, int]]:
    """Parse '1x5,3x3,1x5d3' into (kernel height, kernel width, dilation) triples.

    Raises:
        ValueError: A part is of another form, or a kernel side is even.
    """
    blocks = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _BLOCK_PATTERN.fullmatch(part)
        if match is None:
            raise ValueError(
                f"grid block {part!r} in {text!r}: expected HEIGHTxWIDTH or HEIGHTxWIDTHdDILATION"
            )
        height, width, dilation = int(match[1]), int(match[2]), int(match[3] or 1)
        if height % 2 == 0 or width % 2 == 0 or dilation < 1:
            raise ValueError(f"grid block {part!r} in {text!r}: kernel sides must be odd, dilation positive")
        blocks.append((height, width, dilation))
    return blocks


class PreNormResidual(nn.Module):
    """x + conv(relu(conv(norm(x)))), two 3x3 convolutions (He et al. 2016b, with layer norm)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, grid: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """(B, C, H', W'); shape stays."""
        update = mask.apply(self.norm(grid))
        update = mask.apply(F.relu(self.conv1(update)))
        return mask.apply(grid + self.conv2(update))


class GatedGridBlock(nn.Module):
    """x + dropout(GLU(conv(norm(x)))) over the grid: the gated block of Gehring et al. 2017 in two
    dimensions, with a kernel that may be as wide as a row or as tall as a fraction.

    Args:
        channels: C, stays.
        kernel: (height, width), odd.
        dilation: Of the longer side of the kernel.
        dropout: On the gated result.
    """

    def __init__(self, channels: int, kernel: tuple[int, int], dilation: int, dropout: float) -> None:
        super().__init__()
        dilations = tuple(dilation if side == max(kernel) else 1 for side in kernel)
        padding = tuple(side // 2 * d for side, d in zip(kernel, dilations, strict=True))
        self.norm = ChannelNorm(channels)
        self.conv = nn.Conv2d(channels, 2 * channels, kernel, padding=padding, dilation=dilations)
        self.dropout = nn.Dropout(dropout)

    def forward(self, grid: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """(B, C, H', W'); shape stays."""
        update = F.glu(self.conv(mask.apply(self.norm(grid))), dim=1)
        return mask.apply(grid + self.dropout(update))


def _initialise_convolution(module: nn.Module) -> None:
    """He et al. 2015: the strokes keep their strength through the layers. With torch's default, which lets
    it fall by 2.4 a layer, it takes about a third more pictures until the decoder begins to read."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


@register_image_encoder("gated_grid")
class GatedGridEncoder(ImageEncoder):
    """A residual trunk to a grid of 8x8 pixels a cell, then gated convolution blocks over the grid.

    Dropping the recurrent row encoder costs Deng's model 24 points of image match: here wide, dilated,
    gated convolutions give each cell the context of its row and column instead. All norms are over
    channels of one cell, so training and evaluation, and any padding, give the same.

    Args:
        embed_dim: C, the decoder's embedding dimension.
        dropout: Dropout in the gated blocks and on the features.
        decoder_contract: See `ImageEncoder`.
        stem_channels: Channels at half resolution; twice as many at a quarter.
        grid_channels: Channels of the grid.
        trunk_blocks: Residual blocks at a quarter of the resolution, and again on the grid.
        grid_blocks: The gated blocks, as 'HEIGHTxWIDTH' or 'HEIGHTxWIDTHdDILATION', comma separated.
        grid_positions: Add 2-D positions before the gated blocks (the base class adds them again after).
        horizontal_stride: Pixels a cell horizontally, 8 or 4.
        vertical_stride: Pixels a cell vertically, 8 or 4.
        output_positions: Add 2-D positions to the features; without these and `grid_positions` the decoder
            knows where a cell lies only by what the edges of the picture do to the convolutions.
    """

    def __init__(
        self,
        embed_dim: int = 256,
        dropout: float = 0.1,
        decoder_contract: str = "fconv",
        stem_channels: int = 48,
        grid_channels: int = 256,
        trunk_blocks: int = 1,
        grid_blocks: str = "1x5,3x3,1x5d3",
        grid_positions: bool = True,
        horizontal_stride: int = 8,
        vertical_stride: int = 8,
        output_positions: bool = True,
    ) -> None:
        for name, stride in (("horizontal", horizontal_stride), ("vertical", vertical_stride)):
            if stride not in (4, 8):
                raise ValueError(f"gated_grid: {name}_stride must be 4 or 8, got {stride}")
        stride_px = (vertical_stride, horizontal_stride)
        super().__init__(
            embed_dim, grid_channels, stride_px, dropout, decoder_contract, positions=output_positions
        )
        middle = 2 * stem_channels
        self.stem = nn.Conv2d(4, stem_channels, 3, padding=1)
        self.down1 = nn.Conv2d(stem_channels, middle, 3, stride=2, padding=1)
        self.trunk1 = nn.ModuleList(PreNormResidual(middle) for _ in range(trunk_blocks))
        self.norm1 = ChannelNorm(middle)
        last_stride = (vertical_stride // 4, horizontal_stride // 4)
        self.down2 = nn.Conv2d(middle, grid_channels, 3, stride=last_stride, padding=1)
        self.trunk2 = nn.ModuleList(PreNormResidual(grid_channels) for _ in range(trunk_blocks))
        self.grid_positions = PositionalEncoding2d(grid_channels) if grid_positions else None
        self.grid_blocks = nn.ModuleList(
            GatedGridBlock(grid_channels, (height, width), dilation, dropout)
            for height, width, dilation in parse_grid_blocks(grid_blocks)
        )

        self.apply(_initialise_convolution)
        for block in (*self.trunk1, *self.trunk2):
            nn.init.zeros_(block.conv2.weight)  # each residual block begins as the identity

    def extract_features(self, images: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """(B, 1, H, W) -> (B, grid_channels, H / vertical_stride, W / horizontal_stride)."""
        # Folding 2x2 pixels into channels halves the most expensive resolution at once.
        grid = F.pixel_unshuffle(images, 2)
        if images.device.type == "cpu":
            grid = grid.contiguous(memory_format=torch.channels_last)
        grid = mask.apply(F.relu(self.stem(grid)))
        grid = mask.apply(F.relu(self.down1(grid)))
        for block in self.trunk1:
            grid = block(grid, mask)
        grid = mask.apply(self.down2(mask.apply(self.norm1(grid))))
        for block in self.trunk2:
            grid = block(grid, mask)
        if self.grid_positions is not None:
            grid = mask.apply(self.grid_positions(grid))
        for block in self.grid_blocks:
            grid = block(grid, mask)
        return grid
