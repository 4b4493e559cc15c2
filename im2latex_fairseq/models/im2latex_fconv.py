"""An image encoder with fairseq's stock convolutional decoder."""

# No `from __future__ import annotations`: fairseq makes flags from the types of a config's fields.
# ruff: noqa: UP045  (and it knows `Optional[int]`, not `int | None`)

import ast
from dataclasses import dataclass, field
from typing import Any, Optional

from fairseq.models import register_model
from fairseq.models.fconv import FConvDecoder

from im2latex_fairseq.models.im2latex_model import Im2LatexModel, Im2LatexModelConfig, preset_field
from im2latex_fairseq.models.image_encoders import ImageEncoder


@dataclass
class Im2LatexFConvConfig(Im2LatexModelConfig):
    """Options of `im2latex_fconv`."""

    decoder_layers: Optional[str] = preset_field(
        "[(256, 3)] * 7", "convolutions of the decoder, as (channels, kernel width[, residual])"
    )
    decoder_attention: str = field(
        default="True",
        metadata={"help": "attention of each decoder layer: True, or a list of True and False"},
    )
    decoder_out_embed_dim: Optional[int] = preset_field(256, "dimension before the output layer")
    share_input_output_embed: bool = field(
        default=False,
        metadata={
            "help": "share input and output embeddings (needs decoder_out_embed_dim = decoder_embed_dim)"
        },
    )


@register_model("im2latex_fconv", dataclass=Im2LatexFConvConfig)
class Im2LatexFConvModel(Im2LatexModel):
    """Image encoder + FConvDecoder (Gehring et al. 2017, "Convolutional Sequence to Sequence Learning")."""

    config_class = Im2LatexFConvConfig
    decoder_contract = "fconv"

    @classmethod
    def build_decoder(cls, config: Any, task: Any, encoder: ImageEncoder) -> FConvDecoder:
        """The stock decoder; it tells the encoder how many of its layers attend."""
        dictionary = task.target_dictionary
        decoder = FConvDecoder(
            dictionary=dictionary,
            embed_dim=config.decoder_embed_dim,
            convolutions=parse_convolutions(config.decoder_layers),
            out_embed_dim=config.decoder_out_embed_dim,
            attention=parse_attention(config.decoder_attention),
            dropout=config.dropout,
            # fairseq counts positions from the padding index on
            max_positions=config.max_target_positions + dictionary.pad() + 1,
            share_embed=config.share_input_output_embed,
        )
        encoder.num_attention_layers = sum(layer is not None for layer in decoder.attention)
        return decoder


def parse_convolutions(text: str) -> tuple[tuple[int, ...], ...]:
    """Parse a sum of lists of tuples, each list possibly times a number, without evaluating code.

    Args:
        text: As fairseq's fconv takes it, e.g. "[(256, 3)] * 4 + [(512, 3)] * 3".

    Raises:
        ValueError: Anything else; the message names the text.
    """
    try:
        layers = _sum_of_lists(ast.parse(text, mode="eval").body)
        valid = layers and all(
            isinstance(layer, tuple)
            and len(layer) in (2, 3)
            and all(isinstance(n, int) and n >= 0 for n in layer)
            for layer in layers
        )
    except (SyntaxError, ValueError, TypeError) as error:
        raise ValueError(
            f"--decoder-layers {text!r}: expected a list such as [(256, 3)] * 7 ({error})"
        ) from error
    if not valid:
        raise ValueError(
            f"--decoder-layers {text!r}: expected (channels, kernel width[, residual]) of integers"
        )
    return tuple(layers)


def _sum_of_lists(node: ast.expr) -> list[tuple[int, ...]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _sum_of_lists(node.left) + _sum_of_lists(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        times = ast.literal_eval(node.right)
        if not isinstance(times, int) or not 0 <= times <= 100:
            raise ValueError(f"cannot repeat layers {times!r} times")
        return _sum_of_lists(node.left) * times
    return list(ast.literal_eval(node))


def parse_attention(text: str) -> bool | list[bool]:
    """Parse "True", "False", or a list of them.

    Raises:
        ValueError: Anything else.
    """
    try:
        value = ast.literal_eval(str(text))
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"--decoder-attention {text!r}: expected True, False, or a list of them") from error
    if isinstance(value, bool):
        return value
    if isinstance(value, list) and value and all(isinstance(item, bool) for item in value):
        return value
    raise ValueError(f"--decoder-attention {text!r}: expected True, False, or a list of them")
