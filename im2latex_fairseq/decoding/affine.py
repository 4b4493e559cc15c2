"""Weights of linear maps and norms, read from a state dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F


class Affine(NamedTuple):
    """A weight and a bias.

    Attributes:
        weight: (out, in) of a linear map, (C,) of a norm.
        bias: (out,) or (C,).
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def normalise(self, rows: torch.Tensor) -> torch.Tensor:
        """The layer norm of rows (R, C)."""
        return F.layer_norm(rows, self.weight.shape, self.weight, self.bias)

    def scaled(self, factor: float) -> Affine:
        """The map times a factor."""
        return Affine(self.weight * factor, self.bias * factor)

    def to(self, dtype: torch.dtype) -> Affine:
        """In another type."""
        return Affine(self.weight.to(dtype), self.bias.to(dtype))


def affine_of(weights: Mapping[str, torch.Tensor], name: str) -> Affine:
    """The map of that name, without weight norm.

    Raises:
        KeyError: It isn't there.
    """
    return Affine(weights[f"{name}.weight"], weights[f"{name}.bias"])


def unnormed(weights: Mapping[str, torch.Tensor], name: str, dimension: int) -> torch.Tensor:
    """A weight, with its weight norm folded in where it has one (Salimans & Kingma 2016): g * v / |v|.

    Args:
        weights: A state dict.
        name: Of the module.
        dimension: Along which each slice has a length of its own.

    Raises:
        KeyError: It isn't there.
    """
    if f"{name}.weight_v" not in weights:
        return weights[f"{name}.weight"]
    folded: torch.Tensor = torch._weight_norm(
        weights[f"{name}.weight_v"], weights[f"{name}.weight_g"], dimension
    )
    return folded


def layer_count(weights: Mapping[str, torch.Tensor], prefix: str) -> int:
    """Numbers after a prefix, as in `layers.6.conv.weight`: one more than the largest; 0 if there is none."""
    numbers = [int(name[len(prefix) :].split(".")[0]) for name in weights if name.startswith(prefix)]
    return max(numbers, default=-1) + 1
