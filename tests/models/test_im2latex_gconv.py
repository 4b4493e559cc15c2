"""Options of the model with the gated decoder."""

from __future__ import annotations

import pytest

from im2latex_fairseq import plugin  # noqa: F401  (registers the architectures)
from im2latex_fairseq.models.im2latex_gconv import parse_attention_layers
from tests.models.test_architectures import build, make_dictionary


@pytest.mark.parametrize(
    "text, layers",
    [
        ("all", None),
        ("6", {6}),
        ("0,3,6", {0, 3, 6}),
        ("0, 3", {0, 3}),  # spaces, as in a yaml
    ],
)
def test_attention_layers(text: str, layers: set[int] | None) -> None:
    assert parse_attention_layers(text) == layers


@pytest.mark.parametrize("text", ["", "none", "0,", "[0]"])
def test_refused_attention_layers(text: str) -> None:
    with pytest.raises(ValueError, match="expected all, or numbers of layers"):
        parse_attention_layers(text)


def test_the_flag_reaches_the_decoder() -> None:
    model = build("im2latex_gconv_tiny", make_dictionary(), decoder_attention_layers="1")
    assert [layer.attends for layer in model.decoder.layers] == [False, True, False]
