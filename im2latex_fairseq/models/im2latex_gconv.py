"""An image encoder with the gated convolutional decoder of this package."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fairseq.models import register_model

from im2latex_fairseq.models.gated_conv_decoder import GatedConvDecoder
from im2latex_fairseq.models.im2latex_model import Im2LatexModel, Im2LatexModelConfig
from im2latex_fairseq.models.image_encoders import ImageEncoder


@dataclass
class Im2LatexGConvConfig(Im2LatexModelConfig):
    """Options of `im2latex_gconv`."""

    decoder_layer_count: int = field(default=7, metadata={"help": "layers of the decoder"})
    decoder_kernel_width: int = field(
        default=3, metadata={"help": "tokens under each convolution of the decoder"}
    )
    decoder_heads: int = field(default=4, metadata={"help": "attention heads of each layer of the decoder"})


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
        )
