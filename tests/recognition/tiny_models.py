"""Model files with random weights, made without fairseq."""

from __future__ import annotations

import torch

from im2latex_fairseq.decoding.confidence import Calibration, FormulaWeights
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.models.image_encoders import build_image_encoder
from im2latex_fairseq.recognition.model_file import SPECIAL_SYMBOLS, Architecture, ModelFile
from tests.synthetic_data import TOKENS

ENCODER_OPTIONS = {"stem_channels": 8, "grid_channels": 32, "trunk_blocks": 0, "grid_blocks": "1x3"}
CALIBRATION = Calibration(
    token_knots=((-3.0, 0.1), (-0.1, 0.97)),
    sure=-0.1,
    formula=FormulaWeights(1.0, 0.5, 0.25),
    fitted_on="nothing: a test",
)


def tiny_model(seed: int = 1, embed_dim: int = 32, layers: int = 2, heads: int = 4) -> ModelFile:
    """A gated decoder behind a small encoder; its readings mean nothing, but are the same each time."""
    torch.manual_seed(seed)
    dictionary = (*SPECIAL_SYMBOLS, *TOKENS)
    encoder = build_image_encoder(
        "gated_grid",
        embed_dim=embed_dim,
        dropout=0.0,
        decoder_contract="plain",
        options='{"stem_channels": 8, "grid_channels": 32, "trunk_blocks": 0, "grid_blocks": "1x3"}',
    )
    shapes = {
        "embed_tokens.weight": (len(dictionary), embed_dim),
        "embed_positions.weight": (64, embed_dim),
        "output_norm.weight": (embed_dim,),
        "output_norm.bias": (embed_dim,),
        "output_bias": (len(dictionary),),
    }
    for layer in range(layers):
        for name, outputs, inputs in (
            ("conv", 2 * embed_dim, 3 * embed_dim),
            ("query", embed_dim, embed_dim),
            ("output", embed_dim, embed_dim),
        ):
            shapes[f"layers.{layer}.{name}.weight"] = (outputs, inputs)
            shapes[f"layers.{layer}.{name}.bias"] = (outputs,)
        for name in ("conv_norm", "attention_norm"):
            shapes[f"layers.{layer}.{name}.weight"] = (embed_dim,)
            shapes[f"layers.{layer}.{name}.bias"] = (embed_dim,)
    weights = {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    for name, shape in shapes.items():
        weights[f"decoder.{name}"] = torch.randn(shape) * (shape[-1] ** -0.5 if len(shape) > 1 else 0.3)
    return ModelFile(
        architecture=Architecture(
            encoder="gated_grid",
            encoder_options=ENCODER_OPTIONS,
            embed_dim=embed_dim,
            decoder="gated_conv",
            decoder_options={
                "layers": layers,
                "kernel_width": 3,
                "heads": heads,
                "max_positions": 64,
                "attention_layers": list(range(layers)),
            },
        ),
        dictionary=dictionary,
        preparation=PreparationSettings(),
        weights=weights,
        calibration=CALIBRATION,
        card={"name": "tiny"},
    )
