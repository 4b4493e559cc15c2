"""A model file -> an exported model: both graphs, and what a runner needs beside them."""

from __future__ import annotations

from typing import Any

import onnx

from im2latex_fairseq import __version__
from im2latex_fairseq.models.image_encoders import image_encoder_options
from im2latex_fairseq.onnx_export.encoder_graph import encoder_graph
from im2latex_fairseq.onnx_export.fconv_graph import fconv_graph
from im2latex_fairseq.onnx_export.gated_conv_graph import gated_conv_graph
from im2latex_fairseq.onnx_export.graph_builder import KernelStorage
from im2latex_fairseq.onnx_export.weights import Weights
from im2latex_fairseq.onnx_runtime.onnx_model import OnnxModel
from im2latex_fairseq.recognition.model_building import build_encoder
from im2latex_fairseq.recognition.model_file import Architecture, ModelFile


def export_onnx(model: ModelFile) -> OnnxModel:
    """Write a model's encoder and one step of its decoder as ONNX graphs that compute in float32.

    Raises:
        ModelFileError: The weights aren't those of the architecture.
        ValueError: There is no graph for its encoder.
    """
    return onnx_model_of(model, encoder_of(model), decoder_step_of(model), "float32")


def encoder_of(model: ModelFile, kernels: KernelStorage = "half") -> onnx.ModelProto:
    """The graph of a model's encoder; see `export_onnx`."""
    architecture = model.architecture
    heads = _heads(architecture)
    is_gated = architecture.decoder == "gated_conv"
    return encoder_graph(
        architecture.encoder,
        {**image_encoder_options(architecture.encoder), **architecture.encoder_options},
        build_encoder(model).stride,
        _weights(model).below("encoder"),
        heads,
        (architecture.embed_dim // heads) ** -0.5 if is_gated else 1.0,
        kernels,
    )


def decoder_step_of(model: ModelFile, kernels: KernelStorage = "half") -> onnx.ModelProto:
    """The graph of one step of a model's decoder; see `export_onnx`."""
    architecture, weights = model.architecture, _weights(model).below("decoder")
    if architecture.decoder == "gated_conv":
        return gated_conv_graph(weights, _heads(architecture), kernels)
    return fconv_graph(weights, architecture.decoder_options["residuals"], kernels)


def _heads(architecture: Architecture) -> int:
    heads: int = architecture.decoder_options.get("heads", 1)
    return heads


def _weights(model: ModelFile) -> Weights:
    return Weights({name: tensor.float().numpy() for name, tensor in model.weights.items()})


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
