"""The gated decoder: causality, limits, and what it refuses. Step by step against at once: test_architectures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from fairseq.data import Dictionary

from im2latex_fairseq.models.gated_conv_decoder import GatedConvDecoder


def make_decoder(**options: Any) -> GatedConvDecoder:
    dictionary = Dictionary()
    for number in range(20):
        dictionary.add_symbol(f"token{number}")
    torch.manual_seed(1)
    arguments = {"embed_dim": 16, "layers": 2, "heads": 2, "max_positions": 12, **options}
    return GatedConvDecoder(dictionary, **arguments).eval()


def make_encoder_out(batch: int = 2, padded: bool = False) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    keys, values = (torch.randn(batch, 6, 16, generator=generator) for _ in range(2))
    padding = None
    if padded:
        padding = torch.zeros(batch, 6, dtype=torch.bool)
        padding[0, 4:] = True
    return {"encoder_out": (keys, values), "encoder_padding_mask": padding}


def test_a_token_sees_none_after_it() -> None:
    decoder = make_decoder()
    tokens = torch.randint(4, 24, (2, 8))
    other = tokens.clone()
    other[:, 5:] = torch.randint(4, 24, (2, 3))
    first, _ = decoder(tokens, encoder_out=make_encoder_out())
    second, _ = decoder(other, encoder_out=make_encoder_out())
    torch.testing.assert_close(first[:, :5], second[:, :5])
    assert (first[:, 5:] - second[:, 5:]).abs().max() > 1e-3


def test_attention_avoids_padding() -> None:
    decoder = make_decoder()
    decoder.make_generation_fast_(need_attn=True)
    _, attention = decoder(torch.randint(4, 24, (2, 3)), encoder_out=make_encoder_out(padded=True))
    assert attention.shape == (2, 3, 6)
    assert attention[0, :, 4:].max() == 0
    torch.testing.assert_close(attention.sum(dim=2), torch.ones(2, 3))


def test_attention_is_left_out_where_nobody_asks_for_it() -> None:
    decoder = make_decoder()
    tokens = torch.randint(4, 24, (2, 3))
    decoder.make_generation_fast_(need_attn=True)
    logits, _ = decoder(tokens, encoder_out=make_encoder_out())
    decoder.make_generation_fast_(need_attn=False)
    without, attention = decoder(tokens, encoder_out=make_encoder_out())
    assert attention is None
    torch.testing.assert_close(without, logits)


@pytest.mark.parametrize("kernel_width", [1, 2, 5])
def test_kernels_of_any_width_decode_step_by_step(kernel_width: int) -> None:
    decoder = make_decoder(kernel_width=kernel_width)
    tokens = torch.randint(4, 24, (2, 6))
    at_once, _ = decoder(tokens, encoder_out=make_encoder_out(padded=True))
    state: dict[str, Any] = {}
    for length in range(1, 7):
        step, _ = decoder(
            tokens[:, :length], encoder_out=make_encoder_out(padded=True), incremental_state=state
        )
        torch.testing.assert_close(step[:, 0], at_once[:, length - 1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("attending", [{0}, {1}, {0, 2}])
def test_some_layers_attend(attending: set[int]) -> None:
    """The others have no weights for it; the picture is seen all the same, and step by step is as at once."""
    decoder = make_decoder(layers=3, attention_layers=attending)
    names = set(decoder.state_dict())
    for number in range(3):
        for part in ("attention_norm", "query", "output"):
            assert (f"layers.{number}.{part}.weight" in names) is (number in attending)
    decoder.make_generation_fast_(need_attn=True)
    tokens = torch.randint(4, 24, (2, 5))
    at_once, attention = decoder(tokens, encoder_out=make_encoder_out(padded=True))
    torch.testing.assert_close(attention.sum(dim=2), torch.ones(2, 5))
    state: dict[str, Any] = {}
    for length in range(1, 6):
        step, step_attention = decoder(
            tokens[:, :length], encoder_out=make_encoder_out(padded=True), incremental_state=state
        )
        torch.testing.assert_close(step[:, 0], at_once[:, length - 1], rtol=0, atol=1e-5)
        torch.testing.assert_close(step_attention[:, 0], attention[:, length - 1], rtol=0, atol=1e-5)
    other = make_encoder_out(padded=True)
    other["encoder_out"] = tuple(-rows for rows in other["encoder_out"])
    assert (decoder(tokens, encoder_out=other)[0] - at_once).abs().max() > 1e-3


def test_all_layers_attend_unless_told_otherwise() -> None:
    """Named one by one or not at all: the same first weights and the same result."""
    tokens = torch.randint(4, 24, (2, 5))
    default, named = make_decoder(), make_decoder(attention_layers=[0, 1])
    assert list(default.state_dict()) == list(named.state_dict())
    for first, second in zip(default.parameters(), named.parameters(), strict=True):
        assert torch.equal(first, second)
    encoder_out = make_encoder_out()
    assert torch.equal(default(tokens, encoder_out=encoder_out)[0], named(tokens, encoder_out=encoder_out)[0])


@pytest.mark.parametrize("attending", [[], [2], [-1, 0]])
def test_attention_needs_a_layer_that_there_is(attending: list[int]) -> None:
    with pytest.raises(ValueError, match="name at least one of the layers 0 to 1"):
        make_decoder(attention_layers=attending)


def test_more_tokens_than_positions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"13 target tokens, but the model has 12 positions.*--max-len-b"):
        make_decoder()(torch.randint(4, 24, (2, 13)), encoder_out=make_encoder_out())


def test_heads_must_divide_the_dimension() -> None:
    with pytest.raises(ValueError, match="decoder_embed_dim 16 must be divisible by decoder_heads 3"):
        make_decoder(heads=3)


def test_it_needs_a_picture() -> None:
    with pytest.raises(ValueError, match="needs the encoder's output"):
        make_decoder()(torch.zeros(1, 1, dtype=torch.long))
