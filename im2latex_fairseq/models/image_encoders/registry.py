"""The registry of image encoders: what `--image-encoder NAME` can name."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, TypeVar

from im2latex_fairseq.models.image_encoders.base import ImageEncoder

_IMAGE_ENCODERS: dict[str, type[ImageEncoder]] = {}
_EncoderClass = TypeVar("_EncoderClass", bound=type[ImageEncoder])
# What the model passes itself; not for --image-encoder-options.
_PASSED_BY_MODEL = ("self", "embed_dim", "dropout", "decoder_contract")


def register_image_encoder(name: str) -> Callable[[_EncoderClass], _EncoderClass]:
    """Decorator: register an `ImageEncoder` subclass under a name.

    Raises:
        ValueError: The name is taken; the message says by which module.
        TypeError: The class is no `ImageEncoder`.
    """

    def register(encoder_class: _EncoderClass) -> _EncoderClass:
        if name in _IMAGE_ENCODERS:
            holder = _IMAGE_ENCODERS[name]
            raise ValueError(
                f"image encoder {name!r} is already registered by {holder.__module__}.{holder.__qualname__}; "
                "choose another name"
            )
        if not (isinstance(encoder_class, type) and issubclass(encoder_class, ImageEncoder)):
            raise TypeError(
                f"image encoder {name!r} must be a subclass of ImageEncoder, got {encoder_class!r}"
            )
        _IMAGE_ENCODERS[name] = encoder_class
        return encoder_class

    return register


def registered_image_encoders() -> tuple[str, ...]:
    """The names of all registered image encoders, sorted."""
    return tuple(sorted(_IMAGE_ENCODERS))


def image_encoder_class(name: str) -> type[ImageEncoder]:
    """The class registered under a name.

    Raises:
        ValueError: No such encoder; the message lists those that there are.
    """
    if name not in _IMAGE_ENCODERS:
        raise ValueError(
            f"no image encoder {name!r}; registered are: {', '.join(registered_image_encoders())}. "
            "An encoder of your own is registered by @register_image_encoder in the --user-dir."
        )
    return _IMAGE_ENCODERS[name]


def image_encoder_options(name: str) -> dict[str, Any]:
    """The options of an encoder and their defaults: its constructor's keywords but for the model's own."""
    parameters = inspect.signature(image_encoder_class(name)).parameters
    return {key: p.default for key, p in parameters.items() if key not in _PASSED_BY_MODEL}


def parse_image_encoder_options(name: str, text: str | None) -> dict[str, Any]:
    """Parse `--image-encoder-options`, a JSON object, against the constructor of the encoder.

    Args:
        name: A registered encoder.
        text: For example '{"layers": 3}'; None or empty means no options.

    Raises:
        ValueError: No JSON object, an option that the encoder doesn't have, or one of another type
            than its default; the message lists what it has.
    """
    known = image_encoder_options(name)
    if not text:
        return {}
    try:
        options = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"--image-encoder-options {text!r} is not JSON: {error}") from error
    if not isinstance(options, dict):
        raise ValueError(f"--image-encoder-options must be a JSON object, got {text!r}")
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(
            f"image encoder {name!r} has no option {', '.join(map(repr, unknown))}; "
            f"its options and defaults are: {known or 'none'}"
        )
    for key, value in options.items():
        default = known[key]
        if default is inspect.Parameter.empty or default is None:
            continue
        accepted = (int, float) if isinstance(default, float) else (type(default),)
        if isinstance(value, bool) != isinstance(default, bool) or not isinstance(value, accepted):
            raise ValueError(
                f"option {key!r} of image encoder {name!r} must be of type {type(default).__name__} "
                f"(default {default!r}), got {value!r}"
            )
    return options


def build_image_encoder(
    name: str, *, embed_dim: int, dropout: float, decoder_contract: str, options: str | None = None
) -> ImageEncoder:
    """Build a registered encoder; see `ImageEncoder` for the arguments that all have in common."""
    return image_encoder_class(name)(
        embed_dim=embed_dim,
        dropout=dropout,
        decoder_contract=decoder_contract,
        **parse_image_encoder_options(name, options),
    )
