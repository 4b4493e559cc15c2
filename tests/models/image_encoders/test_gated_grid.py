"""The blocks of gated_grid: their notation, and what they refuse."""

from __future__ import annotations

from typing import Any

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


def make_encoder(**options: Any) -> GatedGridEncoder:
    torch.manual_seed(1)
    return GatedGridEncoder(embed_dim=16, stem_channels=8, grid_channels=16, **options).eval()


@pytest.mark.parametrize("vertical, rows", [(8, 3), (4, 6)])
@pytest.mark.parametrize("horizontal, columns", [(8, 6), (4, 11)])
def test_strides(vertical: int, rows: int, horizontal: int, columns: int) -> None:
    encoder = make_encoder(vertical_stride=vertical, horizontal_stride=horizontal)
    assert encoder(torch.rand(1, 1, 24, 44))["grid_size"] == (rows, columns)


@pytest.mark.parametrize("side", ["horizontal", "vertical"])
def test_other_strides_are_refused(side: str) -> None:
    with pytest.raises(ValueError, match=f"{side}_stride must be 4 or 8, got 16"):
        GatedGridEncoder(**{f"{side}_stride": 16})


def test_positions_can_be_left_out() -> None:
    """Without them equal cells far from every edge are equal to the decoder; with them they are not."""
    image = torch.zeros(1, 1, 24, 400)
    image[..., 8:16, :] = 1.0
    for output_positions in (True, False):
        encoder = make_encoder(grid_positions=False, output_positions=output_positions, grid_blocks="1x5")
        keys = encoder(image)["encoder_out"][0].view(3, 50, 16)
        assert torch.allclose(keys[1, 24], keys[1, 26], atol=1e-5) is not output_positions
    assert not any("positions" in name for name, _ in encoder.named_parameters())


def test_older_checkpoints_fit() -> None:
    """The weights as they were before strides and positions could be chosen: later options add none."""
    encoder = GatedGridEncoder()
    weights = {name: tuple(weight.shape) for name, weight in encoder.state_dict().items()}
    parts = {name.split(".")[0] for name in weights}
    assert parts == {
        "output_positions", "output_norm", "key_projection", "value_projection", "key_scale", "stem", "down1",
        "trunk1", "norm1", "down2", "trunk2", "grid_positions", "grid_blocks",
    }  # fmt: skip
    assert weights["down2.weight"] == (256, 96, 3, 3)
    assert weights["grid_blocks.2.conv.weight"] == (512, 256, 1, 5)
    assert encoder.down2.stride == (2, 2)


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
