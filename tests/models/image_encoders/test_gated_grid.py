"""The blocks of gated_grid: their notation, and what they refuse."""

from __future__ import annotations

import pytest
import torch

from im2latex_fairseq.models.image_encoders.gated_grid import GatedGridEncoder, parse_grid_blocks


@pytest.mark.parametrize(
    "text, blocks",
    [
        ("", []),  # no gated block: the trunk alone
        ("1x7", [(1, 7, 1)]),
        ("1x7, 3x3,1x7d3", [(1, 7, 1), (3, 3, 1), (1, 7, 3)]),
        ("5x1d2", [(5, 1, 2)]),
    ],
)
def test_grid_blocks(text: str, blocks: list[tuple[int, int, int]]) -> None:
    assert parse_grid_blocks(text) == blocks


@pytest.mark.parametrize(
    "text, message",
    [
        ("1*7", "expected HEIGHTxWIDTH"),
        ("1x7d", "expected HEIGHTxWIDTH"),
        ("7", "expected HEIGHTxWIDTH"),
        ("1x6", "must be odd"),
        ("1x7d0", "dilation positive"),
    ],
)
def test_refused_grid_blocks(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_grid_blocks(text)


@pytest.mark.parametrize("horizontal_stride, columns", [(8, 6), (4, 11)])
def test_horizontal_stride(horizontal_stride: int, columns: int) -> None:
    encoder = GatedGridEncoder(
        embed_dim=16, stem_channels=8, grid_channels=16, horizontal_stride=horizontal_stride
    )
    assert encoder(torch.rand(1, 1, 24, 44))["grid_size"] == (3, columns)


def test_other_strides_are_refused() -> None:
    with pytest.raises(ValueError, match="horizontal_stride must be 4 or 8, got 16"):
        GatedGridEncoder(horizontal_stride=16)


def test_a_cell_sees_its_row_far_away() -> None:
    """The wide blocks carry a mark at one end of a row further than the trunk's own kernels reach."""
    torch.manual_seed(1)
    encoder = GatedGridEncoder(embed_dim=16, stem_channels=8, grid_channels=16, grid_blocks="1x7,3x3,1x7d3")
    encoder.eval()
    image = torch.rand(1, 1, 24, 400)
    marked = image.clone()
    marked[..., :8] = 1 - marked[..., :8]
    difference = encoder(image)["encoder_out"][0] - encoder(marked)["encoder_out"][0]
    changed = difference.view(3, 50, 16).abs().amax(dim=(0, 2)) > 1e-6
    assert changed[:12].all()
    assert not changed[30:].any()
