"""A checkpoint of fairseq-train -> what recognition needs of it, without importing fairseq."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from im2latex_fairseq import __version__
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.models.decoder_options import parse_convolutions
from im2latex_fairseq.recognition.model_file import SPECIAL_SYMBOLS, Architecture, ModelFile, ModelFileError

TASK_NAME = "im2latex"

# What a preset leaves open, as the models' own options have it.
_USUAL = {"image_encoder": "gated_grid", "decoder_embed_dim": 256, "decoder_heads": 4}


def convert_checkpoint(path: str | os.PathLike[str]) -> ModelFile:
    """Read a checkpoint of the task `im2latex` with one of the decoders of this package's models.

    Loaded in torch's safe mode, so that nothing in it can run. The weights stay as they are, mostly float32;
    `save_model_file` rounds them.

    Args:
        path: A file such as `checkpoint_best.pt`.

    Raises:
        FileNotFoundError: There is no such file.
        ModelFileError: It is damaged, no checkpoint, of another task or of another decoder.
    """
    path = Path(path)
    state = _read(path)
    try:
        options = _model_options(state)
        _require_our_task(path, options)
        weights = _weights_of(state)
        symbols, preparation = _task_state(path, state)
        architecture = _architecture(path, options, weights)
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{path}: no checkpoint of fairseq-train ({error!r} is missing)") from error
    return ModelFile(
        architecture=architecture,
        dictionary=symbols,
        preparation=preparation,
        weights=weights,
        card=_card(path, options, state, weights),
    )


def with_card(model: ModelFile, card: Mapping[str, Any]) -> ModelFile:
    """The model with more on its card; what is given wins over what the checkpoint says."""
    return replace(model, card={**model.card, **card})


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    try:
        # Mapped, so that the optimizer's state, two thirds of the file, is never read.
        with torch.serialization.safe_globals([argparse.Namespace]):
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise ModelFileError(
            f"{path}: refused: it isn't a checkpoint of plain values and tensors ({_first_line(error)})"
        ) from error
    except (OSError, EOFError, RuntimeError, KeyError, ValueError) as error:
        raise ModelFileError(
            f"{path}: no checkpoint that can be read ({_first_line(error)}); was it cut off? copy it again"
        ) from error
    if not isinstance(state, dict):
        raise ModelFileError(f"{path}: no checkpoint of fairseq-train, but a {type(state).__name__}")
    return state


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().split(chr(10))[0][:200]}"


def _model_options(state: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the model, `arch` and `task` by name: from hydra's groups or from the older flat ones."""
    if state.get("cfg") is not None:
        cfg = state["cfg"]
        model = dict(cfg["model"])
        return {**model, "arch": model.get("_name"), "task": cfg["task"]["_name"]}
    return dict(vars(state["args"]))


def _require_our_task(path: Path, options: Mapping[str, Any]) -> None:
    if options.get("task") != TASK_NAME:
        raise ModelFileError(
            f"{path}: a checkpoint of the task {options.get('task')!r}, not of {TASK_NAME!r}"
        )


def _weights_of(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    # fairseq's decoder keeps the number of its own format among the weights.
    return {
        name: tensor
        for name, tensor in state["model"].items()
        if name.startswith(("encoder.", "decoder.")) and name != "decoder.version"
    }


def _task_state(path: Path, state: Mapping[str, Any]) -> tuple[tuple[str, ...], PreparationSettings]:
    kept = state.get("task_state") or {}
    missing = sorted({"dictionary", "preparation"} - set(kept))
    if missing:
        raise ModelFileError(f"{path}: the checkpoint holds no {' and no '.join(missing)}")
    symbols = tuple(kept["dictionary"])
    if symbols[: len(SPECIAL_SYMBOLS)] != SPECIAL_SYMBOLS:
        raise ModelFileError(
            f"{path}: its dictionary begins with {' '.join(map(str, symbols[:4]))}, not with "
            f"{' '.join(SPECIAL_SYMBOLS)}"
        )
    return symbols, PreparationSettings.from_dict(kept["preparation"])


def _architecture(
    path: Path, options: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
) -> Architecture:
    usual: dict[str, Any] = {
        name: options.get(name) if options.get(name) is not None else _USUAL[name] for name in _USUAL
    }
    if "decoder.output_bias" in weights:
        decoder, decoder_options = "gated_conv", _gated_conv_options(weights, usual["decoder_heads"])
    elif "decoder.fc3.weight_v" in weights or "decoder.fc3.weight" in weights:
        decoder, decoder_options = "fconv", _fconv_options(weights, options)
    else:
        raise ModelFileError(
            f"{path}: the decoder of {options.get('arch')!r} isn't one that is recognised without fairseq "
            "(im2latex_gconv and im2latex_fconv are); use Im2LatexModel.from_pretrained"
        )
    return Architecture(
        encoder=usual["image_encoder"],
        encoder_options=json.loads(options.get("image_encoder_options") or "{}"),
        embed_dim=usual["decoder_embed_dim"],
        decoder=decoder,
        decoder_options=decoder_options,
    )


def _numbers(weights: Mapping[str, torch.Tensor], pattern: str) -> list[int]:
    """The numbers that a pattern's group finds in the names of weights, sorted."""
    matches = (re.fullmatch(pattern, name) for name in weights)
    return sorted({int(match[1]) for match in matches if match is not None})


def _gated_conv_options(weights: Mapping[str, torch.Tensor], heads: int) -> dict[str, Any]:
    """Read off the weights but for the heads, which leave no trace in them."""
    layers = _numbers(weights, r"decoder\.layers\.(\d+)\.conv\.weight")
    first = weights["decoder.layers.0.conv.weight"]  # (2 * C, kernel width * C)
    return {
        "layers": len(layers),
        "kernel_width": 2 * first.shape[1] // first.shape[0],
        "heads": heads,
        "max_positions": weights["decoder.embed_positions.weight"].shape[0],
        "attention_layers": _numbers(weights, r"decoder\.layers\.(\d+)\.query\.weight"),
    }


def _fconv_options(weights: Mapping[str, torch.Tensor], options: Mapping[str, Any]) -> dict[str, Any]:
    """Read off the weights but for the residuals."""
    convolutions = parse_convolutions(options.get("decoder_layers") or "[(256, 3)] * 7")
    return {
        "layers": len(convolutions),
        "residuals": [convolution[2] if len(convolution) > 2 else 1 for convolution in convolutions],
        "attention_layers": _numbers(weights, r"decoder\.attention\.(\d+)\.in_projection\.bias"),
        # fairseq counts positions from the padding index on
        "max_positions": weights["decoder.embed_positions.weight"].shape[0]
        - SPECIAL_SYMBOLS.index("<pad>")
        - 1,
    }


def _card(
    path: Path, options: Mapping[str, Any], state: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
) -> dict[str, Any]:
    history = state.get("optimizer_history") or [{}]
    return {
        "architecture": options.get("arch"),
        "parameters": sum(tensor.numel() for tensor in weights.values()),
        "checkpoint": path.name,
        "updates": history[-1].get("num_updates"),
        "converted_by": f"im2latex_fairseq {__version__}",
    }
