"""The CNN of Deng et al. 2017 without its recurrent row encoder: the baseline."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from im2latex_fairseq.models.image_encoders.base import ImageEncoder, PaddingMask
from im2latex_fairseq.models.image_encoders.masked_norm import MaskedBatchNorm2d
from im2latex_fairseq.models.image_encoders.registry import register_image_encoder

# (output channels, batch norm, pooling after it as (vertical, horizontal)), from the first to the last layer
LAYERS = (
    (64, False, (2, 2)),
    (128, False, (2, 2)),
    (256, True, (1, 1)),
    (256, False, (2, 1)),
    (512, True, (1, 2)),
    (512, True, (1, 1)),
)


@register_image_encoder("plain_cnn")
class PlainCnnEncoder(ImageEncoder):
    """Six 3x3 convolutions with max pooling, table 1 of Deng et al. 2017 (arXiv:1609.04938).

    Differs from Deng et al. 2017 in: no recurrent row encoder and so no learned row start states; the
    fixed 2-D sinusoid of the base class instead; ReLU before pooling kept, input in [0, 1] and not
    shifted by its mean.

    Args:
        embed_dim: C, the decoder's embedding dimension.
        dropout: Dropout on the features.
        decoder_contract: See `ImageEncoder`.
        width_multiplier: Factor on all channel numbers (1.0: 64 to 512 channels).
    """

    def __init__(
        self,
        embed_dim: int = 256,
        dropout: float = 0.1,
        decoder_contract: str = "fconv",
        width_multiplier: float = 1.0,
    ) -> None:
        # 2-D positions need a multiple of four, channels_last kernels like eight.
        channels = [max(8, int(c * width_multiplier) // 8 * 8) for c, _, _ in LAYERS]
        super().__init__(embed_dim, channels[-1], (8, 8), dropout, decoder_contract)
        self.convolutions = nn.ModuleList()
        self.norms = nn.ModuleList()
        in_channels = 1
        for out_channels, (_, has_norm, _) in zip(channels, LAYERS, strict=True):
            convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=not has_norm)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")  # He et al. 2015
            self.convolutions.append(convolution)
            self.norms.append(MaskedBatchNorm2d(out_channels) if has_norm else nn.Identity())
            in_channels = out_channels

    def extract_features(self, images: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """(B, 1, H, W) -> (B, 512, H / 8, W / 8) at width_multiplier 1."""
        grid = images
        for convolution, norm, (_, has_norm, pooling) in zip(
            self.convolutions, self.norms, LAYERS, strict=True
        ):
            grid = convolution(grid)
            grid = F.relu(norm(grid, mask) if has_norm else grid)
            if pooling != (1, 1):
                grid = F.max_pool2d(grid, pooling)
            grid = mask.apply(grid)
        return grid
