"""Norms that padding doesn't reach."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from im2latex_fairseq.models.image_encoders.base import PaddingMask
from im2latex_fairseq.models.image_encoders.masked_norm import ChannelNorm, MaskedBatchNorm2d


def make_norm(channels: int = 5) -> MaskedBatchNorm2d:
    norm = MaskedBatchNorm2d(channels)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.uniform_(-1.0, 1.0)
    return norm


@pytest.mark.parametrize("training", [True, False])
def test_without_padding_it_is_batch_norm(training: bool) -> None:
    norm, plain = make_norm(), nn.BatchNorm2d(5)
    plain.load_state_dict(norm.state_dict())
    mask = PaddingMask(torch.tensor([[32, 48], [32, 48]]), 32, 48)
    norm.train(training)
    plain.train(training)
    for _ in range(3):
        grid = torch.randn(2, 5, 4, 6) * 3 + 1
        torch.testing.assert_close(norm(grid, mask), plain(grid))
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(norm.state_dict()[name], value)


def test_statistics_are_those_of_the_pictures_alone() -> None:
    norm = make_norm()
    grid = torch.randn(2, 5, 4, 6)
    mask = PaddingMask(torch.tensor([[32, 48], [16, 24]]), 32, 48)
    result = norm(grid, mask)
    inside = mask.cells(4, 6)
    cells = grid.permute(0, 2, 3, 1)[inside]  # N x C
    expected = (cells - cells.mean(0)) / (cells.var(0, unbiased=False) + norm.eps).sqrt()
    expected = expected * norm.weight + norm.bias
    torch.testing.assert_close(result.permute(0, 2, 3, 1)[inside], expected, rtol=1e-4, atol=1e-5)
    assert result.permute(0, 2, 3, 1)[~inside].abs().max() == 0
    torch.testing.assert_close(norm.running_mean, 0.1 * cells.mean(0))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * cells.var(0))
    assert norm.num_batches_tracked == 1


def test_what_lies_on_padding_changes_nothing() -> None:
    mask = PaddingMask(torch.tensor([[32, 48], [16, 24]]), 32, 48)
    grid = torch.randn(2, 5, 4, 6, requires_grad=True)
    other = grid.detach() + 100.0 * ~mask.cells(4, 6)[:, None]
    first, second = make_norm(), make_norm()
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(first(grid, mask), second(other, mask), rtol=1e-4, atol=1e-5)
    first(grid, mask).square().sum().backward()
    assert grid.grad is not None
    assert grid.grad.masked_select(~mask.cells(4, 6)[:, None]).abs().max() == 0


def test_the_gradient_is_that_of_batch_norm() -> None:
    """The statistics of a padded batch take part in the gradient as those of batch norm do."""
    norm = make_norm().double()
    mask = PaddingMask(torch.tensor([[16, 16], [8, 16]]), 16, 16)

    def forward(grid: torch.Tensor) -> torch.Tensor:
        # computed in float32 by design, so the statistics are looked at here without the casts
        inside = mask.cells(2, 2)[:, None].double()
        mean = (grid * inside).sum(dim=(0, 2, 3)) / inside.sum()
        centred = (grid - mean[:, None, None]) * inside
        scale = (centred.square().sum(dim=(0, 2, 3)) / inside.sum() + norm.eps).rsqrt() * norm.weight
        return centred * scale[:, None, None] + norm.bias[:, None, None] * inside

    grid = torch.randn(2, 5, 2, 2, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 5, 2, 2, dtype=torch.float64)
    (expected,) = torch.autograd.grad((forward(grid) * weights).sum(), grid)
    (ours,) = torch.autograd.grad((norm.float()(grid.float(), mask) * weights).sum(), grid)
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4)


def test_channel_norm_treats_each_cell_alone() -> None:
    norm = ChannelNorm(8)
    grid = torch.randn(2, 8, 3, 4)
    result = norm(grid)
    torch.testing.assert_close(result[:, :, 1:2, 2:3], norm(grid[:, :, 1:2, 2:3]))
    torch.testing.assert_close(result.mean(dim=1), torch.zeros(2, 3, 4), rtol=0, atol=1e-5)
    assert norm(grid.to(memory_format=torch.channels_last)).shape == grid.shape
