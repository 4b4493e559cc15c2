"""A GPU that isn't there: tensors that say they lie on it, computed on the CPU, and refused beside the CPU's.

What a GPU computes can't be tested without one; that everything lies on one device can.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

GPU = torch.device("meta")
"""Its name is torch's device without memory: of a device that this torch wasn't built for, C++ asks too much."""


class MixedDevices(AssertionError):
    """An operation met tensors of both."""


class GpuTensor(torch.Tensor):
    """Says that it lies on the GPU; the numbers lie on the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> GpuTensor:
        made: GpuTensor = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=GPU,
            requires_grad=False,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class _GpuMode(TorchDispatchMode):
    """Sees what makes tensors on a device, too."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


@contextmanager
def pretended_gpu() -> Iterator[None]:
    """Until the end, tensors may be on `GPU`."""
    # Three that don't come by where operations are dispatched, or not with tensors such as these.
    autocast, tensor, inference_mode = torch.autocast, torch.tensor, torch.inference_mode

    def autocast_there(device: str, *args: Any, **kwargs: Any) -> Any:
        return autocast("cpu" if device == GPU.type else device, *args, **kwargs)

    def tensor_there(*args: Any, device: Any = None, **kwargs: Any) -> torch.Tensor:
        return tensor(*args, **kwargs).to(device)

    torch.autocast, torch.tensor = autocast_there, tensor_there  # type: ignore[misc, assignment]
    torch.inference_mode = torch.no_grad  # type: ignore[misc, assignment]
    try:
        with _GpuMode():
            yield
    finally:
        torch.autocast, torch.tensor, torch.inference_mode = autocast, tensor, inference_mode  # type: ignore[misc]


def _computed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.Tensor)]
    there = [isinstance(value, GpuTensor) for value in given]
    asked = kwargs.get("device")
    copies = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
    if any(there) and not copies:
        strangers = [
            value for value, is_there in zip(given, there, strict=True) if not is_there and value.dim()
        ]
        if strangers:
            raise MixedDevices(f"{func}: {[tuple(value.shape) for value in strangers]} on the CPU")
    if asked is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    if func._schema.is_mutable:
        return args[0]
    is_there = any(there) if asked is None else torch.device(asked) == GPU
    return tree_map(_on_gpu, result) if is_there else result


def _held(value: Any) -> Any:
    return value.held if isinstance(value, GpuTensor) else value


def _on_gpu(value: Any) -> Any:
    return GpuTensor(value) if isinstance(value, torch.Tensor) else value


def moved(module: torch.nn.Module) -> torch.nn.Module:
    """A module with its weights on the GPU, in place."""
    for part in module.modules():
        for table in (part._parameters, part._buffers):
            for name, tensor in table.items():
                if tensor is not None:
                    table[name] = GpuTensor(tensor.detach())  # type: ignore[assignment]
    return module
