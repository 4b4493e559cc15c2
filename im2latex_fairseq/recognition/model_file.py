"""A trained model as one file that is safe to load: float16 weights, and all that reading pictures takes beside.

The file is safetensors: tensors, and JSON in its header, so that nothing in it can run. Beside `model.safetensors`
lies `model.json` with the SHA-256 of it, which is compared before a byte is parsed, and the model card.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from im2latex_fairseq.data.atomic_file import atomic_writer, write_json_atomically
from im2latex_fairseq.decoding.confidence import Calibration
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.recognition.scale import KnownText

if TYPE_CHECKING:
    import torch

FORMAT = "im2latex_fairseq.model"
VERSION = 1
DECODERS = ("gated_conv", "fconv")
SPECIAL_SYMBOLS = ("<s>", "<pad>", "</s>", "<unk>")
"""The first symbols of each dictionary, as fairseq numbers them."""

_METADATA_KEY = "im2latex"
_MOST_BYTES = 2**31
"""A model file is read into memory as a whole; larger ones are something else."""


class ModelFileError(ValueError):
    """A model file that can't be used: says which one, why, and what to do."""


@dataclass(frozen=True)
class Architecture:
    """What the weights are weights of.

    Attributes:
        encoder: Name of a registered image encoder.
        encoder_options: Its options, those that aren't its defaults.
        embed_dim: C of encoder and decoder.
        decoder: "gated_conv" or "fconv", fairseq's.
        decoder_options: Its numbers. Both: layers, max_positions, attention_layers (numbers of those that
            attend). gated_conv: heads, kernel_width. fconv: residuals (how many layers back, 0 for none).
    """

    encoder: str
    encoder_options: Mapping[str, Any]
    embed_dim: int
    decoder: str
    decoder_options: Mapping[str, Any]


@dataclass(frozen=True)
class ModelFile:
    """A trained model and what travels with it.

    Attributes:
        architecture: See there.
        dictionary: Symbols in the order of their ids; the first four are `SPECIAL_SYMBOLS`.
        preparation: How pictures were prepared for training.
        calibration: From log-probabilities to confidences; `Calibration.none()` where nobody measured.
        known_text: Size of the text that the model reads well.
        card: Where the model comes from and how good it is: plain values.
        weights: By the names of the checkpoint, "encoder.*" and "decoder.*"; float16 in the file, and as the
            file has them after loading.
    """

    architecture: Architecture
    dictionary: tuple[str, ...]
    preparation: PreparationSettings
    weights: Mapping[str, torch.Tensor] = field(repr=False)
    calibration: Calibration = field(default_factory=Calibration.none)
    known_text: KnownText = KnownText()
    card: Mapping[str, Any] = field(default_factory=dict)


def card_path(path: str | os.PathLike[str]) -> Path:
    """The JSON file beside a model file: `base.json` of `base.safetensors`."""
    return Path(path).with_suffix(".json")


def save_model_file(path: str | os.PathLike[str], model: ModelFile) -> str:
    """Write a model, and the JSON file with its checksum and card beside it.

    Args:
        path: Ends in `.safetensors`.
        model: Its weights are rounded to float16.

    Returns:
        The SHA-256 of the file, in hexadecimal digits.

    Raises:
        ModelFileError: The name has another ending, or a weight is too large for float16 or no number.
    """
    from safetensors.torch import save

    path = Path(path)
    if path.suffix != ".safetensors":
        raise ModelFileError(f"{path}: the name of a model file ends in .safetensors")
    content = save(_half(path, model.weights), metadata={_METADATA_KEY: json.dumps(_metadata(model))})
    checksum = hashlib.sha256(content).hexdigest()
    with atomic_writer(path) as file:
        file.write(content)
    write_json_atomically(
        card_path(path),
        {"format": FORMAT, "version": VERSION, "bytes": len(content), "sha256": checksum, "card": model.card},
    )
    return checksum


def load_model_file(path: str | os.PathLike[str]) -> ModelFile:
    """Read a model file, its checksum first.

    Args:
        path: Of the `.safetensors` file; the `.json` file lies beside it.

    Raises:
        FileNotFoundError: There is no such file.
        ModelFileError: It is damaged, foreign or of a later release. Nothing of it was parsed then, unless its
            checksum was right.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    expected = _read_card(path)
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise ModelFileError(f"{path}: {size:,} bytes; no model file is that large")
    content = path.read_bytes()
    seen = hashlib.sha256(content).hexdigest()
    if seen != expected:
        raise ModelFileError(
            f"{path}: damaged or replaced: its SHA-256 is {seen[:16]}..., {card_path(path).name} says "
            f"{expected[:16]}...; copy both files again"
        )
    return _parse(path, content)


def _read_card(path: Path) -> str:
    """The checksum that the JSON file tells."""
    beside = card_path(path)
    try:
        card = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFileError(
            f"{path}: there is no {beside.name} beside it, which holds its checksum; copy both files that "
            "im2latex convert writes"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{beside}: can't be read ({error}); copy it again") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ModelFileError(
            f"{beside}: not of a model of im2latex_fairseq; im2latex convert makes one from a checkpoint"
        )
    _check_version(beside, card.get("version"))
    checksum = card.get("sha256")
    if not isinstance(checksum, str) or len(checksum) != 64:
        raise ModelFileError(f"{beside}: no SHA-256 in it; copy it again")
    return checksum.lower()


def _parse(path: Path, content: bytes) -> ModelFile:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        metadata = json.loads(_header(content)["__metadata__"][_METADATA_KEY])
        if metadata["format"] != FORMAT:
            raise ValueError("another format")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileError(f"{path}: safetensors, but not a model of im2latex_fairseq") from error
    _check_version(path, metadata.get("version"))
    try:
        return ModelFile(
            architecture=_architecture(metadata["architecture"]),
            dictionary=_dictionary(metadata["dictionary"]),
            preparation=PreparationSettings.from_dict(metadata["preparation"]),
            calibration=Calibration.from_dict(metadata["calibration"]),
            known_text=KnownText(**metadata["known_text"]),
            card=dict(metadata["card"]),
            weights=load(content),
        )
    except (KeyError, TypeError, ValueError, AttributeError, SafetensorError) as error:
        raise ModelFileError(f"{path}: incomplete: {error!r}; convert the checkpoint again") from error


def _header(content: bytes) -> dict[str, Any]:
    """The header of safetensors: eight bytes of length, little-endian, then JSON."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise ValueError("no safetensors header")
    header: dict[str, Any] = json.loads(content[8 : 8 + length])
    return header


def _check_version(path: Path, version: object) -> None:
    if type(version) is not int or version < 1:
        raise ModelFileError(f"{path}: no version of the format in it; copy it again")
    if version > VERSION:
        raise ModelFileError(
            f"{path}: version {version} of the format, this release of im2latex_fairseq reads up to {VERSION}; "
            "upgrade the package"
        )


def _metadata(model: ModelFile) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "architecture": dataclasses.asdict(model.architecture),
        "dictionary": list(model.dictionary),
        "preparation": model.preparation.to_dict(),
        "calibration": model.calibration.to_dict(),
        "known_text": model.known_text.to_dict(),
        "card": dict(model.card),
    }


def _architecture(values: Mapping[str, Any]) -> Architecture:
    architecture = Architecture(**values)
    if architecture.decoder not in DECODERS:
        raise ValueError(f"decoder {architecture.decoder!r}, not one of {', '.join(DECODERS)}")
    return architecture


def _dictionary(symbols: list[str]) -> tuple[str, ...]:
    if tuple(symbols[:4]) != SPECIAL_SYMBOLS or not all(isinstance(symbol, str) for symbol in symbols):
        raise ValueError(f"a dictionary begins with {' '.join(SPECIAL_SYMBOLS)}")
    return tuple(symbols)


def _half(path: Path, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    import torch

    rounded = {}
    for name, tensor in weights.items():
        tensor = tensor.detach().cpu().contiguous()
        # Batch norm counts batches, and its variances may be below what float16 holds.
        if tensor.is_floating_point() and not name.endswith(("running_mean", "running_var")):
            tensor = tensor.half()
        if not bool(torch.isfinite(tensor).all()):
            raise ModelFileError(f"{path}: weight {name} has values that float16 can't hold")
        rounded[name] = tensor
    return rounded
