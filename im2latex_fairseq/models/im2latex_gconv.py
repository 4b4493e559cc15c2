"""An image encoder with the gated convolutional decoder of this package."""

# No `from __future__ import annotations`: fairseq makes flags from the types of a config's fields.
# ruff: noqa: UP045  (and it knows `Optional[int]`, not `int | None`)

from dataclasses import dataclass, field
from typing import Any, Optional

from fairseq.models import register_model

from im2latex_fairseq.models.decoder_options import parse_attention_layers
from im2latex_fairseq.models.gated_conv_decoder import GatedConvDecoder
from im2latex_fairseq.models.im2latex_model import Im2LatexModel, Im2LatexModelConfig, preset_field
from im2latex_fairseq.models.image_encoders import ImageEncoder


@dataclass
class Im2LatexGConvConfig(Im2LatexModelConfig):
    """Options of `im2latex_gconv`."""

    decoder_layer_count: Optional[int] = preset_field(7, "layers of the decoder")
    decoder_kernel_width: Optional[int] = preset_field(3, "tokens under each convolution of the decoder")
    decoder_heads: Optional[int] = preset_field(4, "attention heads of each layer of the decoder")
    decoder_attention_layers: str = field(
        default="all",
        metadata={
            "help": "layers of the decoder that attend to the picture: all, or their numbers, e.g. 0,3,6"
        },
    )


@register_model("im2latex_gconv", dataclass=Im2LatexGConvConfig)
class Im2LatexGConvModel(Im2LatexModel):
    """Image encoder + `GatedConvDecoder`."""

    config_class = Im2LatexGConvConfig
    decoder_contract = "plain"

    @classmethod
    def build_decoder(cls, config: Any, task: Any, encoder: ImageEncoder) -> GatedConvDecoder:
        """The gated convolutional decoder for a task's dictionary."""
        return GatedConvDecoder(
            dictionary=task.target_dictionary,
            embed_dim=config.decoder_embed_dim,
            layers=config.decoder_layer_count,
            kernel_width=config.decoder_kernel_width,
            heads=config.decoder_heads,
            dropout=config.dropout,
            max_positions=config.max_target_positions,
            attention_layers=parse_attention_layers(config.decoder_attention_layers),
        )
