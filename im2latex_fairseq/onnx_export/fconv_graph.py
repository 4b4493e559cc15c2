"""One step of fairseq's FConvDecoder (Gehring et al. 2017) as an ONNX graph."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from im2latex_fairseq.onnx_export.decoder_step import DecoderStep
from im2latex_fairseq.onnx_export.graph_builder import GraphBuilder, KernelStorage
from im2latex_fairseq.onnx_export.weights import Weights

# fairseq counts positions from the padding index, 1, on: the first token has 2.
FIRST_POSITION = 2


def fconv_graph(
    weights: Weights, residuals: Sequence[int], kernels: KernelStorage = "half"
) -> onnx.ModelProto:
    """Write the graph; `DecoderStep` says what goes in and comes out.

    Args:
        weights: Of the decoder, with its weight norm or folded.
        residuals: For each layer, how many layers back its residual comes from; 0 for none.
        kernels: See `GraphBuilder`.

    Raises:
        ValueError: A weight is missing, or the numbers don't fit it.
    """
    graph = GraphBuilder("fairseq's convolutional decoder, one step", kernels)
    convolutions = [_folded(part, axes=(0, 1)) for part in weights.parts("convolutions")]
    if len(residuals) != len(convolutions):
        raise ValueError(
            f"the decoder has {len(convolutions)} layers, but {len(residuals)} residuals are given"
        )
    embeddings = weights.array("embed_tokens.weight")
    step = DecoderStep(graph, 1, embeddings.shape[1], [(len(k) - 1) * k.shape[1] for k in convolutions])
    places = graph.weight(weights.name("embed_positions.weight"), weights.array("embed_positions.weight"))
    table = graph.weight(weights.name("embed_tokens.weight"), embeddings)
    embedded = graph.add("Gather", table, step.tokens, axis=0)
    position = graph.add("Add", step.position, graph.integer(FIRST_POSITION))
    embedded = graph.add("Add", embedded, graph.add("Gather", places, position, axis=0))

    x = _linear(step, embedded, weights.below("fc1"))
    earlier = [x]
    for number, (kernel, back) in enumerate(zip(convolutions, residuals, strict=True)):
        residual = _residual(step, earlier, back, weights.below("projections", number))
        window = step.causal_window(x, number, kernel.shape[1])
        part = weights.below("convolutions", number)
        # k x in x out -> (k * in) x out
        matrix = kernel.reshape(-1, kernel.shape[2])
        x = step.gated(step.linear(window, part.name("linear"), matrix, part.array("bias")))
        attention = weights.below("attention", number)
        if attention.has("in_projection.bias"):
            x = _attention(step, x, embedded, attention)
        if residual is not None:
            x = _mean(graph, x, residual)
        earlier.append(x)
    x = _linear(step, x, weights.below("fc2"))
    return step.model(_linear(step, x, weights.below("fc3")), len(embeddings))


def _residual(step: DecoderStep, earlier: list[str], back: int, projection: Weights) -> str | None:
    if back == 0:
        return None
    residual = earlier[-back]
    return _linear(step, residual, projection) if projection.has("bias") else residual


def _attention(step: DecoderStep, x: str, embedded: str, weights: Weights) -> str:
    graph = step.graph
    queries = _mean(graph, _linear(step, x, weights.below("in_projection")), embedded)
    attended = step.attended(queries)  # the factor sqrt(S) is in the values: see encoder_graph
    return _mean(graph, _linear(step, attended, weights.below("out_projection")), x)


def _mean(graph: GraphBuilder, first: str, second: str) -> str:
    """Their sum times sqrt(0.5), which keeps the variance."""
    return graph.add("Mul", graph.add("Add", first, second), graph.number(math.sqrt(0.5)))


def _linear(step: DecoderStep, x: str, weights: Weights) -> str:
    return step.linear(x, weights.name("linear"), _folded(weights, axes=(1,)).T, weights.array("bias"))


def _folded(weights: Weights, axes: tuple[int, ...]) -> NDArray[np.float32]:
    """A weight without its weight norm (Salimans & Kingma 2016): g * v / |v|, the norm over some axes."""
    if weights.has("weight"):
        return weights.array("weight")
    direction = weights.array("weight_v")
    norm = np.sqrt(np.square(direction, dtype=np.float64).sum(axis=axes, keepdims=True))
    folded: NDArray[np.float32] = (weights.array("weight_g") * (direction / norm)).astype(np.float32)
    return folded
