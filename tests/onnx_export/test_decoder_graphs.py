"""Graphs of one decoder step against the decoders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from fairseq.data import Dictionary

pytest.importorskip("onnx", reason="needs onnx: pip install 'im2latex-fairseq[onnx]'")
onnxruntime = pytest.importorskip(
    "onnxruntime", reason="needs onnxruntime: pip install 'im2latex-fairseq[onnx]'"
)

from fairseq.models.fconv import FConvDecoder  # noqa: E402

from im2latex_fairseq.models.gated_conv_decoder import GatedConvDecoder  # noqa: E402
from im2latex_fairseq.onnx_export.fconv_graph import fconv_graph  # noqa: E402
from im2latex_fairseq.onnx_export.gated_conv_graph import gated_conv_graph  # noqa: E402
from im2latex_fairseq.onnx_export.weights import Weights  # noqa: E402

PICTURES, BEAMS, CELLS, STEPS, CHANNELS = 2, 3, 11, 8, 16


def dictionary() -> Dictionary:
    result = Dictionary()
    for number in range(9):
        result.add_symbol(f"t{number}")
    return result


def random_weights(decoder: torch.nn.Module) -> dict[str, np.ndarray]:
    torch.manual_seed(3)
    for value in decoder.parameters():
        value.data.add_(0.2 * torch.rand_like(value))
    decoder.eval()
    return {key: tensor.numpy() for key, tensor in decoder.state_dict().items()}


def compare_steps(decoder: Any, graph: Any, heads: int, key_factor: float, is_fconv: bool) -> None:
    """Decode random tokens by both, in beams of two pictures of which one has unread cells."""
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    generator = torch.Generator().manual_seed(4)
    keys, values = torch.randn(2, PICTURES, CELLS, CHANNELS, generator=generator)
    unread = torch.zeros(PICTURES, CELLS, dtype=torch.bool)
    unread[1, 7:] = True
    order = torch.arange(PICTURES).repeat_interleave(BEAMS)
    encoder_out = {
        "encoder_out": (keys[order], values[order]),
        "encoder_padding_mask": unread[order],
    }
    by_head = (PICTURES, CELLS, heads, CHANNELS // heads)
    roots = (~unread).sum(1).sqrt()[:, None, None] if is_fconv else torch.ones(1)
    fixed = {
        "keys": (keys * key_factor).view(by_head).permute(0, 2, 3, 1).numpy(),
        "values": (values * roots).view(by_head).permute(0, 2, 1, 3).numpy(),
        "unread": unread.numpy(),
    }
    width = session.get_inputs()[2].shape[2]
    state = np.zeros((PICTURES, BEAMS, width), dtype=np.float32)
    tokens = torch.full((PICTURES * BEAMS, 1), 2)
    incremental: dict[str, Any] = {}
    for step in range(STEPS):
        with torch.no_grad():
            logits, _ = decoder(tokens, encoder_out, incremental_state=incremental)
        expected = logits[:, -1].log_softmax(-1).numpy().reshape(PICTURES, BEAMS, -1)
        scores, state = session.run(
            ["log_probabilities", "new_state"],
            {
                "tokens": tokens[:, -1].view(PICTURES, BEAMS).numpy(),
                "position": np.array(step),
                "state": state,
                **fixed,
            },
        )
        np.testing.assert_allclose(scores, expected, atol=2e-4)
        tokens = torch.cat([tokens, torch.randint(4, 13, (PICTURES * BEAMS, 1), generator=generator)], dim=1)


@pytest.mark.parametrize(
    "layers, kernel_width, heads, attention_layers",
    [
        (2, 3, 4, None),
        (3, 2, 1, {1}),  # two layers don't attend
        (1, 1, 2, None),  # no history at all
    ],
)
def test_gated_conv_decoder(
    layers: int, kernel_width: int, heads: int, attention_layers: set[int] | None
) -> None:
    decoder = GatedConvDecoder(dictionary(), CHANNELS, layers, kernel_width, heads, 0.0, 16, attention_layers)
    graph = gated_conv_graph(Weights(random_weights(decoder)), heads)
    compare_steps(decoder, graph, heads, (CHANNELS // heads) ** -0.5, is_fconv=False)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize(
    "convolutions, attention, share_embed",
    [
        (((16, 3, 1), (16, 3, 1)), True, False),
        (((16, 3, 1), (24, 2, 1), (16, 1, 2)), True, False),  # projections, a residual of two layers back
        (((16, 3, 0), (16, 3, 1)), [True, False], True),  # no residual, a layer without attention
    ],
)
def test_stock_decoder(
    convolutions: tuple[tuple[int, int, int], ...], attention: bool | list[bool], share_embed: bool
) -> None:
    decoder = FConvDecoder(
        dictionary(), CHANNELS, None, 16, 18, convolutions, attention, 0.0, share_embed=share_embed
    )
    graph = fconv_graph(Weights(random_weights(decoder)), [residual for _, _, residual in convolutions])
    compare_steps(decoder, graph, 1, 1.0, is_fconv=True)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_residuals_have_to_be_as_many_as_layers() -> None:
    decoder = FConvDecoder(dictionary(), CHANNELS, None, 16, 18, ((16, 3),), True, 0.0)
    with pytest.raises(ValueError, match="1 layers, but 2 residuals"):
        fconv_graph(Weights(random_weights(decoder)), [1, 1])
