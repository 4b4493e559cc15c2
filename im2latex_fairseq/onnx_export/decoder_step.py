"""What the graphs of all decoders have in common: one step for the beams of several pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from im2latex_fairseq.onnx_export.graph_builder import GraphBuilder


class DecoderStep:
    """The frame of a graph that scores the next token of each beam.

    Inputs of the graph: `tokens` (P, K) int64, the last token of each of K beams of P pictures; `position` ()
    int64, how many tokens came before them; `state` (P, K, M) float32, zeros at the beginning, then what the
    step before returned, reordered as the beams were; `keys`, `values` and `unread` of the encoder's graph, once
    a picture, whatever K is. Outputs: `log_probabilities` (P, K, V) float32 and `new_state` (P, K, M).

    Rows are the P * K beams one after the other.

    Args:
        graph: To write to.
        heads: Attention heads.
        head_width: Channels of each.
        state_widths: Floats that each layer keeps of a beam; M is their sum.
    """

    def __init__(self, graph: GraphBuilder, heads: int, head_width: int, state_widths: Sequence[int]) -> None:
        self.graph = graph
        self._heads = heads
        self._width = heads * head_width
        state_width = sum(state_widths)
        self._state_width = state_width
        self._new_states: list[str] = []
        tokens = graph.input("tokens", np.int64, ("pictures", "beams"))
        self.position = graph.input("position", np.int64, ())
        state = graph.input("state", np.float32, ("pictures", "beams", state_width))
        self._keys = graph.input("keys", np.float32, ("pictures", heads, head_width, "cells"))
        self._values = graph.input("values", np.float32, ("pictures", heads, "cells", head_width))
        unread = graph.input("unread", np.bool_, ("pictures", "cells"))
        self._shape = graph.add("Shape", tokens)  # (P, K)
        self.tokens = graph.add("Reshape", tokens, graph.integers(-1))
        self._states = self._split_state(state, state_widths)
        # P x S -> P x 1 x 1 x S: heads, beams
        unread = graph.add("Unsqueeze", unread, graph.integers(1, 2))
        self._bias = graph.add("Where", unread, graph.number(float("-inf")), graph.number(0.0))

    def linear(self, rows: str, name: str, matrix: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """rows @ matrix + bias, the matrix being (in, out)."""
        kernel = self.graph.kernel(f"{name}.matrix", matrix, output_axis=1)
        product = self.graph.add("MatMul", rows, kernel)
        return self.graph.add("Add", product, self.graph.weight(f"{name}.bias", bias))

    def causal_window(self, rows: str, layer: int, channels: int) -> str:
        """The rows of this step after those that the layer kept, (rows, kernel_width * channels), oldest first."""
        history = self._states[layer]
        if history is None:
            return rows
        window = self.graph.add("Concat", history, rows, axis=1)
        end = self.graph.integers(2**31)
        kept = self.graph.add("Slice", window, self.graph.integers(channels), end, self.graph.integers(1))
        self._new_states.append(kept)
        return window

    def gated(self, rows: str) -> str:
        """The gated linear unit over the last axis."""
        values, gates = self.graph.add_split("Split", rows, results=2, axis=-1)
        return self.graph.add("Mul", values, self.graph.add("Sigmoid", gates))

    def attended(self, queries: str) -> str:
        """What each row (rows, C) sees of its picture, (rows, C); without a factor."""
        graph = self.graph
        by_head = graph.add("Concat", self._shape, graph.integers(self._heads, -1), axis=0)
        queries = graph.add("Transpose", graph.add("Reshape", queries, by_head), perm=[0, 2, 1, 3])
        scores = graph.add("MatMul", queries, self._keys)  # P x heads x K x S
        weights = graph.add("Softmax", graph.add("Add", scores, self._bias), axis=-1)
        attended = graph.add("Transpose", graph.add("MatMul", weights, self._values), perm=[0, 2, 1, 3])
        return graph.add("Reshape", attended, graph.integers(-1, self._width))

    def model(self, logits: str, size: int) -> onnx.ModelProto:
        """Finish the graph with logits (rows, V)."""
        graph = self.graph
        scores = graph.add("LogSoftmax", logits, axis=-1)
        scores = graph.add("Reshape", scores, self._of_beams(size))
        graph.output(scores, "log_probabilities", np.float32, ("pictures", "beams", size))
        if self._state_width:
            state = graph.add("Concat", *self._new_states, axis=1)
            state = graph.add("Reshape", state, self._of_beams(self._state_width))
        else:
            state = "state"
        graph.output(state, "new_state", np.float32, ("pictures", "beams", self._state_width))
        return graph.model()

    def _of_beams(self, width: int) -> str:
        return self.graph.add("Concat", self._shape, self.graph.integers(width), axis=0)

    def _split_state(self, state: str, widths: Sequence[int]) -> list[str | None]:
        kept = [width for width in widths if width]
        if not kept:
            return [None] * len(widths)
        rows = self.graph.add("Reshape", state, self.graph.integers(-1, self._state_width))
        parts = iter(
            self.graph.add_split("Split", rows, self.graph.integers(*kept), results=len(kept), axis=1)
        )
        return [next(parts) if width else None for width in widths]
