"""A model file -> an exported model: both graphs, and what a runner needs beside them."""

from __future__ import annotations

from typing import Any

import onnx

from im2latex_fairseq import __version__
from im2latex_fairseq.models.image_encoders import image_encoder_options
from im2latex_fairseq.onnx_export.encoder_graph import encoder_graph
from im2latex_fairseq.onnx_export.fconv_graph import fconv_graph
from im2latex_fairseq.onnx_export.gated_conv_graph import gated_conv_graph
from im2latex_fairseq.onnx_export.weights import Weights
from im2latex_fairseq.onnx_runtime.onnx_model import OnnxModel
from im2latex_fairseq.recognition.model_building import build_encoder
from im2latex_fairseq.recognition.model_file import ModelFile


def export_onnx(model: ModelFile) -> OnnxModel:
    """Write a model's encoder and one step of its decoder as ONNX graphs, in float32.

    Weights that are float16 numbers, as those of a model file are, are kept as such and widened when a
    runtime loads them.

    Raises:
        ModelFileError: The weights aren't those of the architecture.
        ValueError: There is no graph for its encoder.
    """
    encoder, decoder_step = model_graphs(model, half_weights=True)
    return onnx_model_of(model, encoder, decoder_step, "float32")


def model_graphs(model: ModelFile, *, half_weights: bool) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The graphs of encoder and decoder step; see `export_onnx`.

    Args:
        model: The model.
        half_weights: See `GraphBuilder`.
    """
    architecture = model.architecture
    weights = Weights({name: tensor.float().numpy() for name, tensor in model.weights.items()})
    is_gated = architecture.decoder == "gated_conv"
    heads = architecture.decoder_options["heads"] if is_gated else 1
    head_width = architecture.embed_dim // heads
    encoder = encoder_graph(
        architecture.encoder,
        {**image_encoder_options(architecture.encoder), **architecture.encoder_options},
        build_encoder(model).stride,
        weights.below("encoder"),
        heads,
        head_width**-0.5 if is_gated else 1.0,
        half_weights,
    )
    decoder = weights.below("decoder")
    if is_gated:
        return encoder, gated_conv_graph(decoder, heads, half_weights)
    return encoder, fconv_graph(decoder, architecture.decoder_options["residuals"], half_weights)


def onnx_model_of(
    model: ModelFile, encoder: onnx.ModelProto, decoder_step: onnx.ModelProto, precision: str
) -> OnnxModel:
    """The graphs of a model with its dictionary, preparation and calibration."""
    architecture = model.architecture
    origin: dict[str, Any] = {
        "exported_by": f"im2latex_fairseq {__version__}",
        "encoder": architecture.encoder,
        "encoder_options": dict(architecture.encoder_options),
        "decoder": architecture.decoder,
        "card": dict(model.card),
    }
    return OnnxModel(
        encoder=encoder.SerializeToString(),
        decoder_step=decoder_step.SerializeToString(),
        symbols=model.dictionary,
        preparation=model.preparation,
        max_positions=architecture.decoder_options["max_positions"],
        precision=precision,
        calibration=model.calibration,
        origin=origin,
    )
