"""A residual encoder, as ConvMath has it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from im2latex_fairseq.models.image_encoders.base import ImageEncoder, PaddingMask
from im2latex_fairseq.models.image_encoders.masked_norm import MaskedBatchNorm2d
from im2latex_fairseq.models.image_encoders.registry import register_image_encoder


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut (He et al. 2016, basic block).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Of the first convolution and of the shortcut.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = MaskedBatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = MaskedBatchNorm2d(out_channels)
        self.shortcut: nn.Conv2d | None = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        # Each block starts as the identity (Goyal et al. 2017).
        nn.init.zeros_(self.norm2.weight)

    def forward(self, grid: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """(B, in_channels, H', W') -> (B, out_channels, H' / stride, W' / stride)."""
        residual = grid if self.shortcut is None else self.shortcut(grid)
        grid = F.relu(self.norm1(self.conv1(grid), mask))
        grid = self.norm2(self.conv2(grid), mask)
        return F.relu(grid + residual)


@register_image_encoder("resnet")
class ResnetEncoder(ImageEncoder):
    """Residual blocks in four stages, after the encoder of ConvMath (Yan et al. 2020, arXiv:2012.12619).

    Differs from Yan et al. 2020 in: the fixed 2-D sinusoid of the base class; stages of one or two
    blocks, so that it trains on a CPU.

    Args:
        embed_dim: C, the decoder's embedding dimension.
        dropout: Dropout on the features.
        decoder_contract: See `ImageEncoder`.
        channels: Of the first stage; the others have 2, 4 and 8 times as many.
        blocks: Blocks of each stage.
    """

    def __init__(
        self,
        embed_dim: int = 256,
        dropout: float = 0.1,
        decoder_contract: str = "fconv",
        channels: int = 32,
        blocks: int = 1,
    ) -> None:
        super().__init__(embed_dim, channels * 8, (8, 8), dropout, decoder_contract)
        self.stem = nn.Conv2d(1, channels, 3, stride=2, padding=1, bias=False)
        self.stem_norm = MaskedBatchNorm2d(channels)
        self.blocks = nn.ModuleList()
        in_channels = channels
        for multiplier, stride in ((1, 1), (2, 2), (4, 2), (8, 1)):
            for number in range(blocks):
                out_channels = channels * multiplier
                self.blocks.append(ResidualBlock(in_channels, out_channels, stride if number == 0 else 1))
                in_channels = out_channels

    def extract_features(self, images: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """(B, 1, H, W) -> (B, 8 * channels, H / 8, W / 8)."""
        grid = F.relu(self.stem_norm(self.stem(images), mask))
        for block in self.blocks:
            grid = block(grid, mask)
        return grid
