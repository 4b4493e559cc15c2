"""Products in whole numbers of 8 bits, for CPUs that multiply those several times as fast as float32.

Weights have a scale for each output channel, as in Jacob et al. 2018. Inputs have one for each row, or for each
picture, found when they come: what a picture gives doesn't depend on the pictures beside it, and no data set is needed
to quantise a model. Sums of whole numbers are exact.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from im2latex_fairseq.decoding.affine import Affine

# What torch.compile puts in the place of quantised products on CPUs. Not public.
_ONEDNN: Any = torch.ops.onednn
_OPERATORS = ("qlinear_prepack", "qlinear_pointwise", "qconv_prepack", "qconv2d_pointwise")

_MOST = 127
# Inputs are stored as 1 to 255, which stand for -127 to 127: signed ones go, without a word, through oneDNN's reference
# code, which takes a thousand times as long.
_ZERO_POINT = 128
_TINY = 1e-30  # stands for the largest of nothing but zeros, so that it can be divided by
_FEWEST_CHANNELS = 32  # of a convolution's input: with fewer, rounding takes longer than is won


def int8_obstacle(device: torch.device | str = "cpu") -> str | None:
    """Why products can't be computed in int8 there; None where they can.

    Args:
        device: Where the weights lie.
    """
    if torch.device(device).type != "cpu":
        return f"int8 decodes on CPUs alone, and the model lies on {device}"
    if not all(hasattr(_ONEDNN, name) for name in _OPERATORS):
        return f"this torch ({torch.__version__}) is without oneDNN's products of int8"
    has_vnni = getattr(torch.cpu, "_is_vnni_supported", None)
    if has_vnni is None or not has_vnni():
        # Others add pairs of products in 16 bits, which overflow.
        return "this CPU is without VNNI, the instructions that multiply int8"
    return None


class Int8LinearMap:
    """x A' + b of rows, with A and x rounded to int8.

    A product of the decoder's is off by 1% of its root mean square.

    Args:
        affine: A (out, in) and b (out,), finite, on the CPU.

    Attributes:
        in_channels: Columns of A.
        out_channels: Its rows.
        dtype: Of rows and products: float32.

    Raises:
        ValueError: It can't be computed here, see `int8_obstacle`.
    """

    dtype = torch.float32

    def __init__(self, affine: Affine) -> None:
        _refuse_elsewhere(affine.weight.device)
        self.out_channels, self.in_channels = affine.weight.shape
        self._bias = affine.bias.float()
        rounded, self._scales = _rounded_weight(affine.weight)
        self._zero_points = torch.zeros(self.out_channels, dtype=torch.int32)
        self._packed = _ONEDNN.qlinear_prepack(rounded, None)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """The map of rows (R, in) float32: (R, out) float32."""
        largest = rows.abs().amax(dim=1, keepdim=True).clamp_min_(_TINY)
        product = _ONEDNN.qlinear_pointwise.default(
            _rounded_input(rows, largest),
            *(1 / _MOST, _ZERO_POINT),
            *(self._packed, self._scales, self._zero_points),
            None,  # the bias comes when the product has the size of its row
            *(1.0, 0, torch.float32),
            *("none", [], ""),
        )
        return torch.addcmul(self._bias, product, largest)


class Int8Conv2d(nn.Module):
    """A convolution with kernels and pictures rounded to int8.

    Args:
        convolution: In one group, padded with zeros, its weights on the CPU.

    Raises:
        ValueError: It can't be computed here, see `int8_obstacle`.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        _refuse_elsewhere(convolution.weight.device)
        weight = convolution.weight.detach()
        assert convolution.groups == 1 and convolution.padding_mode == "zeros"
        assert not isinstance(convolution.padding, str)
        self._shape = (
            *(list(convolution.stride), list(convolution.padding), list(convolution.dilation)),
            convolution.groups,
        )
        bias = weight.new_zeros(len(weight)) if convolution.bias is None else convolution.bias.detach()
        self._bias = bias.float()[None, :, None, None]
        rounded, self._scales = _rounded_weight(weight)
        self._zero_points = torch.zeros(len(weight), dtype=torch.int32)
        self._packed = _ONEDNN.qconv_prepack(
            rounded, self._scales, 1 / _MOST, _ZERO_POINT, *self._shape, None
        )

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) float32, channels last -> (B, C', H', W') float32, channels last."""
        # In the order in which the numbers lie: B x C x H x W -> B x (H * W * C)
        pictures = grid.permute(0, 2, 3, 1).flatten(1)
        largest = pictures.abs().amax(dim=1).clamp_min_(_TINY)[:, None, None, None]
        product = _ONEDNN.qconv2d_pointwise.default(
            _rounded_input(grid, largest),
            *(1 / _MOST, _ZERO_POINT),
            *(self._packed, self._scales, self._zero_points),
            None,
            *self._shape,
            *(1.0, 0, torch.float32),
            *("none", [], ""),
        )
        return torch.addcmul(self._bias, product, largest)


def convolutions_in_int8(encoder: nn.Module) -> nn.Module:
    """A copy of an encoder that computes its wide convolutions in int8; the others, and all else, stay as they are.

    Raises:
        ValueError: They can't be computed here, see `int8_obstacle`.
    """
    # Of an encoder that has none, too, so that int8 is refused wherever it can't be had.
    _refuse_elsewhere(next(encoder.parameters()).device)
    copied = copy.deepcopy(encoder)
    for module in list(copied.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d) and _is_worth_it(child):
                setattr(module, name, Int8Conv2d(child))
    return copied


def _is_worth_it(convolution: nn.Conv2d) -> bool:
    is_plain = convolution.groups == 1 and convolution.padding_mode == "zeros"
    return (
        is_plain and not isinstance(convolution.padding, str) and convolution.in_channels >= _FEWEST_CHANNELS
    )


def _refuse_elsewhere(device: torch.device) -> None:
    obstacle = int8_obstacle(device)
    if obstacle is not None:
        raise ValueError(f"{obstacle}; decode in float32 or bfloat16")


def _rounded_weight(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight (out, ...) as int8, and the scale (out,) of each output channel."""
    weight = weight.float()
    scales = (weight.flatten(1).abs().amax(dim=1) / _MOST).clamp_min(_TINY)
    by_channel = scales.view(-1, *[1] * (weight.dim() - 1))
    return (weight / by_channel).round().to(torch.int8), scales


def _rounded_input(given: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
    """Numbers as uint8 about the zero point, where `largest` becomes 127."""
    # Adding a half and cutting off rounds; by way of int32, to which torch converts several numbers at a time.
    return (given * (_MOST / largest)).add_(_ZERO_POINT + 0.5).to(torch.int32).to(torch.uint8)
