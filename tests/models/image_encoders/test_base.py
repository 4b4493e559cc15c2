"""The contract between encoders and decoders: masks, the arithmetic of FConvDecoder, gradients."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.models.fconv import FConvDecoder

from im2latex_fairseq.models.image_encoders import (
    ImageEncoder,
    PaddingMask,
    build_image_encoder,
    registered_image_encoders,
)

SMALL_PX, LARGE_PX = (24, 40), (128, 512)


class PoolingEncoder(ImageEncoder):
    """The least that an encoder can be: means of 8x8 pixels, in four channels."""

    def __init__(self, decoder_contract: str = "fconv", **options: Any) -> None:
        super().__init__(16, 4, (8, 8), dropout=0.0, decoder_contract=decoder_contract, **options)

    def extract_features(self, images: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        pooled = torch.nn.functional.avg_pool2d(images, 8)
        return torch.cat([pooled, pooled**2, 1 - pooled, pooled.sqrt()], dim=1)


def make_decoder(layers: int = 4, channels: int = 64) -> FConvDecoder:
    dictionary = Dictionary()
    for number in range(40):
        dictionary.add_symbol(f"token{number}")
    return FConvDecoder(
        dictionary, embed_dim=channels, out_embed_dim=32, convolutions=((channels, 3),) * layers, dropout=0.0
    )


def draw(height: int, width: int) -> torch.Tensor:
    """Like a formula: mostly paper, some strokes of a few pixels; (1, 1, H, W)."""
    generator = torch.Generator().manual_seed(height)
    image = torch.zeros(1, 1, height, width)
    for _ in range(height * width // 250):
        y = int(torch.randint(2, height - 10, (), generator=generator))
        x = int(torch.randint(2, width - 10, (), generator=generator))
        if torch.rand((), generator=generator) < 0.5:
            image[..., y : y + 8, x : x + 2] = 1.0
        else:
            image[..., y : y + 2, x : x + 8] = 1.0
    return image


# -- masks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes, grid, expected_rows, expected_columns",
    [
        ([[16, 32]], (2, 4), [2], [4]),  # fills the batch
        ([[8, 32], [16, 8]], (2, 4), [1, 2], [4, 1]),  # shorter, narrower
        ([[9, 17]], (2, 4), [2], [3]),  # a cell counts if any pixel under it does
        ([[16, 32]], (8, 16), [8], [16]),  # a finer grid
        ([[4, 6]], (8, 16), [2], [3]),  # and a part of it
    ],
)
def test_cells_of_pictures(
    sizes: list[list[int]], grid: tuple[int, int], expected_rows: list[int], expected_columns: list[int]
) -> None:
    cells = PaddingMask(torch.tensor(sizes), 16, 32).cells(*grid)
    assert cells.shape == (len(sizes), *grid)
    assert cells.any(dim=2).sum(dim=1).tolist() == expected_rows
    assert cells.any(dim=1).sum(dim=1).tolist() == expected_columns


def test_an_unpadded_batch_is_not_masked() -> None:
    mask = PaddingMask(torch.tensor([[16, 32], [16, 32]]), 16, 32)
    grid = torch.ones(2, 3, 2, 4)
    assert not mask.is_padded
    assert mask.apply(grid) is grid


def test_padding_becomes_zero() -> None:
    mask = PaddingMask(torch.tensor([[16, 32], [8, 16]]), 16, 32)
    grid = mask.apply(torch.ones(2, 3, 2, 4))
    assert grid[0].min() == 1
    assert grid[1, :, :1, :2].min() == 1
    assert grid[1].sum() == 3 * 2


# -- forward -------------------------------------------------------------------------------------------


def test_shapes_and_mask() -> None:
    out = PoolingEncoder()(torch.rand(2, 1, 20, 33), src_lengths=torch.tensor([[20, 33], [16, 9]]))
    keys, values = out["encoder_out"]
    assert keys.shape == values.shape == (2, 3 * 5, 16)
    assert out["grid_size"] == (3, 5)
    inside = ~out["encoder_padding_mask"].view(2, 3, 5)
    assert inside[0].all()
    assert inside[1].sum() == 2 * 2
    assert inside[1, :2, :2].all()


@pytest.mark.parametrize("lengths", [None, torch.tensor([32, 32])])
def test_no_mask_where_nothing_is_padded(lengths: torch.Tensor | None) -> None:
    """`src_lengths` may be missing, or be widths alone as other callers of fairseq give them."""
    assert PoolingEncoder()(torch.rand(2, 1, 16, 32), src_lengths=lengths)["encoder_padding_mask"] is None


def test_widths_alone_mask_columns() -> None:
    out = PoolingEncoder()(torch.rand(2, 1, 16, 32), src_lengths=torch.tensor([32, 8]))
    assert (~out["encoder_padding_mask"]).sum(dim=1).tolist() == [8, 2]


def test_blank_paper_is_masked() -> None:
    images = torch.zeros(2, 1, 16, 32)
    images[0, :, 3, 9] = 1.0  # one stroke, in cell (0, 1)
    images[1, :, 8:, 24:] = 0.05  # a shadow, lighter than any ink
    images[1, :, 0, 0] = 0.2  # faint ink
    unread = PoolingEncoder()(images)["encoder_padding_mask"].view(2, 2, 4)
    assert (~unread[0]).nonzero().tolist() == [[0, 1]]
    assert (~unread[1]).nonzero().tolist() == [[0, 0]]


def test_a_blank_picture_is_read_whole() -> None:
    """With all of it masked, attention would be NaN."""
    images = torch.zeros(2, 1, 16, 32)
    images[0] = 1.0
    out = PoolingEncoder()(images, src_lengths=torch.tensor([[16, 32], [8, 16]]))
    assert (~out["encoder_padding_mask"]).sum(dim=1).tolist() == [8, 2]
    assert PoolingEncoder()(images)["encoder_padding_mask"] is None


@pytest.mark.parametrize("shape", [(2, 16, 32), (2, 3, 16, 32), (2, 5)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"images must be \(B, 1, H, W\)"):
        PoolingEncoder()(torch.zeros(shape))


def test_unknown_contract_is_refused() -> None:
    with pytest.raises(ValueError, match="decoder_contract must be one of fconv, plain, got 'transformer'"):
        PoolingEncoder(decoder_contract="transformer")


def test_reordering_within_beams_copies_nothing() -> None:
    encoder = PoolingEncoder()
    out = encoder(torch.rand(2, 1, 16, 32))
    beams = encoder.reorder_encoder_out(out, torch.tensor([0, 0, 1, 1]))
    assert beams["encoder_out"][0].shape[0] == 4
    assert encoder.reorder_encoder_out(beams, torch.tensor([1, 0, 3, 3])) is beams
    other = encoder.reorder_encoder_out(beams, torch.tensor([2, 3, 0, 1]))
    torch.testing.assert_close(other["encoder_out"][1][0], out["encoder_out"][1][1])


# -- the arithmetic of FConvDecoder ----------------------------------------------------------------------


def test_flat_attention_adds_nothing() -> None:
    """Values are centred over each picture, and padding takes no part in it."""
    out = PoolingEncoder()(torch.rand(2, 1, 32, 64), src_lengths=torch.tensor([[32, 64], [16, 24]]))
    for row, count in enumerate((32, 6)):
        inside = ~out["encoder_padding_mask"][row]
        assert inside.sum() == count
        assert out["encoder_out"][1][row][inside].mean(dim=0).abs().max() < 1e-6


@pytest.mark.parametrize("name", registered_image_encoders())
@pytest.mark.parametrize("size_px", [SMALL_PX, LARGE_PX], ids=["small", "large"])
def test_attention_of_the_stock_decoder_starts_neither_flat_nor_saturated(
    name: str, size_px: tuple[int, int]
) -> None:
    """Measured at the first step of training: how peaked attention is, and how large what it adds."""
    entropies, peaks, ratios = [], [], []
    for seed in (1, 2, 3):
        torch.manual_seed(seed)
        encoder = build_image_encoder(name, embed_dim=64, dropout=0.0, decoder_contract="fconv")
        decoder = make_decoder()
        own, added, weights = [], [], []

        def record(attention: torch.nn.Module, inputs: Any, result: Any) -> None:
            own.append(inputs[0].square().mean().sqrt().item())  # noqa: B023  (called in this round)
            weights.append(result[1])  # noqa: B023

        def record_update(projection: torch.nn.Module, inputs: Any) -> None:
            added.append(inputs[0].square().mean().sqrt().item())  # noqa: B023

        for attention in decoder.attention:
            attention.register_forward_hook(record)
            attention.out_projection.register_forward_pre_hook(record_update)
        encoder.train()  # batch norm as in the first step
        decoder.eval()
        with torch.no_grad():
            decoder(torch.randint(4, 44, (1, 12)), encoder_out=encoder(draw(*size_px)))
        ratios += [update / signal for update, signal in zip(added, own, strict=True)]
        for weight in weights:
            entropy = -(weight * weight.clamp(min=1e-30).log()).sum(dim=-1).mean().item()
            entropies.append(entropy / math.log(weight.shape[-1]))
            peaks.append((weight.max(dim=-1).values.mean() * weight.shape[-1]).item())
    # Relative to log S flat attention has entropy 1, saturated attention 0.
    assert all(0.4 < entropy < 0.97 for entropy in entropies), entropies
    # The cell looked at most gets more than its share from the start, so that there is something to learn from.
    assert all(peak > 1.2 for peak in peaks), peaks
    # What is read from the picture neither drowns the decoder's own signal nor drowns in it.
    assert all(0.05 < ratio < 3.0 for ratio in ratios), ratios


def test_the_attended_update_does_not_grow_with_the_picture() -> None:
    """FConvDecoder multiplies by sqrt(S): without the encoder's 1 / sqrt(S), S = 1024 gives 8 times S = 15."""
    scales = {}
    for size_px in (SMALL_PX, LARGE_PX):
        torch.manual_seed(1)
        encoder = build_image_encoder("gated_grid", embed_dim=64, dropout=0.0, decoder_contract="fconv")
        with torch.no_grad():
            _, values = encoder(draw(*size_px))["encoder_out"]
        # Attention of one position alone, times sqrt(S) as the decoder has it.
        scales[size_px] = values.square().mean().sqrt().item() * math.sqrt(values.shape[1])
    assert 0.5 < scales[LARGE_PX] / scales[SMALL_PX] < 2.0, scales
    assert all(0.2 < scale < 2.0 for scale in scales.values()), scales


@pytest.mark.parametrize("layers", [1, 7])
def test_the_gradient_is_divided_by_twice_the_attention_layers(layers: int) -> None:
    encoder = PoolingEncoder()
    images = torch.rand(2, 1, 16, 32)

    def gradient(count: int | None) -> torch.Tensor:
        encoder.num_attention_layers = count
        encoder.zero_grad()
        keys, values = encoder(images)["encoder_out"]
        (keys[..., 0].sum() + values[..., 0].square().sum()).backward()
        assert encoder.value_projection.weight.grad is not None
        return torch.cat([encoder.value_projection.weight.grad, encoder.key_projection.weight.grad])

    torch.testing.assert_close(gradient(layers), gradient(None) / (2 * layers))


def test_the_plain_contract_scales_nothing() -> None:
    encoder = PoolingEncoder("plain")
    encoder.num_attention_layers = 7
    images = torch.rand(1, 1, 16, 32)
    keys, values = encoder(images)["encoder_out"]
    values[..., 0].sum().backward()
    scaled = encoder.value_projection.weight.grad.clone()
    encoder.num_attention_layers = None
    encoder.zero_grad()
    encoder(images)["encoder_out"][1][..., 0].sum().backward()
    torch.testing.assert_close(scaled, encoder.value_projection.weight.grad)
    assert not hasattr(encoder, "key_scale")
    assert keys.shape == (1, 8, 16)
