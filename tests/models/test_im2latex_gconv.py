"""Options of the model with the gated decoder."""

from __future__ import annotations

from im2latex_fairseq import plugin  # noqa: F401  (registers the architectures)
from tests.models.test_architectures import build, make_dictionary


def test_the_flag_reaches_the_decoder() -> None:
    model = build("im2latex_gconv_tiny", make_dictionary(), decoder_attention_layers="1")
    assert [layer.attends for layer in model.decoder.layers] == [False, True, False]
