"""Writes an ONNX graph node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

KernelStorage: TypeAlias = Literal["half", "int8", "float32"]
"""Where most numbers are. "half": as `GraphBuilder.weight`. "int8": rounded to 255 steps for each output channel, and
widened when a runtime loads the graph: a quarter of the size. "float32": as they are, for tools that quantise."""

# Opset 17 is the first with LayerNormalization; onnxruntime reads it from 1.12 (2022) on.
OPSET = 17
IR_VERSION = 8

_LEAST_HALVED = 1024  # numbers of a weight for which a node more is worth it
LAYER_NORM_EPSILON = 1e-5  # torch's default, which all layer norms here have


class GraphBuilder:
    """A graph that grows by one node a call; a value is known by its name.

    Args:
        name: Of the graph, for viewers.
        kernels: How the weights of `kernel` are kept.

    Raises:
        ValueError: `kernels` is no `KernelStorage`.
    """

    def __init__(self, name: str, kernels: KernelStorage = "half") -> None:
        if kernels not in get_args(KernelStorage):
            raise ValueError(f"kernels must be one of {', '.join(get_args(KernelStorage))}, got {kernels!r}")
        self._name = name
        self._kernels = kernels
        self._widened: dict[str, str] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._count = 0

    def input(self, name: str, kind: type[np.generic], shape: Sequence[str | int]) -> str:
        """Declare an input.

        Args:
            name: Of the value.
            kind: numpy type of its elements.
            shape: A number for a fixed side, a name for any.

        Returns:
            The name.
        """
        self._inputs.append(helper.make_tensor_value_info(name, _element_type(kind), list(shape)))
        return name

    def output(self, value: str, name: str, kind: type[np.generic], shape: Sequence[str | int]) -> None:
        """Declare a value an output, under a name of its own."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _element_type(kind), list(shape)))

    def weight(self, name: str, array: NDArray[np.floating[Any]]) -> str:
        """A float32 constant under the name it has in the model.

        Where its numbers are float16 numbers, as those of a model file are, it is kept as such: half the size,
        the same values. Runtimes widen it once, when they load the graph.
        """
        array = np.ascontiguousarray(array, dtype=np.float32)
        with np.errstate(over="ignore"):
            half = array.astype(np.float16)
        if array.size < _LEAST_HALVED or not np.array_equal(half, array):
            return self._constant(name, array)
        if name not in self._widened:
            self._widened[name] = self.cast(self._constant(f"{name}.half", half), np.float32)
        return self._widened[name]

    def kernel(self, name: str, array: NDArray[np.floating[Any]], output_axis: int) -> str:
        """The weight of a convolution or the matrix of a linear layer, kept as `KernelStorage` says.

        Args:
            name: As it has in the model.
            array: Its values.
            output_axis: That of the output channels.
        """
        if self._kernels == "half":
            return self.weight(name, array)
        array = np.ascontiguousarray(array, dtype=np.float32)
        if self._kernels == "float32":
            return self._constant(name, array)
        other_axes = tuple(axis for axis in range(array.ndim) if axis != output_axis)
        scales = np.abs(array).max(axis=other_axes, keepdims=True) / np.float32(127)
        scales[scales == 0] = 1
        steps = self._constant(f"{name}.int8", np.rint(array / scales).astype(np.int8))
        return self.add("Mul", self.cast(steps, np.float32), self._constant(f"{name}.scales", scales))

    def integers(self, *values: int) -> str:
        """A 1-D int64 constant."""
        name = f"integers_{'_'.join(map(str, values))}".replace("-", "minus")
        return self._constant(name, np.array(values, dtype=np.int64))

    def integer(self, value: int) -> str:
        """An int64 scalar."""
        return self._constant(f"integer_{value}".replace("-", "minus"), np.array(value, dtype=np.int64))

    def number(self, value: float) -> str:
        """A float32 scalar."""
        return self._constant(f"number_{value!r}", np.array(value, dtype=np.float32))

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one result, whose name is returned."""
        return self.add_split(operator, *inputs, results=1, **attributes)[0]

    def add_split(self, operator: str, *inputs: str, results: int, **attributes: Any) -> list[str]:
        """Add a node with several results."""
        self._count += 1
        name = f"{operator.lower()}_{self._count}"
        names = [f"{name}_{n}" for n in range(results)]
        self._nodes.append(helper.make_node(operator, list(inputs), names, name=name, **attributes))
        return names

    def cast(self, value: str, kind: type[np.generic]) -> str:
        """The same values as another type."""
        return self.add("Cast", value, to=_element_type(kind))

    def layer_norm(self, rows: str, weight: str, bias: str) -> str:
        """Layer norm over the last axis."""
        return self.add("LayerNormalization", rows, weight, bias, axis=-1, epsilon=LAYER_NORM_EPSILON)

    def side(self, value: str, axis: int) -> str:
        """The length of one axis, an int64 scalar."""
        return self.add("Gather", self.add("Shape", value), self.integer(axis), axis=0)

    def model(self) -> onnx.ModelProto:
        """The finished model, checked."""
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, initializer=list(self._constants.values())
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="im2latex_fairseq",
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def _constant(self, name: str, array: NDArray[Any]) -> str:
        self._constants.setdefault(name, numpy_helper.from_array(array, name=name))
        return name


def _element_type(kind: type[np.generic]) -> int:
    types: dict[type[np.generic], int] = {
        np.float32: TensorProto.FLOAT,
        np.int64: TensorProto.INT64,
        np.bool_: TensorProto.BOOL,
    }
    return types[kind]
