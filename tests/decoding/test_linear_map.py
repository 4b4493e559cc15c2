"""Packed or not, a linear map is what `F.linear` computes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from im2latex_fairseq.decoding import linear_map
from im2latex_fairseq.decoding.affine import Affine
from im2latex_fairseq.decoding.linear_map import LinearMap

WIDTHS = [(7, 3), (64, 96), (768, 512)]


def affine(in_channels: int, out_channels: int) -> Affine:
    torch.manual_seed(in_channels)
    return Affine(torch.randn(out_channels, in_channels) * in_channels**-0.5, torch.randn(out_channels))


@pytest.mark.parametrize("rows", [1, 4, 5, 64, 321])
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_the_linear_map(dtype: torch.dtype, widths: tuple[int, int], rows: int) -> None:
    weights = affine(*widths)
    given = torch.randn(rows, widths[0])
    linear = LinearMap(weights, dtype)
    assert (linear.in_channels, linear.out_channels, linear.dtype) == (*widths, dtype)
    with torch.inference_mode():
        found = linear(given.to(dtype))
    expected = F.linear(given.to(dtype).double(), *(part.to(dtype).double() for part in weights))
    assert found.dtype == dtype
    tolerance = {torch.float32: 2e-5, torch.bfloat16: 2e-2}[dtype]
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)


def test_rows_do_not_depend_on_their_number() -> None:
    linear = LinearMap(affine(768, 512))
    rows = torch.randn(130, 768)
    alone = torch.cat([linear(row[None]) for row in rows])
    torch.testing.assert_close(linear(rows), alone, rtol=1e-5, atol=1e-5)


def test_without_onednn_the_plain_product_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_map, "_CAN_PACK", False)
    weights = affine(768, 512)
    rows = torch.randn(9, 768)
    assert torch.equal(LinearMap(weights)(rows), F.linear(rows, *weights))


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch is without oneDNN")
def test_the_weight_is_packed_where_torch_can() -> None:
    """What the speed rests on isn't public: a torch without it should be noticed here, not by users."""
    assert LinearMap(affine(768, 512))._packed is not None
