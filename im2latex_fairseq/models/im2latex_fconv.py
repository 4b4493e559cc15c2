"""An image encoder with fairseq's stock convolutional decoder."""

# No `from __future__ import annotations`: fairseq makes flags from the types of a config's fields.
# ruff: noqa: UP045  (and it knows `Optional[int]`, not `int | None`)

from dataclasses import dataclass, field
from typing import Any, Optional

from fairseq.models import register_model
from fairseq.models.fconv import FConvDecoder

from im2latex_fairseq.models.decoder_options import parse_attention, parse_convolutions
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
