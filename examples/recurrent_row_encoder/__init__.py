"""Deng's recurrent row encoder, as a --user-dir beside the package: see README.md."""

from __future__ import annotations

from typing import Any

import torch
from fairseq.models import register_model_architecture
from torch import nn

import im2latex_fairseq.plugin  # noqa: F401  (registers the task and the models, as --user-dir names only this folder)
from im2latex_fairseq.models.architectures import im2latex_gconv_base
from im2latex_fairseq.models.image_encoders import PaddingMask, register_image_encoder
from im2latex_fairseq.models.image_encoders.gated_grid import GatedGridEncoder
from im2latex_fairseq.models.image_encoders.masked_norm import ChannelNorm
from im2latex_fairseq.models.image_encoders.plain_cnn import PlainCnnEncoder

from .row_rnn import RowRnn


@register_image_encoder("deng_row_rnn")
class DengRowRnnEncoder(PlainCnnEncoder):
    """The encoder of Deng et al. 2017 (arXiv:1609.04938): their CNN, then a bidirectional LSTM over each row.

    Differs from Deng et al. 2017 in what `PlainCnnEncoder` says, and in the fixed 2-D sinusoid that the base class
    adds to the LSTM's outputs: the decoders here are no LSTMs that could count how far they have come.

    Args:
        embed_dim: C, the decoder's embedding dimension.
        dropout: Dropout on the features.
        decoder_contract: See `ImageEncoder`.
        width_multiplier: Factor on all channel numbers of the CNN (1.0: 64 to 512 channels).
        row_hidden: Units of the LSTM each way.
    """

    def __init__(
        self,
        embed_dim: int = 256,
        dropout: float = 0.1,
        decoder_contract: str = "fconv",
        width_multiplier: float = 1.0,
        row_hidden: int = 256,
    ) -> None:
        super().__init__(embed_dim, dropout, decoder_contract, width_multiplier)
        self.row_rnn = RowRnn(self.feature_channels, row_hidden)

    def extract_features(self, images: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """(B, 1, H, W) -> (B, 512, H / 8, W / 8) at width_multiplier 1."""
        return mask.apply(self.row_rnn(super().extract_features(images, mask), mask))


@register_image_encoder("gated_grid_row_rnn")
class GatedGridRowRnnEncoder(GatedGridEncoder):
    """`gated_grid` with a bidirectional LSTM over each row in place of its gated convolutions, and all else alike.

    The LSTM stands where a gated block would, in the same form: x + dropout(LSTM(norm(x))). The experiment that
    tells what recurrence adds to convolutions, on a trunk that doesn't hold it back.

    Args:
        embed_dim: C, the decoder's embedding dimension.
        dropout: Dropout on the update and on the features.
        decoder_contract: See `ImageEncoder`.
        stem_channels: See `GatedGridEncoder`, as all below but the last.
        grid_channels: Channels of the grid.
        trunk_blocks: Residual blocks at a quarter of the resolution, and again on the grid.
        grid_positions: Add 2-D positions before the LSTM.
        horizontal_stride: Pixels a cell horizontally, 8 or 4.
        vertical_stride: Pixels a cell vertically, 8 or 4.
        output_positions: Add 2-D positions to the features.
        row_hidden: Units of the LSTM each way.
    """

    def __init__(
        self,
        embed_dim: int = 256,
        dropout: float = 0.1,
        decoder_contract: str = "fconv",
        stem_channels: int = 48,
        grid_channels: int = 256,
        trunk_blocks: int = 1,
        grid_positions: bool = True,
        horizontal_stride: int = 8,
        vertical_stride: int = 8,
        output_positions: bool = True,
        row_hidden: int = 256,
    ) -> None:
        super().__init__(
            embed_dim,
            dropout,
            decoder_contract,
            stem_channels,
            grid_channels,
            trunk_blocks,
            grid_blocks="",
            grid_positions=grid_positions,
            horizontal_stride=horizontal_stride,
            vertical_stride=vertical_stride,
            output_positions=output_positions,
        )
        self.row_norm = ChannelNorm(grid_channels)
        self.row_rnn = RowRnn(grid_channels, row_hidden)
        self.row_dropout = nn.Dropout(dropout)

    def extract_features(self, images: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """(B, 1, H, W) -> (B, grid_channels, H / vertical_stride, W / horizontal_stride)."""
        grid = super().extract_features(images, mask)
        update = self.row_rnn(mask.apply(self.row_norm(grid)), mask)
        return mask.apply(grid + self.row_dropout(update))


def _with_encoder(args: Any, name: str) -> None:
    """The gated decoder of `im2latex_gconv_base` behind an encoder; flags of the user win."""
    if getattr(args, "image_encoder", None) is None:
        args.image_encoder = name
    im2latex_gconv_base(args)


@register_model_architecture("im2latex_gconv", "im2latex_gconv_deng_row_rnn")
def im2latex_gconv_deng_row_rnn(args: Any) -> None:
    """The CNN and row encoder of Deng et al. 2017 with the gated decoder."""
    _with_encoder(args, "deng_row_rnn")


@register_model_architecture("im2latex_gconv", "im2latex_gconv_row_rnn")
def im2latex_gconv_row_rnn(args: Any) -> None:
    """`gated_grid`'s trunk and a row encoder with the gated decoder."""
    _with_encoder(args, "gated_grid_row_rnn")
