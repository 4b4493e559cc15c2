"""An encoder of one's own, as a --user-dir beside the package: see README.md."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from fairseq.models import register_model_architecture
from torch import nn

import im2latex_fairseq.plugin  # noqa: F401  (registers the task and the models, as --user-dir names only this folder)
from im2latex_fairseq.models.architectures import im2latex_gconv_tiny
from im2latex_fairseq.models.image_encoders import ImageEncoder, PaddingMask, register_image_encoder


@register_image_encoder("strip_mixer")
class StripMixerEncoder(ImageEncoder):
    """Patches of 8x8 pixels, then depthwise convolutions along rows and columns.

    Args:
        embed_dim: C, the decoder's embedding dimension.
        dropout: Dropout on the features.
        decoder_contract: What the decoder expects of keys and values; the base class sees to it.
        channels: Of the grid, divisible by four.
        blocks: Pairs of a row and a column convolution.
    """

    def __init__(
        self,
        embed_dim: int = 256,
        dropout: float = 0.1,
        decoder_contract: str = "plain",
        channels: int = 64,
        blocks: int = 2,
    ) -> None:
        super().__init__(embed_dim, channels, (8, 8), dropout, decoder_contract)
        self.patches = nn.Conv2d(1, channels, kernel_size=8, stride=8)
        self.rows = nn.ModuleList(
            nn.Conv2d(channels, channels, (1, 9), padding=(0, 4), groups=channels) for _ in range(blocks)
        )
        self.columns = nn.ModuleList(
            nn.Conv2d(channels, channels, (5, 1), padding=(2, 0), groups=channels) for _ in range(blocks)
        )
        self.mixers = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(blocks))

    def extract_features(self, images: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """(B, 1, H, W) -> (B, channels, H / 8, W / 8)."""
        grid = mask.apply(self.patches(images))
        for row, column, mixer in zip(self.rows, self.columns, self.mixers, strict=True):
            # Masked after each layer that has a bias: padding stays zero, as beyond the edge of a picture.
            update = mask.apply(F.relu(row(grid)))
            update = mask.apply(F.relu(column(update)))
            grid = mask.apply(grid + mixer(update))
        return grid


@register_model_architecture("im2latex_gconv", "im2latex_gconv_strip_mixer")
def im2latex_gconv_strip_mixer(args: Any) -> None:
    """The encoder above with the gated decoder of `im2latex_gconv_tiny`; flags of the user win."""
    if getattr(args, "image_encoder", None) is None:
        args.image_encoder = "strip_mixer"
    im2latex_gconv_tiny(args)
