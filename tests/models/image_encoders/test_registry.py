"""The registry of image encoders refuses with reasons, and parses options without evaluating them."""

from __future__ import annotations

import pytest

from im2latex_fairseq.models.image_encoders import (
    ImageEncoder,
    build_image_encoder,
    image_encoder_class,
    image_encoder_options,
    register_image_encoder,
    registered_image_encoders,
)
from im2latex_fairseq.models.image_encoders.registry import parse_image_encoder_options


def test_the_encoders_of_the_package() -> None:
    assert {"gated_grid", "plain_cnn", "resnet"} <= set(registered_image_encoders())


def test_a_taken_name_is_refused_naming_its_holder() -> None:
    with pytest.raises(
        ValueError, match=r"'resnet' is already registered by im2latex_fairseq\S*resnet\S*Resnet"
    ):

        @register_image_encoder("resnet")
        class Another(ImageEncoder):
            pass

    assert image_encoder_class("resnet").__name__ == "ResnetEncoder"


def test_something_else_than_an_encoder_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a subclass of ImageEncoder"):
        register_image_encoder("no_encoder")(dict)  # type: ignore[type-var]
    assert "no_encoder" not in registered_image_encoders()


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(
        ValueError, match=r"no image encoder 'resnet50'; registered are: .*gated_grid, plain_cnn"
    ):
        image_encoder_class("resnet50")


@pytest.mark.parametrize(
    "text, options",
    [
        (None, {}),
        ("", {}),
        ("{}", {}),
        ('{"channels": 16}', {"channels": 16}),
        ('{"channels": 16, "blocks": 2}', {"channels": 16, "blocks": 2}),
    ],
)
def test_options(text: str | None, options: dict[str, int]) -> None:
    assert parse_image_encoder_options("resnet", text) == options


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("resnet", "{channels: 16}", "is not JSON"),
        ("resnet", "__import__('os')", "is not JSON"),
        ("resnet", "[16]", "must be a JSON object"),
        ("resnet", '{"chanels": 16}', r"no option 'chanels'; its options and defaults are: .*'channels': 32"),
        ("resnet", '{"embed_dim": 16}', "no option 'embed_dim'"),  # the model's own business
        ("resnet", '{"channels": "16"}', "'channels' .* must be of type int .* got '16'"),
        ("resnet", '{"channels": 1.5}', "must be of type int"),
        ("resnet", '{"channels": true}', "must be of type int"),
        ("gated_grid", '{"grid_positions": 1}', "must be of type bool"),
        ("gated_grid", '{"grid_blocks": 3}', "must be of type str"),
    ],
)
def test_refused_options(name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_image_encoder_options(name, text)


def test_a_whole_number_serves_as_a_float() -> None:
    assert parse_image_encoder_options("plain_cnn", '{"width_multiplier": 1}') == {"width_multiplier": 1}


@pytest.mark.parametrize("name", ["gated_grid", "plain_cnn", "resnet"])
def test_every_option_has_a_default(name: str) -> None:
    assert image_encoder_options(name)
    encoder = build_image_encoder(name, embed_dim=16, dropout=0.1, decoder_contract="plain")
    assert isinstance(encoder, image_encoder_class(name))


def test_options_reach_the_encoder() -> None:
    encoder = build_image_encoder(
        "resnet", embed_dim=16, dropout=0.1, decoder_contract="plain", options='{"channels": 8}'
    )
    assert encoder.feature_channels == 64
