"""Graphs of encoders against the encoders."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="needs onnx: pip install 'im2latex-fairseq[onnx]'")
onnxruntime = pytest.importorskip(
    "onnxruntime", reason="needs onnxruntime: pip install 'im2latex-fairseq[onnx]'"
)

from im2latex_fairseq.models.image_encoders import (  # noqa: E402
    ImageEncoder,
    build_image_encoder,
    image_encoder_options,
    registered_image_encoders,
)
from im2latex_fairseq.onnx_export import picture_mask  # noqa: E402
from im2latex_fairseq.onnx_export.encoder_graph import encoder_graph  # noqa: E402
from im2latex_fairseq.onnx_export.graph_builder import GraphBuilder, KernelStorage  # noqa: E402
from im2latex_fairseq.onnx_export.image_features import FEATURES  # noqa: E402
from im2latex_fairseq.onnx_export.weights import Weights  # noqa: E402

CHANNELS, HEADS = 32, 4
SMALL_GRID = {"stem_channels": 8, "grid_channels": 32, "grid_blocks": "1x5,3x3,5x1d3"}


def random_encoder(name: str, contract: str, options: dict[str, Any]) -> ImageEncoder:
    torch.manual_seed(1)
    encoder = build_image_encoder(
        name, embed_dim=CHANNELS, dropout=0.0, decoder_contract=contract, options=json.dumps(options)
    )
    for value in (*encoder.parameters(), *encoder.buffers()):
        if value.is_floating_point():  # no weight stays at the zeros or ones it begins with
            value.data.add_(0.1 * torch.rand_like(value))
    return encoder.eval()


def graph_of(
    encoder: ImageEncoder, name: str, options: dict[str, Any], kernels: KernelStorage = "half"
) -> Any:
    weights = Weights({key: tensor.numpy() for key, tensor in encoder.state_dict().items()})
    every = {**image_encoder_options(name), **options}
    return encoder_graph(name, every, encoder.stride, weights, HEADS, 0.5, kernels)


def session_of(graph: Any) -> Any:
    return onnxruntime.InferenceSession(graph.SerializeToString())


def pictures(*sizes: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of specks on white paper, and the sizes."""
    generator = torch.Generator().manual_seed(2)
    batch = torch.zeros(len(sizes), 1, max(h for h, _ in sizes), max(w for _, w in sizes))
    for row, (height, width) in enumerate(sizes):
        specks = torch.rand(height, width, generator=generator) > 0.96
        batch[row, 0, :height, :width] = specks * torch.rand(height, width, generator=generator)
    return batch, torch.tensor(sizes)


def compare(encoder: ImageEncoder, session: Any, images: torch.Tensor, sizes: torch.Tensor) -> None:
    with torch.no_grad():
        expected = encoder(images, sizes)
    keys, values, unread, grid_size = session.run(None, {"images": images.numpy(), "sizes": sizes.numpy()})
    count = len(images)
    expected_keys, expected_values = (rows.numpy() for rows in expected["encoder_out"])
    padding = expected["encoder_padding_mask"]
    padding = np.zeros(unread.shape, bool) if padding is None else padding.numpy()
    if encoder.decoder_contract == "fconv":
        # What the encoder divides by the root of the number of cells, the decoder multiplies by it.
        expected_values = expected_values * np.sqrt((~padding).sum(1))[:, None, None]
    keys = keys.transpose(0, 3, 1, 2).reshape(count, -1, CHANNELS)
    values = values.transpose(0, 2, 1, 3).reshape(count, -1, CHANNELS)
    assert tuple(grid_size) == expected["grid_size"]
    np.testing.assert_array_equal(unread, padding)
    np.testing.assert_allclose(keys[~padding], 0.5 * expected_keys[~padding], atol=2e-4)
    np.testing.assert_allclose(values[~padding], expected_values[~padding], atol=2e-4)


@pytest.mark.parametrize("contract", ["plain", "fconv"])
@pytest.mark.parametrize(
    "name, options",
    [
        ("gated_grid", SMALL_GRID),
        ("gated_grid", {**SMALL_GRID, "horizontal_stride": 4}),
        ("gated_grid", {**SMALL_GRID, "vertical_stride": 4, "grid_positions": False}),
        ("gated_grid", {**SMALL_GRID, "output_positions": False, "trunk_blocks": 2}),
        ("plain_cnn", {"width_multiplier": 0.125}),
        ("resnet", {"channels": 8}),
        ("resnet", {"channels": 8, "blocks": 2}),
    ],
)
def test_as_the_encoder(name: str, options: dict[str, Any], contract: str) -> None:
    encoder = random_encoder(name, contract, options)
    session = session_of(graph_of(encoder, name, options))
    # sides that are no whole cells, padding at both sides, a picture as large as the batch
    compare(encoder, session, *pictures((44, 117), (30, 90), (16, 117), (17, 16)))
    compare(encoder, session, *pictures((32, 64)))  # nothing to pad
    compare(encoder, session, *pictures((192, 768)))  # a larger grid than before


def test_a_blank_picture_is_read_everywhere() -> None:
    encoder = random_encoder("gated_grid", "plain", SMALL_GRID)
    images, sizes = pictures((24, 40), (16, 32))
    images[1] = 0
    compare(encoder, session_of(graph_of(encoder, "gated_grid", SMALL_GRID)), images, sizes)


def test_every_encoder_of_the_package_has_a_graph() -> None:
    own = {name for name in registered_image_encoders() if name in ("gated_grid", "plain_cnn", "resnet")}
    assert own == set(FEATURES)


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"'mine' can't be exported to ONNX; those that can are gated_grid, "
    ):
        encoder_graph("mine", {}, (8, 8), Weights({}), 1, 1.0)


def test_a_missing_weight_is_named() -> None:
    with pytest.raises(ValueError, match=r"no weight 'stem.weight'"):
        encoder_graph("resnet", {}, (8, 8), Weights({}), 1, 1.0)


def test_the_mask_knows_ink_as_the_encoder_does() -> None:
    assert picture_mask.INK == ImageEncoder.INK


def test_half_weights_change_nothing_but_the_size() -> None:
    encoder = random_encoder("gated_grid", "plain", SMALL_GRID).half().float()
    half, full = (graph_of(encoder, "gated_grid", SMALL_GRID, kernels) for kernels in ("half", "float32"))
    assert half.ByteSize() < 0.7 * full.ByteSize()
    for graph in (half, full):
        compare(encoder, session_of(graph), *pictures((40, 100), (16, 50)))


@pytest.mark.parametrize("kernels", ["float16", True, False])
def test_an_unknown_storage_of_kernels_is_refused(kernels: Any) -> None:
    with pytest.raises(ValueError, match=f"one of half, int8, float32, got {kernels!r}"):
        GraphBuilder("any", kernels)
