"""A model file -> modules that decode."""

from __future__ import annotations

import torch

from im2latex_fairseq.decoding.fconv_stepper import FConvStepper
from im2latex_fairseq.decoding.formula_decoder import FormulaDecoder
from im2latex_fairseq.decoding.gated_conv_stepper import GatedConvStepper
from im2latex_fairseq.decoding.stepper import DecoderStepper
from im2latex_fairseq.models.image_encoders import ImageEncoder, image_encoder_class
from im2latex_fairseq.recognition.model_file import SPECIAL_SYMBOLS, ModelFile, ModelFileError

_CONTRACTS = {"gated_conv": "plain", "fconv": "fconv"}


def build_decoder(model: ModelFile, device: torch.device | str = "cpu") -> FormulaDecoder:
    """Build encoder and decoder of a model in float32, ready to decode.

    Raises:
        ModelFileError: Its encoder isn't registered here, or the weights aren't those of its architecture.
    """
    try:
        encoder = build_encoder(model).to(device)
        stepper = build_stepper(model, device)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise ModelFileError(
            f"the model can't be built: {error} (an encoder of your own is known once the module that registers it "
            "is imported)"
        ) from error
    bos, pad, eos, unk = range(len(SPECIAL_SYMBOLS))
    return FormulaDecoder(encoder, stepper, eos=eos, pad=pad, unk=unk, bos=bos)


def build_encoder(model: ModelFile) -> ImageEncoder:
    """The encoder with its weights, float32, in evaluation mode, convolutions in the order that is fast on CPUs."""
    architecture = model.architecture
    with torch.random.fork_rng(devices=[]):  # first values are drawn and thrown away
        encoder = image_encoder_class(architecture.encoder)(
            embed_dim=architecture.embed_dim,
            dropout=0.0,
            decoder_contract=_CONTRACTS[architecture.decoder],
            **architecture.encoder_options,
        )
    encoder.load_state_dict(_part(model, "encoder."))
    encoder.requires_grad_(False).eval()
    return encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def build_stepper(model: ModelFile, device: torch.device | str = "cpu") -> DecoderStepper:
    """The decoder's weights, float32, prepared for decoding step by step."""
    weights = {name: tensor.to(device).float() for name, tensor in _part(model, "decoder.").items()}
    options = model.architecture.decoder_options
    if model.architecture.decoder == "gated_conv":
        return GatedConvStepper.from_weights(weights, options["heads"], options["kernel_width"])
    return FConvStepper.from_weights(weights, SPECIAL_SYMBOLS.index("<pad>"), options["residuals"])


def _part(model: ModelFile, prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor for name, tensor in model.weights.items() if name.startswith(prefix)
    }
