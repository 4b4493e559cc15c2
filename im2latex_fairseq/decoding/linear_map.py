"""Linear maps of a decoder, with weights laid out once as a CPU reads them fastest."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
import torch.nn.functional as F

from im2latex_fairseq.decoding.affine import Affine
from im2latex_fairseq.decoding.int8_products import Int8LinearMap

# What torch.compile puts in the place of `F.linear` on CPUs: oneDNN's product with a weight that it has
# reordered before, where `F.linear` reorders it at each call. Not public; without it `F.linear` serves.
_ONEDNN: Any = torch.ops.mkldnn
_CAN_PACK = torch.backends.mkldnn.is_available() and all(  # type: ignore[no-untyped-call]
    hasattr(_ONEDNN, name)
    for name in ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
)

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.float32}
"""Of each precision, the type of what is between products, and of keys and values."""

_SMALL_MAP = 1 << 17  # weights
_FEW_ROWS = 4

_MOST_FLOAT32_WEIGHTS = 1 << 17
"""Of a map that float32 multiplies sooner than int8: rounding the input costs more than it saves."""


class LinearMap:
    """x A' + b of rows, made once and used at each step.

    Of few rows, the most of a product's time goes into bringing the weight from memory, and before that into
    reordering it, unless that was done: with 1 to 64 rows it takes a half to two thirds of the time of `F.linear`.

    Args:
        affine: A (out, in) and b (out,).
        dtype: Type to compute in.

    Attributes:
        in_channels: Columns of A.
        out_channels: Its rows.
        dtype: Type that it computes in.
    """

    def __init__(self, affine: Affine, dtype: torch.dtype = torch.float32) -> None:
        self.out_channels, self.in_channels = affine.weight.shape
        self.dtype = dtype
        self._affine = affine.to(dtype)
        self._packed = _packed(self._affine.weight)
        # The call of the packed product costs more than that of the plain one.
        is_small = dtype == torch.float32 and affine.weight.numel() <= _SMALL_MAP
        self._fewest_rows = _FEW_ROWS + 1 if is_small else 0

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """The map of rows (R, in): (R, out)."""
        weight, bias = self._affine
        if self._packed is None or len(rows) < self._fewest_rows:
            return F.linear(rows, weight, bias)
        product: torch.Tensor = _ONEDNN._linear_pointwise.default(rows, self._packed, bias, "none", [], "")
        return product


def _packed(weight: torch.Tensor) -> torch.Tensor | None:
    """The weight as oneDNN wants it, or None where it can't be had or wouldn't be used."""
    if not _CAN_PACK or weight.device.type != "cpu":
        return None
    if weight.dtype == torch.bfloat16 and not _ONEDNN._is_mkldnn_bf16_supported():
        return None
    packed: torch.Tensor = _ONEDNN._reorder_linear_weight(weight.contiguous())
    return packed


AnyLinearMap: TypeAlias = LinearMap | Int8LinearMap


def map_in(affine: Affine, precision: str) -> AnyLinearMap:
    """The map in a precision.

    Args:
        affine: A and b.
        precision: "float32", "bfloat16" or "int8", in which small maps stay in float32.

    Raises:
        ValueError: It can't be computed in int8 here.
    """
    if precision == "int8" and affine.weight.numel() > _MOST_FLOAT32_WEIGHTS:
        return Int8LinearMap(affine)
    return LinearMap(affine, DTYPES[precision])


def map_if_there(affine: Affine | None, precision: str) -> AnyLinearMap | None:
    """The map in a precision, where there is one."""
    return None if affine is None else map_in(affine, precision)
