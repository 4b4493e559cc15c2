"""The contract between image encoders and the decoders, in one place."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from im2latex_fairseq.models.positional_encoding import PositionalEncoding2d

DECODER_CONTRACTS = ("fconv", "plain")


class PaddingMask:
    """Which pixels, and which cells of any coarser grid, belong to the pictures of a padded batch.

    Args:
        sizes: Unpadded (height, width) of each picture, (B, 2) int64, in pixels.
        height: Padded height H of the batch, in pixels.
        width: Padded width W.
    """

    def __init__(self, sizes: torch.Tensor, height: int, width: int) -> None:
        self.sizes = sizes
        self.height = height
        self.width = width
        # One synchronisation a batch decides whether anything needs masking at all.
        self.is_padded = bool((sizes[:, 0] < height).any() or (sizes[:, 1] < width).any())
        self._masks: dict[tuple[int, int], torch.Tensor] = {}

    def cells(self, grid_height: int, grid_width: int) -> torch.Tensor:
        """Boolean (B, H', W'), True on cells of the picture.

        A cell belongs to the picture if any pixel under it does, as a convolution of stride s and
        padding k // 2 has ceil(size / s) outputs.
        """
        key = (grid_height, grid_width)
        if key not in self._masks:
            strides = torch.tensor(
                [math.ceil(self.height / grid_height), math.ceil(self.width / grid_width)],
                device=self.sizes.device,
            )
            cells = (self.sizes + strides - 1) // strides
            rows = torch.arange(grid_height, device=self.sizes.device) < cells[:, :1]
            columns = torch.arange(grid_width, device=self.sizes.device) < cells[:, 1:]
            self._masks[key] = rows[:, :, None] & columns[:, None, :]
        return self._masks[key]

    def apply(self, grid: torch.Tensor) -> torch.Tensor:
        """Set a grid (B, C, H', W') to zero on padding: the next convolution then sees what it would
        see beyond the edge of the picture alone."""
        if not self.is_padded:
            return grid
        return grid * self.cells(*grid.shape[-2:])[:, None].to(grid.dtype)


class _ScaledGradient(torch.autograd.Function):
    """The identity, with the gradient multiplied by a factor: what fairseq calls GradMultiply."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0] * ctx.factor, None


class ImageEncoder(nn.Module):
    """Base class of image encoders: a subclass maps pictures to a feature grid, this class does the rest.

    A subclass calls `super().__init__(...)` with the number of channels of its grid and implements
    `extract_features`. The base class pads pictures to whole cells, adds the 2-D positional encoding,
    normalises, projects to keys and values, masks, and meets the decoder's arithmetic.

    The arithmetic of fairseq's FConvDecoder (Gehring et al. 2017), contract "fconv":

    * Attention multiplies the attended values by sqrt(S), the square root of the number of unmasked
      source positions, on the assumption that it averages S independent rows. A formula has hundreds of
      positions, mostly blank paper and alike, and sharp attention is no average: unscaled, the product
      drowns the decoder's own signal (first losses near 15) and it never learns to look. Values are
      therefore divided by sqrt(S) here, and centred over the picture, so that flat attention adds
      nothing and sharp attention adds a vector of unit variance, whatever the size of the picture.
    * Its logits are `(W x + embedding) . key`, unscaled by 1/sqrt(C). Keys are normalised and multiplied
      by a learned `key_scale`, which starts at `KEY_SCALE / sqrt(C)`: attention starts neither flat nor
      saturated (tested on small and large pictures).
    * It expects the encoder's gradient divided by twice its number of attention layers; the decoder's
      model sets `num_attention_layers`.

    Contract "plain" is for decoders that scale their own logits: keys and values are projections of
    normalised features, without any of these factors.

    No subclass of fairseq's FairseqEncoder, so that pictures can be read without importing fairseq; what
    fairseq calls on an encoder is here.

    Args:
        embed_dim: C, the decoder's embedding dimension.
        feature_channels: Channels of the grid that `extract_features` returns, divisible by four.
        stride: (vertical, horizontal) pixels a cell; pictures are padded to whole cells.
        dropout: Dropout on the normalised features.
        decoder_contract: "fconv" or "plain", see above.
        positions: Add the 2-D positional encoding to the grid.
        ink_only: Mask the cells without ink, as padding is: most of a picture is blank paper, which tells
            a decoder nothing and dilutes its attention, above all before it has learned where to look.
            What lies around a cell is in its features anyway.
    """

    KEY_SCALE = 4.0
    INK = 0.1  # a cell with a darker pixel than this holds ink; quantised paper is 0, the next shade 1/15

    def __init__(
        self,
        embed_dim: int,
        feature_channels: int,
        stride: tuple[int, int],
        dropout: float = 0.1,
        decoder_contract: str = "fconv",
        positions: bool = True,
        ink_only: bool = True,
    ) -> None:
        super().__init__()
        if decoder_contract not in DECODER_CONTRACTS:
            raise ValueError(
                f"decoder_contract must be one of {', '.join(DECODER_CONTRACTS)}, got {decoder_contract!r}"
            )
        self.embed_dim = embed_dim
        self.feature_channels = feature_channels
        self.stride = stride
        self.ink_only = ink_only
        self.decoder_contract = decoder_contract
        self.num_attention_layers: int | None = None
        self.output_positions = PositionalEncoding2d(feature_channels) if positions else None
        self.output_norm = nn.LayerNorm(feature_channels)
        self.output_dropout = nn.Dropout(dropout)
        self.key_projection = nn.Linear(feature_channels, embed_dim)
        self.value_projection = nn.Linear(feature_channels, embed_dim)
        for projection in (self.key_projection, self.value_projection):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)
        if decoder_contract == "fconv":
            self.key_norm = nn.LayerNorm(embed_dim, elementwise_affine=False)
            self.key_scale = nn.Parameter(torch.tensor(self.KEY_SCALE / math.sqrt(embed_dim)))

    def extract_features(self, images: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """Map pictures to a feature grid.

        Args:
            images: (B, 1, H, W) float in [0, 1], 0 = blank paper; H and W are multiples of the stride.
            mask: The extents of the pictures. Apply it after every layer that gives blank paper another
                value than zero (biases, norms), so that padding doesn't leak into the picture.

        Returns:
            (B, feature_channels, H / stride[0], W / stride[1]).
        """
        raise NotImplementedError

    def forward(
        self, src_tokens: torch.Tensor, src_lengths: torch.Tensor | None = None, **unused: Any
    ) -> dict[str, Any]:
        """Encode a batch of formula images.

        Args:
            src_tokens: Images (B, 1, H, W), float32 in [0, 1], 0 = blank paper.
            src_lengths: Unpadded sizes (B, 2), (height, width) in pixels; or widths (B,), the height then
                being that of the batch; or None if nothing is padded.
            **unused: What fairseq passes beside, not used.

        Returns:
            encoder_out: (keys, values), each (B, S, C), batch-first as FConvDecoder needs.
            encoder_padding_mask: (B, S), True on padding and blank paper, or None if there is neither.
            row_ids: (B,), which picture a row shows; lets decoders see that a reordering changes nothing.
            grid_size: (H', W'), S = H' * W' in row-major order.
        """
        images, mask = self._pad_to_cells(src_tokens, src_lengths)
        if images.device.type == "cpu":
            images = images.contiguous(memory_format=torch.channels_last)
        grid = mask.apply(self.extract_features(images, mask))
        grid_height, grid_width = grid.shape[-2:]
        if self.output_positions is not None:
            grid = self.output_positions(grid)
        rows = grid.flatten(2).transpose(1, 2)  # B x C x H' x W' -> B x S x C
        padding = self._unread_cells(images, mask, grid_height, grid_width)
        keys, values = self._keys_and_values(self.output_dropout(self.output_norm(rows)), padding)
        return {
            "encoder_out": (keys, values),
            "encoder_padding_mask": padding,
            "row_ids": torch.arange(len(images), device=images.device),
            "grid_size": (grid_height, grid_width),
        }

    def forward_torchscript(self, net_input: dict[str, Any]) -> dict[str, Any]:
        """Encode the `net_input` of a batch, the tokens of the target left out: fairseq's generator calls this."""
        return self(**{key: value for key, value in net_input.items() if key != "prev_output_tokens"})

    def _pad_to_cells(
        self, images: torch.Tensor, src_lengths: torch.Tensor | None
    ) -> tuple[torch.Tensor, PaddingMask]:
        if images.dim() != 4 or images.shape[1] != 1:
            raise ValueError(f"images must be (B, 1, H, W), got {tuple(images.shape)}")
        batch, _, height, width = images.shape
        strides = torch.tensor(self.stride, device=images.device)
        if src_lengths is None:
            sizes = torch.tensor([[height, width]], device=images.device).expand(batch, 2)
        elif src_lengths.dim() == 1:
            sizes = torch.stack([torch.full_like(src_lengths, height), src_lengths], dim=1)
        else:
            sizes = src_lengths
        # A picture ends with a whole cell, so that alone and in a batch its last cells see the same.
        sizes = (sizes + strides - 1) // strides * strides
        pad_bottom, pad_right = -height % self.stride[0], -width % self.stride[1]
        if pad_bottom or pad_right:
            images = F.pad(images, (0, pad_right, 0, pad_bottom))
        return images, PaddingMask(sizes, height + pad_bottom, width + pad_right)

    def _unread_cells(
        self, images: torch.Tensor, mask: PaddingMask, grid_height: int, grid_width: int
    ) -> torch.Tensor | None:
        """(B, S) bool, True where attention must not go, or None if it may go everywhere."""
        unread = ~mask.cells(grid_height, grid_width).flatten(1)
        if self.ink_only:
            ink = F.adaptive_max_pool2d(images, (grid_height, grid_width)).flatten(1) > self.INK
            blank_picture = ~ink.any(dim=1, keepdim=True)
            unread = unread | ~(ink | blank_picture)
        return unread if bool(unread.any()) else None

    def _keys_and_values(
        self, rows: torch.Tensor, padding: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = self.key_projection(rows), self.value_projection(rows)
        if self.decoder_contract == "fconv":
            keys = self.key_norm(keys.float()) * self.key_scale
            values = values.float()
            if padding is None:
                mean = values.mean(dim=1, keepdim=True)
                scale: float | torch.Tensor = 1.0 / math.sqrt(values.shape[1])
            else:
                count = (~padding).sum(dim=1)[:, None, None]
                mean = values.masked_fill(padding[:, :, None], 0).sum(dim=1, keepdim=True) / count
                scale = count.to(values.dtype).rsqrt()
            values = (values - mean) * scale
            keys, values = keys.to(rows.dtype), values.to(rows.dtype)  # bfloat16 in a model of that type
            if self.num_attention_layers and torch.is_grad_enabled():
                factor = 1.0 / (2.0 * self.num_attention_layers)
                keys, values = _ScaledGradient.apply(keys, factor), _ScaledGradient.apply(values, factor)
        if padding is not None:
            keys = keys.masked_fill(padding[:, :, None], 0)
            values = values.masked_fill(padding[:, :, None], 0)
        return keys, values

    def reorder_encoder_out(self, encoder_out: dict[str, Any], new_order: torch.Tensor) -> dict[str, Any]:
        """Select rows (B,) of a batch, as beam search does.

        Within the beams of a picture all rows are equal; where the order only permutes those, the
        encoder output is returned as it is.
        """
        row_ids = encoder_out["row_ids"]
        new_row_ids = row_ids.index_select(0, new_order)
        if new_row_ids.shape == row_ids.shape and torch.equal(new_row_ids, row_ids):
            return encoder_out
        keys, values = encoder_out["encoder_out"]
        padding = encoder_out["encoder_padding_mask"]
        return {
            **encoder_out,
            "encoder_out": (keys.index_select(0, new_order), values.index_select(0, new_order)),
            "encoder_padding_mask": None if padding is None else padding.index_select(0, new_order),
            "row_ids": new_row_ids,
        }

    def max_positions(self) -> int:
        """Images have no limit in positions: sizes are limited when data is prepared."""
        return 10**9
