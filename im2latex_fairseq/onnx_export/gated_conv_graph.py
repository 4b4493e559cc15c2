"""One step of `models.gated_conv_decoder.GatedConvDecoder` as an ONNX graph."""

from __future__ import annotations

import math

import onnx

from im2latex_fairseq.onnx_export.decoder_step import DecoderStep
from im2latex_fairseq.onnx_export.graph_builder import GraphBuilder, KernelStorage
from im2latex_fairseq.onnx_export.weights import Weights


def gated_conv_graph(weights: Weights, heads: int, kernels: KernelStorage = "half") -> onnx.ModelProto:
    """Write the graph; `DecoderStep` says what goes in and comes out.

    Args:
        weights: Of the decoder.
        heads: Attention heads.
        kernels: See `GraphBuilder`.

    Raises:
        ValueError: A weight is missing.
    """
    graph = GraphBuilder("gated convolutional decoder, one step", kernels)
    embeddings = weights.array("embed_tokens.weight")
    size, channels = embeddings.shape
    layers = weights.parts("layers")
    widths = [layer.array("conv.weight").shape[1] - channels for layer in layers]
    step = DecoderStep(graph, heads, channels // heads, widths)

    table = graph.weight(weights.name("embed_tokens.weight"), embeddings)
    places = graph.weight(weights.name("embed_positions.weight"), weights.array("embed_positions.weight"))
    x = graph.add("Mul", graph.add("Gather", table, step.tokens, axis=0), graph.number(math.sqrt(channels)))
    x = graph.add("Add", x, graph.add("Gather", places, step.position, axis=0))
    for number, layer in enumerate(layers):
        x = _layer(step, x, number, layer, channels)
    x = _norm(graph, x, weights.below("output_norm"))
    bias = graph.weight(weights.name("output_bias"), weights.array("output_bias"))
    return step.model(graph.add("Gemm", x, table, bias, transB=1), size)


def _layer(step: DecoderStep, x: str, number: int, weights: Weights, channels: int) -> str:
    graph = step.graph
    window = step.causal_window(_norm(graph, x, weights.below("conv_norm")), number, channels)
    x = graph.add("Add", x, step.gated(_linear(step, window, weights.below("conv"))))
    if not weights.has("query.weight"):  # a layer that doesn't attend
        return x
    queries = _linear(step, _norm(graph, x, weights.below("attention_norm")), weights.below("query"))
    return graph.add("Add", x, _linear(step, step.attended(queries), weights.below("output")))


def _norm(graph: GraphBuilder, x: str, weights: Weights) -> str:
    return graph.layer_norm(
        x, *(graph.weight(weights.name(name), weights.array(name)) for name in ("weight", "bias"))
    )


def _linear(step: DecoderStep, x: str, weights: Weights) -> str:
    return step.linear(x, weights.name("linear"), weights.array("weight").T, weights.array("bias"))
