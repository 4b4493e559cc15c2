"""A convolutional decoder of our own: pre-norm gated convolutions, multi-head attention in each layer."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import torch
import torch.nn.functional as F
from fairseq import utils
from fairseq.data import Dictionary
from fairseq.models import FairseqIncrementalDecoder
from torch import nn

from im2latex_fairseq.decoding.gated_conv_stepper import GatedConvStepper
from im2latex_fairseq.models.positional_encoding import sinusoid_1d

IncrementalState = dict[str, dict[str, torch.Tensor | None]]


class GatedConvDecoderLayer(nn.Module):
    """One causal gated convolution and one attention over the picture, each pre-norm and residual.

    Args:
        embed_dim: C.
        kernel_width: Tokens that a convolution sees: its own and those before it.
        heads: Attention heads, dividing C.
        dropout: On both updates.
        attends: False leaves the attention out, and its weights.
    """

    def __init__(
        self, embed_dim: int, kernel_width: int, heads: int, dropout: float, attends: bool = True
    ) -> None:
        super().__init__()
        self.attends = attends
        self.heads = heads
        self.kernel_width = kernel_width
        self.conv_norm = nn.LayerNorm(embed_dim)
        # A linear map of kernel_width neighbouring tokens is the convolution, in training and step by step.
        self.conv = nn.Linear(kernel_width * embed_dim, 2 * embed_dim)
        self.dropout = nn.Dropout(dropout)
        if not attends:
            return
        self.attention_norm = nn.LayerNorm(embed_dim)
        self.query = nn.Linear(embed_dim, embed_dim)
        self.output = nn.Linear(embed_dim, embed_dim)
        # Queries and keys of unit variance: attention is not flat at the start.
        nn.init.xavier_uniform_(self.query.weight)
        nn.init.zeros_(self.query.bias)

    def forward(
        self,
        x: torch.Tensor,
        history: torch.Tensor | None,
        keys: torch.Tensor,
        values: torch.Tensor,
        bias: torch.Tensor | None,
        need_attention: bool,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Advance by T tokens.

        Args:
            x: (B, T, C).
            history: Normalised inputs of the kernel_width - 1 tokens before, (B, kernel_width - 1, C);
                None at the beginning, where they are zero.
            keys: (B * heads, S, C / heads).
            values: (B * heads, S, C / heads).
            bias: (B, 1, 1, S), minus infinity on padding, or None.
            need_attention: Return the attention weights too.

        Returns:
            (B, T, C); the history for the next tokens; attention (B, T, S), the mean of the heads, or None
            where nobody asked or the layer has none.
        """
        length = x.shape[1]
        window = self.conv_norm(x)
        if history is None:
            window = F.pad(window, (0, 0, self.kernel_width - 1, 0))
        else:
            window = torch.cat([history.to(window.dtype), window], dim=1)
        new_history = window[:, length:]
        # B x (T + k - 1) x C -> B x T x (k * C): the tokens under each kernel side by side
        stacked = torch.cat([window[:, k : k + length] for k in range(self.kernel_width)], dim=2)
        x = x + self.dropout(F.glu(self.conv(stacked), dim=2))
        if not self.attends:
            return x, new_history, None
        attended, weights = self._attend(x, keys, values, bias)
        return (
            x + self.dropout(self.output(attended.to(x.dtype))),
            new_history,
            weights.mean(dim=1) if need_attention else None,
        )

    def _attend(
        self, x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the tokens (B, T, C) see of the picture, (B, T, C), and their attention (B, heads, T, S)."""
        batch, length, channels = x.shape
        # B x T x C -> (B * heads) x T x C/heads. Written out: on CPUs torch's fused attention takes 1.7
        # times as long, forward and backward.
        query = self.query(self.attention_norm(x)).view(batch, length, self.heads, -1).transpose(1, 2)
        query = query.reshape(batch * self.heads, length, -1)
        scores = torch.bmm(query, keys.transpose(1, 2).to(query.dtype)) * query.shape[-1] ** -0.5
        scores = scores.view(batch, self.heads, length, -1)
        weights = (scores if bias is None else scores + bias.to(scores.dtype)).softmax(dim=-1)
        attended = torch.bmm(weights.flatten(0, 1).to(values.dtype), values)
        # (B * heads) x T x C/heads -> B x T x C
        attended = (
            attended.view(batch, self.heads, length, -1).transpose(1, 2).reshape(batch, length, channels)
        )
        return attended, weights


class GatedConvDecoder(FairseqIncrementalDecoder):
    """Gated causal convolutions as in Gehring et al. 2017, in the pre-norm residual form.

    Differs from Gehring et al. 2017 (fairseq's FConvDecoder) in: layer norm before each update instead of
    weight norm and sqrt(0.5) after it; several attention heads, scaled by 1 / sqrt(C / heads), without
    the factor sqrt(S); target embeddings are not added to the queries again in each layer; input and
    output embeddings are shared. The keys and values are the same for all layers, as there, so that a
    step of beam search keeps one copy of them.

    Args:
        dictionary: Of the target tokens, V entries.
        embed_dim: C, the same as the encoder's.
        layers: Number of layers.
        kernel_width: Of each convolution, in tokens.
        heads: Attention heads, dividing C.
        dropout: On embeddings and updates.
        max_positions: Longest target, in tokens.
        attention_layers: Numbers, from 0, of the layers that attend to the picture; None: all of them.

    Raises:
        ValueError: The heads don't divide C, or no layer or one that there isn't is to attend.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        embed_dim: int = 256,
        layers: int = 6,
        kernel_width: int = 3,
        heads: int = 4,
        dropout: float = 0.1,
        max_positions: int = 512,
        attention_layers: Collection[int] | None = None,
    ) -> None:
        super().__init__(dictionary)
        if embed_dim % heads:
            raise ValueError(f"decoder_embed_dim {embed_dim} must be divisible by decoder_heads {heads}")
        attending = set(range(layers) if attention_layers is None else attention_layers)
        if not attending or not attending <= set(range(layers)):
            raise ValueError(
                f"decoder_attention_layers {sorted(attending)}: name at least one of the layers 0 to {layers - 1}"
            )
        self.embed_dim = embed_dim
        self.heads = heads
        self.kernel_width = kernel_width
        self.target_positions = max_positions
        self.need_attention = False
        self.embed_tokens = nn.Embedding(len(dictionary), embed_dim, dictionary.pad())
        self.embed_positions = nn.Embedding(max_positions, embed_dim)
        self.layers = nn.ModuleList(
            GatedConvDecoderLayer(embed_dim, kernel_width, heads, dropout, number in attending)
            for number in range(layers)
        )
        self.output_norm = nn.LayerNorm(embed_dim)
        self.output_bias = nn.Parameter(torch.zeros(len(dictionary)))
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.embed_tokens.weight, std=embed_dim**-0.5)
        nn.init.zeros_(self.embed_tokens.weight[dictionary.pad()])
        # Learned, but beginning as a sinusoid of the strength of the tokens: how far the formula has come
        # is then the first thing that queries know, and looking further right with it is quickly learned.
        with torch.no_grad():
            self.embed_positions.weight.copy_(sinusoid_1d(max_positions, embed_dim))

    def forward(
        self,
        prev_output_tokens: torch.Tensor,
        encoder_out: dict[str, Any] | None = None,
        incremental_state: IncrementalState | None = None,
        **unused: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Score the next token after each prefix.

        Args:
            prev_output_tokens: (B, T) int64, beginning with eos as fairseq has it.
            encoder_out: What `ImageEncoder.forward` returns.
            incremental_state: fairseq's dictionary for decoding step by step; only the last token is read
                when it holds the tokens before.
            **unused: What fairseq passes beside, not used.

        Returns:
            Logits (B, T, V), or (B, 1, V) with incremental state; attention (B, T, S), the mean over
            heads and attending layers, in evaluation where `need_attention` is set, else None.
        """
        if encoder_out is None:
            raise ValueError("GatedConvDecoder needs the encoder's output")
        keys, values, bias = self._picture(encoder_out)
        position = 0
        histories: torch.Tensor | None = None
        if incremental_state is not None:
            position = prev_output_tokens.shape[1] - 1
            prev_output_tokens = prev_output_tokens[:, -1:]
            histories = utils.get_incremental_state(self, incremental_state, "histories")
        length = prev_output_tokens.shape[1]
        if position + length > self.target_positions:
            raise ValueError(
                f"{position + length} target tokens, but the model has {self.target_positions} positions; "
                "decode with a smaller --max-len-b or train with a larger --max-target-positions"
            )
        # sqrt(C) brings tied embeddings of variance 1/C to variance 1 (Vaswani et al. 2017)
        x = self.embed_tokens(prev_output_tokens) * math.sqrt(self.embed_dim)
        x = self.dropout(x + self.embed_positions.weight[position : position + length])

        need_attention = self.need_attention and not self.training
        new_histories: list[torch.Tensor] = []
        all_weights: list[torch.Tensor] = []
        for number, layer in enumerate(self.layers):
            history = None if histories is None else histories[:, number]
            x, new_history, weights = layer(x, history, keys, values, bias, need_attention)
            new_histories.append(new_history)
            if weights is not None:
                all_weights.append(weights)
        if incremental_state is not None:
            # B x layers x (k - 1) x C: one tensor, so that beam search reorders once
            utils.set_incremental_state(self, incremental_state, "histories", torch.stack(new_histories, 1))
        logits = F.linear(self.output_norm(x), self.embed_tokens.weight, self.output_bias)
        return logits, torch.stack(all_weights).mean(0) if need_attention else None

    def _picture(self, encoder_out: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Keys and values by head, each (B * heads, S, C / heads), and the additive mask (B, 1, 1, S) or None."""
        keys, values = encoder_out["encoder_out"]
        batch, source_length, _ = keys.shape
        # B x S x C -> (B * heads) x S x C/heads
        keys, values = (
            rows.view(batch, source_length, self.heads, -1)
            .transpose(1, 2)
            .reshape(batch * self.heads, source_length, -1)
            for rows in (keys, values)
        )
        padding = encoder_out["encoder_padding_mask"]
        bias = None
        if padding is not None:
            bias = torch.zeros(padding.shape, dtype=keys.dtype, device=keys.device)
            bias = bias.masked_fill(padding, float("-inf"))[:, None, None, :]
        return keys, values, bias

    def reorder_incremental_state(self, incremental_state: IncrementalState, new_order: torch.Tensor) -> None:
        """Select rows (B,) of the state, as beam search does."""
        histories = utils.get_incremental_state(self, incremental_state, "histories")
        if histories is not None:
            utils.set_incremental_state(
                self, incremental_state, "histories", histories.index_select(0, new_order)
            )

    def stepper(self) -> GatedConvStepper | None:
        """This decoder's arithmetic prepared for decoding step by step; None of a subclass that computes otherwise."""
        if type(self).forward is not GatedConvDecoder.forward:
            return None
        return GatedConvStepper.from_weights(
            dict(self.named_parameters(remove_duplicate=False)), self.heads, self.kernel_width
        )

    def max_positions(self) -> int:
        """Longest target, in tokens."""
        return self.target_positions

    def make_generation_fast_(self, need_attn: bool = False, **unused: Any) -> None:
        """fairseq calls this before generation, and says whether attention weights are wanted."""
        self.need_attention = need_attn
