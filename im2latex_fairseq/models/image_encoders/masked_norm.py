"""Normalisation layers that padding does not reach."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from im2latex_fairseq.models.image_encoders.base import PaddingMask


class MaskedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm whose statistics are taken over the cells of the pictures, not over padding.

    Without padding, and in evaluation, it is `nn.BatchNorm2d` (Ioffe & Szegedy 2015). Padding is zero
    in the result.
    """

    def forward(self, grid: torch.Tensor, mask: PaddingMask) -> torch.Tensor:  # type: ignore[override]
        """Normalise (B, C, H', W'); shape and dtype stay."""
        if not self.training or not mask.is_padded:
            return mask.apply(super().forward(grid))
        inside = mask.cells(*grid.shape[-2:])[:, None].to(torch.float32)
        count = inside.sum().clamp(min=1.0)
        values = grid.float()
        mean = (values * inside).sum(dim=(0, 2, 3)) / count
        centred = (values - mean[:, None, None]) * inside
        variance = centred.square().sum(dim=(0, 2, 3)) / count
        if self.track_running_stats:
            with torch.no_grad():
                momentum = self.momentum if self.momentum is not None else 0.1
                assert self.running_mean is not None and self.running_var is not None
                self.running_mean.lerp_(mean, momentum)
                self.running_var.lerp_(variance * count / (count - 1).clamp(min=1.0), momentum)
                if self.num_batches_tracked is not None:
                    self.num_batches_tracked += 1
        scale = (variance + self.eps).rsqrt() * self.weight
        result = centred * scale[:, None, None] + self.bias[:, None, None] * inside
        return result.to(grid.dtype)


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each cell (Ba et al. 2016, as in ConvNeXt, Liu et al. 2022).

    A cell's result depends on that cell alone: the same in training and evaluation, alone and in a
    padded batch.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps=eps)

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        """Normalise (B, C, H', W'); shape and dtype stay."""
        # B x C x H' x W' -> B x H' x W' x C: no copy where the memory is channels_last
        cells = F.layer_norm(
            grid.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps
        )
        return cells.permute(0, 3, 1, 2).to(grid.dtype)
