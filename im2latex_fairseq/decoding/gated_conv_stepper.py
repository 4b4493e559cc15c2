"""`GatedConvDecoder`, one step at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F

from im2latex_fairseq.decoding.affine import Affine, affine_of, layer_count
from im2latex_fairseq.decoding.causal_window import CausalWindows
from im2latex_fairseq.decoding.linear_map import DTYPES, AnyLinearMap, LinearMap, map_if_there, map_in
from im2latex_fairseq.decoding.picture_attention import PictureAttention
from im2latex_fairseq.decoding.picture_memory import PictureMemory
from im2latex_fairseq.decoding.stepper import StepperState, check_finite


class _Layer(NamedTuple):
    conv_norm: Affine
    conv: Affine
    attention_norm: Affine | None  # None, as the two below, in a layer that doesn't attend
    query: Affine | None
    output: Affine | None


class _ReadyLayer(NamedTuple):
    conv_norm: Affine
    conv: AnyLinearMap
    attention_norm: Affine | None
    query: AnyLinearMap | None
    output: AnyLinearMap | None


class GatedConvStepper:
    """The arithmetic of `GatedConvDecoder`, for one token of each row.

    Args:
        embeddings: (V, C), of input and output.
        positions: (T, C).
        layers: In their order.
        output_norm: Of the last layer's output.
        output_bias: (V,).
        heads: Attention heads, dividing C.
    """

    def __init__(
        self,
        embeddings: torch.Tensor,
        positions: torch.Tensor,
        layers: list[_Layer],
        output_norm: Affine,
        output_bias: torch.Tensor,
        heads: int,
    ) -> None:
        self.vocabulary_size, channels = embeddings.shape
        self.max_positions = len(positions)
        self._channels = channels
        self._heads = heads
        self._inputs = embeddings * math.sqrt(channels)
        self._positions = positions
        self._layers = layers
        self._ready: dict[str, list[_ReadyLayer]] = {}
        self._output_norm = output_norm
        self._output = LinearMap(Affine(embeddings, output_bias))

    @classmethod
    def from_weights(
        cls, weights: Mapping[str, torch.Tensor], heads: int, kernel_width: int | None = None
    ) -> GatedConvStepper:
        """Of the decoder's state dict.

        Args:
            weights: By their names in `GatedConvDecoder`; tensors in float32 are used as they are, not copied.
            heads: Attention heads.
            kernel_width: Checked against the weights if given.

        Raises:
            KeyError: A weight is missing.
            ValueError: The weights are of another shape than heads or kernel width say, or aren't finite.
        """
        weights = {name: tensor.detach().float() for name, tensor in weights.items()}
        for name, tensor in weights.items():
            check_finite(name, tensor)
        channels = weights["embed_tokens.weight"].shape[1]
        if channels % heads:
            raise ValueError(f"{channels} channels can't be divided among {heads} heads")
        layers = [
            _layer(weights, f"layers.{number}.", channels // heads)
            for number in range(layer_count(weights, "layers."))
        ]
        for number, layer in enumerate(layers):
            width = layer.conv.weight.shape[1] // channels
            if kernel_width not in (None, width):
                raise ValueError(f"kernel_width {kernel_width}, but layer {number} has one of {width} tokens")
        return cls(
            weights["embed_tokens.weight"],
            weights["embed_positions.weight"],
            layers,
            affine_of(weights, "output_norm"),
            weights["output_bias"],
            heads,
        )

    def begin(self, memory: PictureMemory, beams: int, precision: str, attention: bool) -> StepperState:
        """See `DecoderStepper.begin`."""
        dtype = DTYPES[precision]
        widths = [layer.conv.weight.shape[1] // self._channels for layer in self._layers]
        pictures = PictureAttention(
            memory.keys.to(dtype), memory.values.to(dtype), memory.counts, self._heads, beams
        )
        return StepperState(CausalWindows(widths), pictures, precision, attention)

    def _layers_in(self, precision: str) -> list[_ReadyLayer]:
        if precision not in self._ready:
            self._ready[precision] = [
                _ReadyLayer(
                    layer.conv_norm,
                    map_in(layer.conv, precision),
                    layer.attention_norm,
                    map_if_there(layer.query, precision),
                    map_if_there(layer.output, precision),
                )
                for layer in self._layers
            ]
        return self._ready[precision]

    def step(self, state: StepperState, tokens: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        """See `DecoderStepper.step`."""
        x = self._inputs.index_select(0, tokens)
        x += self._positions[state.position]
        state.position += 1
        looked: list[torch.Tensor] = []
        for number, layer in enumerate(self._layers_in(state.precision)):
            dtype = layer.conv.dtype
            under_kernel = state.windows.push(number, layer.conv_norm.normalise(x).to(dtype), rows)
            # x stays in float32, the products are added to it
            x += F.glu(layer.conv(under_kernel), dim=1)
            if layer.query is None or layer.output is None or layer.attention_norm is None:
                continue
            query = layer.query(layer.attention_norm.normalise(x).to(dtype))
            attended, weights = state.pictures.attend(query)
            x += layer.output(attended)
            if state.record:
                looked.append(weights.float().mean(dim=1).flatten(0, 1))
        if state.record:
            state.attention = torch.stack(looked).mean(dim=0)
        return self._output(self._output_norm.normalise(x))


def _layer(weights: Mapping[str, torch.Tensor], prefix: str, head_channels: int) -> _Layer:
    conv_norm, conv = affine_of(weights, f"{prefix}conv_norm"), affine_of(weights, f"{prefix}conv")
    if f"{prefix}query.weight" not in weights:
        return _Layer(conv_norm, conv, None, None, None)
    return _Layer(
        conv_norm,
        conv,
        affine_of(weights, f"{prefix}attention_norm"),
        # The scale of the logits, 1 / sqrt(C / heads), once and for all.
        affine_of(weights, f"{prefix}query").scaled(head_channels**-0.5),
        affine_of(weights, f"{prefix}output"),
    )
