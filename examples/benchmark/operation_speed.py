"""How fast this machine does the convolutions and matrix products of a network: each alone, at its own shapes."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import flop_registry

from im2latex_fairseq.decoding.affine import Affine
from im2latex_fairseq.decoding.int8_products import Int8LinearMap, int8_obstacle

Clock = Callable[[], float]


@dataclass(frozen=True)
class Operand:
    """A tensor without its numbers."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def materialise(self, device: torch.device) -> torch.Tensor:
        """A tensor like it, of random numbers, (shape, stride, dtype) as recorded."""
        values = torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=device)
        return values.normal_() if self.dtype.is_floating_point else values.zero_()


@dataclass(frozen=True)
class Operation:
    """A call of one of torch's counted operations; equal calls are equal operations.

    Attributes:
        kind: "convolutions, forward", "convolutions, backward" or "matrix products".
        dtype: Of the result; of products of int8, whose result is float32, of what goes in: uint8.
        flops: Of one call.
        signature: Tells it from others: name and operands.
    """

    kind: str
    dtype: torch.dtype
    flops: int
    signature: str


class OperationRecorder(TorchDispatchMode):
    """Notes every convolution and matrix product, forward and backward, as it really ran.

    What autocast, fusing and the backward make of the model's code is seen, since the recorder sits below them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[Operation] = Counter()
        self._calls: dict[Operation, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        count_flops = _COUNTS.get(func._overloadpacket)
        if count_flops is not None:
            flops = int(count_flops(*args, **(kwargs or {}), out_val=result))
            tensors = [
                r for r in (result if isinstance(result, (tuple, list)) else [result]) if r is not None
            ]
            operands = tree_map_only(torch.Tensor, _operand, (args, kwargs or {}))
            dtype = tensors[0].dtype if args[0].dtype != torch.uint8 else torch.uint8
            operation = Operation(_kind(str(func)), dtype, flops, f"{func} {operands}")
            self.counts[operation] += 1
            self._calls.setdefault(operation, (func, *operands))
        return result

    @property
    def flops(self) -> int:
        """Of everything recorded."""
        return sum(operation.flops * count for operation, count in self.counts.items())

    def replay(self, operation: Operation, device: torch.device) -> Callable[[], object]:
        """The operation, ready to be called again on random numbers of the same layout."""
        func, args, kwargs = self._calls[operation]
        args, kwargs = tree_map_only(Operand, lambda o: o.materialise(device), (args, kwargs))
        return lambda: func(*args, **kwargs)


def _conv_tbc_flops(
    inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, pad: int = 0, *, out_val: torch.Tensor
) -> int:
    """Of a convolution over time: inputs (T, B, C), weight (K, C, O); each tap meets the inputs it covers."""
    time_in, batch, _ = inputs.shape
    taps, channels_in, channels_out = weight.shape
    met = sum(max(0, min(len(out_val), time_in + pad - k) - max(0, pad - k)) for k in range(taps))
    return 2 * batch * channels_in * channels_out * met


def _addmm_flops(
    summand: torch.Tensor, left: torch.Tensor, right: torch.Tensor, *, out_val: torch.Tensor, **scales: float
) -> int:
    return 2 * left.shape[0] * left.shape[1] * right.shape[1]


def _linear_flops(
    rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, *, out_val: torch.Tensor
) -> int:
    return 2 * out_val.numel() * weight.shape[1]


def _packed_linear_flops(rows: torch.Tensor, *others: Any, out_val: torch.Tensor) -> int:
    return 2 * out_val.numel() * rows.shape[-1]


def _int8_convolution_flops(
    grid: torch.Tensor, scale: float, zero: int, weight: torch.Tensor, *others: Any, out_val: torch.Tensor
) -> int:
    return 2 * out_val.numel() * math.prod(weight.shape[1:])


# torch's flop counter doesn't know fairseq's convolution over time, whose backward is made of addmm_, nor linear
# maps, which stay whole in inference mode, nor those of packed weights.
_COUNTS: dict[Any, Callable[..., int]] = {
    **flop_registry,
    torch.ops.aten.conv_tbc: _conv_tbc_flops,
    torch.ops.aten.addmm_: _addmm_flops,
    torch.ops.aten.linear: _linear_flops,
}
if hasattr(torch.ops.mkldnn, "_linear_pointwise"):  # what `decoding.linear_map` calls
    _COUNTS[torch.ops.mkldnn._linear_pointwise] = _packed_linear_flops
if int8_obstacle() is None:  # what `decoding.int8_products` calls
    _COUNTS[torch.ops.onednn.qlinear_pointwise] = _packed_linear_flops
    _COUNTS[torch.ops.onednn.qconv2d_pointwise] = _int8_convolution_flops


def _operand(tensor: torch.Tensor) -> Operand:
    # A packed weight has no strides to tell.
    strides = tensor.stride() if tensor.layout == torch.strided else ()
    return Operand(tuple(tensor.shape), strides, tensor.dtype)


def _kind(name: str) -> str:
    if "conv" not in name:
        return "matrix products"
    return "convolutions, backward" if "backward" in name else "convolutions, forward"


@dataclass(frozen=True)
class Speed:
    """Floating-point operations and the seconds they took."""

    flops: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Speed) -> Speed:
        return Speed(self.flops + other.flops, self.seconds + other.seconds)

    @property
    def gflops(self) -> float:
        """10^9 operations a second."""
        return self.flops / self.seconds / 1e9 if self.seconds else 0.0


def measure_operations(
    recorder: OperationRecorder,
    device: torch.device,
    *,
    clock: Clock = time.perf_counter,
    min_s: float = 0.02,
) -> dict[str, Speed]:
    """Time each recorded operation alone, and weigh it by how often it was called.

    Args:
        recorder: After one or more training steps.
        device: Where they ran.
        clock: In seconds.
        min_s: Each distinct operation is repeated for at least so long.

    Returns:
        Kind of operation -> all of its calls together.
    """
    speeds: dict[str, Speed] = {}
    for operation, calls in recorder.counts.items():
        seconds = seconds_of_call(recorder.replay(operation, device), device, clock=clock, min_s=min_s)
        speed = Speed(operation.flops * calls, seconds * calls)
        speeds[operation.kind] = speeds.get(operation.kind, Speed()) + speed
    return speeds


def square_product_speed(
    size: int,
    device: torch.device,
    *,
    dtype: torch.dtype = torch.bfloat16,
    clock: Clock = time.perf_counter,
    min_s: float = 0.3,
) -> Speed:
    """Of a product of two square matrices: what the machine reaches where shapes cost nothing.

    Args:
        size: Rows and columns of each.
        device: Where they lie.
        dtype: Of both; torch.uint8 for products of uint8 and int8, the rounding of the former included.
        clock: In seconds.
        min_s: It is repeated for so long.
    """
    left, right = (torch.randn(size, size, device=device) for _ in range(2))
    if dtype == torch.uint8:
        multiply = Int8LinearMap(Affine(right, torch.zeros(size)))
        seconds = seconds_of_call(lambda: multiply(left), device, clock=clock, min_s=min_s)
    else:
        left, right = left.to(dtype), right.to(dtype)
        seconds = seconds_of_call(lambda: left @ right, device, clock=clock, min_s=min_s)
    return Speed(2.0 * size**3, seconds)


def seconds_of_call(call: Callable[[], object], device: torch.device, *, clock: Clock, min_s: float) -> float:
    """The shortest time of a call: other programs can only lengthen it. The first isn't counted."""
    # On a GPU calls are queued, and only several of them together can be timed.
    calls = 16 if device.type == "cuda" else 1
    best_s, start_s, turns = float("inf"), time.perf_counter(), 0
    with torch.no_grad():
        call()
        _synchronize(device)
        while turns < 3 or time.perf_counter() - start_s < min_s:
            turn_s = clock()
            for _ in range(calls):
                call()
            _synchronize(device)
            best_s = min(best_s, (clock() - turn_s) / calls)
            turns += 1
    return best_s


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def total(speeds: Iterable[Speed]) -> Speed:
    """All of them, one after the other."""
    return sum(speeds, Speed())
