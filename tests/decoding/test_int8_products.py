"""Products in int8: close to the exact ones, and of each row or picture the same in any company."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import nn

from im2latex_fairseq.decoding import int8_products
from im2latex_fairseq.decoding.affine import Affine
from im2latex_fairseq.decoding.int8_products import (
    Int8Conv2d,
    Int8LinearMap,
    convolutions_in_int8,
    int8_obstacle,
)
from im2latex_fairseq.decoding.linear_map import LinearMap, map_if_there, map_in
from im2latex_fairseq.models.image_encoders import build_image_encoder
from tests.decoding.small_models import draw
from tests.needs_int8 import needs_int8


def affine(in_channels: int, out_channels: int) -> Affine:
    torch.manual_seed(in_channels)
    return Affine(torch.randn(out_channels, in_channels) * in_channels**-0.5, torch.randn(out_channels))


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@needs_int8
@pytest.mark.parametrize("rows", [1, 5, 64, 321])
@pytest.mark.parametrize("widths", [(7, 3), (64, 96), (768, 512)])
def test_a_linear_map_is_close(widths: tuple[int, int], rows: int) -> None:
    weights = affine(*widths)
    given = torch.randn(rows, widths[0])
    linear = Int8LinearMap(weights)
    assert (linear.in_channels, linear.out_channels, linear.dtype) == (*widths, torch.float32)
    found, expected = linear(given), F.linear(given, *weights)
    assert found.dtype == torch.float32
    assert 0 < relative_error(found, expected) < 0.02


@needs_int8
@hypothesis.given(
    seed=st.integers(0, 1000), sizes=st.lists(st.sampled_from([0.0, 1e-20, 1e-3, 1.0, 1e4]), min_size=1)
)
def test_a_row_does_not_depend_on_the_others(seed: int, sizes: list[float]) -> None:
    """Not even on one a thousand times as large."""
    linear = Int8LinearMap(affine(96, 64))
    rows = torch.randn(len(sizes), 96, generator=torch.Generator().manual_seed(seed))
    rows *= torch.tensor(sizes)[:, None]
    alone = torch.cat([linear(row[None]) for row in rows])
    assert torch.equal(linear(rows), alone)
    assert torch.isfinite(alone).all()


@needs_int8
def test_whole_numbers_are_exact() -> None:
    """From -127 to 127 on both sides nothing is rounded: the sums are exact."""
    weight = torch.randint(-126, 127, (8, 32)).float()
    weight[:, 0] = 127
    rows = torch.randint(-126, 127, (5, 32)).float()
    rows[:, 1] = -127
    found = Int8LinearMap(Affine(weight, torch.zeros(8)))(rows)
    torch.testing.assert_close(found, rows @ weight.T, rtol=1e-6, atol=1e-2)


@needs_int8
def test_weights_of_nothing() -> None:
    bias = torch.randn(4)
    found = Int8LinearMap(Affine(torch.zeros(4, 8), bias))(torch.randn(3, 8))
    assert torch.equal(found, bias.expand(3, 4))


CONVOLUTIONS: list[dict[str, Any]] = [
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": (1, 5), "padding": (0, 6), "dilation": (1, 3)},
    {"kernel_size": 1, "bias": False},
]


@needs_int8
@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_a_convolution_is_close(options: dict[str, Any]) -> None:
    """Where the edge is padded, too: paper is no zero of uint8."""
    torch.manual_seed(1)
    convolution = nn.Conv2d(32, 48, **options)
    # Far from zero on the average, so that a wrongly padded edge would show
    grid = (torch.randn(3, 32, 9, 21) + 2).to(memory_format=torch.channels_last)
    with torch.no_grad():
        found, expected = Int8Conv2d(convolution)(grid), convolution(grid)
    assert found.shape == expected.shape
    assert 0 < relative_error(found, expected) < 0.02
    assert relative_error(found[..., :2], expected[..., :2]) < 0.03
    assert found.is_contiguous(memory_format=torch.channels_last)


@needs_int8
def test_a_picture_does_not_depend_on_the_others() -> None:
    torch.manual_seed(1)
    convolution = Int8Conv2d(nn.Conv2d(32, 48, 3, padding=1))
    grid = torch.randn(4, 32, 8, 16) * torch.tensor([1.0, 1e4, 0.0, 1e-3])[:, None, None, None]
    grid = grid.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        alone = torch.cat([convolution(picture[None]) for picture in grid])
        assert torch.equal(convolution(grid), alone)
        # In which order the numbers lie changes nothing
        assert torch.equal(convolution(grid.contiguous()), alone)


@needs_int8
def test_wide_convolutions_of_an_encoder_are_replaced_in_a_copy() -> None:
    encoder = nn.Sequential(
        nn.Conv2d(4, 32, 3),  # narrow: stays
        nn.Sequential(nn.Conv2d(32, 32, 3)),
        nn.Conv2d(32, 32, 3, groups=2),  # in groups: stays
        nn.Conv2d(32, 32, 3, padding="same"),  # padding by name: stays
        nn.Linear(32, 32),
    )
    copied = convolutions_in_int8(encoder)
    kinds = [type(module).__name__ for module in copied.modules() if not isinstance(module, nn.Sequential)]
    assert kinds == ["Conv2d", "Int8Conv2d", "Conv2d", "Conv2d", "Linear"]
    assert not any(isinstance(module, Int8Conv2d) for module in encoder.modules())


@needs_int8
def test_an_encoder_sees_in_a_padded_batch_what_it_sees_alone() -> None:
    """Padding is zero, which changes no picture's scale."""
    torch.manual_seed(1)
    encoder = build_image_encoder(
        "gated_grid",
        embed_dim=16,
        dropout=0.0,
        decoder_contract="plain",
        options='{"stem_channels": 32, "grid_channels": 32, "grid_blocks": "3x3,1x5"}',
    ).eval()
    copied = convolutions_in_int8(encoder)
    assert sum(isinstance(module, Int8Conv2d) for module in copied.modules()) == 8
    images, sizes = draw()
    with torch.no_grad():
        together = copied(images, sizes)["encoder_out"][0].unflatten(1, (images.shape[2] // 8, -1))
        for number, (height, width) in enumerate(sizes.tolist()):
            alone = copied(images[number : number + 1, :, :height, :width], sizes[number : number + 1])
            rows, columns = alone["grid_size"]
            keys = alone["encoder_out"][0].unflatten(1, (rows, columns))[0]
            torch.testing.assert_close(together[number, :rows, :columns], keys, rtol=1e-4, atol=1e-4)


def test_which_map_serves() -> None:
    weights = affine(64, 96)
    assert map_if_there(None, "float32") is None
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        linear = map_in(weights, precision)
        assert isinstance(linear, LinearMap) and linear.dtype == dtype
    assert isinstance(map_in(weights, "int8"), LinearMap), "a small one"
    if int8_obstacle() is None:
        assert isinstance(map_if_there(affine(512, 512), "int8"), Int8LinearMap)


# -- where it can't be done --------------------------------------------------------------------------


def test_a_processor_without_vnni(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    for build in (lambda: Int8LinearMap(affine(4, 4)), lambda: Int8Conv2d(nn.Conv2d(4, 4, 3))):
        with pytest.raises(ValueError, match=r"this CPU is without VNNI.*decode in float32 or bfloat16"):
            build()


def test_a_torch_without_the_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_products, "_OPERATORS", ("qlinear_prepack", "no_such_product"))
    assert "is without oneDNN's products of int8" in (int8_obstacle() or "")


def test_a_gpu() -> None:
    assert "int8 decodes on CPUs alone, and the model lies on cuda:0" in (int8_obstacle("cuda:0") or "")
