"""fairseq's `FConvDecoder`, one step at a time, its weight norm folded in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F

from im2latex_fairseq.decoding.affine import Affine, layer_count, unnormed
from im2latex_fairseq.decoding.causal_window import CausalWindows
from im2latex_fairseq.decoding.linear_map import DTYPES, AnyLinearMap, LinearMap, map_if_there, map_in
from im2latex_fairseq.decoding.picture_attention import PictureAttention
from im2latex_fairseq.decoding.picture_memory import PictureMemory
from im2latex_fairseq.decoding.stepper import StepperState, check_finite

_HALF = math.sqrt(0.5)  # keeps the variance of a sum of two (Gehring et al. 2017)


class _Layer(NamedTuple):
    conv: Affine  # (2 * out, k * in)
    query: Affine | None  # None, as the one below, in a layer that doesn't attend
    output: Affine | None
    projection: Affine | None  # of a residual that has another width
    residual: int  # layers back; 0: none


class _ReadyLayer(NamedTuple):
    conv: AnyLinearMap
    query: AnyLinearMap | None
    output: AnyLinearMap | None
    projection: AnyLinearMap | None
    residual: int


class FConvStepper:
    """The arithmetic of `fairseq.models.fconv.FConvDecoder`, for one token of each row.

    The factors that it applies at each step to what doesn't change are applied once: sqrt(0.5) to the keys,
    sqrt(S), S the cells that a picture has to read, to the values.

    Args:
        embeddings: (V, C).
        positions: (T, C), that of the first token first.
        input_projection: fc1.
        layers: In their order.
        bottleneck: fc2.
        output: fc3.
    """

    def __init__(
        self,
        embeddings: torch.Tensor,
        positions: torch.Tensor,
        input_projection: Affine,
        layers: list[_Layer],
        bottleneck: Affine,
        output: Affine,
    ) -> None:
        self.vocabulary_size = len(embeddings)
        self.max_positions = len(positions)
        self._embeddings = embeddings
        self._positions = positions
        self._layers = layers
        self._input_projection = input_projection
        self._ready: dict[str, tuple[list[_ReadyLayer], AnyLinearMap]] = {}
        self._bottleneck = LinearMap(bottleneck)
        self._output = LinearMap(output)

    @classmethod
    def from_weights(
        cls, weights: Mapping[str, torch.Tensor], pad: int, residuals: Sequence[int] | None = None
    ) -> FConvStepper:
        """Of the decoder's state dict.

        Args:
            weights: By their names in `FConvDecoder`, with weight norm or without.
            pad: The dictionary's padding index: positions are counted from it on.
            residuals: How many layers back each layer's residual lies, 0 for none; None: 1 for all.

        Raises:
            KeyError: A weight is missing: one with adaptive softmax, say.
            ValueError: The weights aren't finite.
        """
        weights = {name: tensor.detach().float() for name, tensor in weights.items()}
        for name, tensor in weights.items():
            check_finite(name, tensor)
        count = layer_count(weights, "convolutions.")
        residuals = [1] * count if residuals is None else list(residuals)
        return cls(
            weights["embed_tokens.weight"],
            # Step t reads row pad + 1 + t.
            weights["embed_positions.weight"][pad + 1 :],
            _linear(weights, "fc1"),
            [_layer(weights, number, residuals[number]) for number in range(count)],
            _linear(weights, "fc2"),
            _linear(weights, "fc3"),
        )

    def begin(self, memory: PictureMemory, beams: int, precision: str, attention: bool) -> StepperState:
        """See `DecoderStepper.begin`."""
        dtype = DTYPES[precision]
        spread = torch.from_numpy(memory.counts).to(memory.values).sqrt()[:, None, None]
        pictures = PictureAttention(
            (memory.keys * _HALF).to(dtype), (memory.values * spread).to(dtype), memory.counts, 1, beams
        )
        widths = []
        channels = len(self._input_projection.weight)
        for layer in self._layers:
            widths.append(layer.conv.weight.shape[1] // channels)
            channels = len(layer.conv.weight) // 2
        return StepperState(CausalWindows(widths), pictures, precision, attention)

    def _layers_in(self, precision: str) -> tuple[list[_ReadyLayer], AnyLinearMap]:
        if precision not in self._ready:
            layers = [
                _ReadyLayer(
                    map_in(layer.conv, precision),
                    map_if_there(layer.query, precision),
                    map_if_there(layer.output, precision),
                    map_if_there(layer.projection, precision),
                    layer.residual,
                )
                for layer in self._layers
            ]
            self._ready[precision] = layers, map_in(self._input_projection, precision)
        return self._ready[precision]

    def step(self, state: StepperState, tokens: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        """See `DecoderStepper.step`."""
        layers, input_projection = self._layers_in(state.precision)
        target = self._embeddings.index_select(0, tokens)
        target += self._positions[state.position]
        state.position += 1
        dtype = DTYPES[state.precision]
        x = input_projection(target.to(dtype)).float()
        outputs = [x]
        looked: list[torch.Tensor] = []
        for number, layer in enumerate(layers):
            x = F.glu(layer.conv(state.windows.push(number, x.to(dtype), rows)), dim=1).float()
            if layer.query is not None and layer.output is not None:
                query = layer.query(x.to(dtype)) + target
                attended, weights = state.pictures.attend(query.to(dtype))
                x = (layer.output(attended) + x) * _HALF
                if state.record:
                    looked.append(weights.float().mean(dim=1).flatten(0, 1))
            if layer.residual:
                residual = outputs[-layer.residual]
                if layer.projection is not None:
                    residual = layer.projection(residual.to(dtype))
                x = (x + residual) * _HALF
            outputs.append(x)
        if state.record and looked:
            state.attention = torch.stack(looked).sum(dim=0) / len(layers)
        return self._output(self._bottleneck(x))


def _linear(weights: Mapping[str, torch.Tensor], name: str) -> Affine:
    return Affine(unnormed(weights, name, 0), weights[f"{name}.bias"])


def _layer(weights: Mapping[str, torch.Tensor], number: int, residual: int) -> _Layer:
    conv = f"convolutions.{number}"
    # k x in x out -> out x k x in -> out x (k * in): a linear map of the tokens under the kernel
    kernel = unnormed(weights, conv, 2).permute(2, 0, 1).flatten(1).contiguous()
    attends = f"attention.{number}.in_projection.bias" in weights
    return _Layer(
        conv=Affine(kernel, weights[f"{conv}.bias"]),
        query=_linear(weights, f"attention.{number}.in_projection") if attends else None,
        output=_linear(weights, f"attention.{number}.out_projection") if attends else None,
        projection=_linear(weights, f"projections.{number}")
        if f"projections.{number}.bias" in weights
        else None,
        residual=residual,
    )
