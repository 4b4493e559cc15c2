"""An exported model on disk: a folder or a zip of two graphs and `model.json`, which says what they are."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from im2latex_fairseq.data.atomic_file import atomic_writer
from im2latex_fairseq.decoding.confidence import Calibration
from im2latex_fairseq.images.preparation_settings import PreparationSettings

FORMAT = "im2latex-onnx"
VERSION = 1
MANIFEST = "model.json"
ENCODER = "encoder.onnx"
DECODER_STEP = "decoder_step.onnx"
_MOST_MANIFEST_BYTES = 16_000_000
_ZIP_START = b"PK\x03\x04"


class OnnxModelError(ValueError):
    """A file or folder that is no exported model, or a damaged one; the message says what to do."""


@dataclass(frozen=True)
class OnnxModel:
    """What an export holds.

    Attributes:
        encoder: Graph of the encoder, as bytes; `onnx_export.encoder_graph` says what goes in and out.
        decoder_step: Graph of one step of the decoder; see `onnx_export.decoder_step`.
        symbols: The dictionary, in order of the ids; the first four are `SPECIAL_SYMBOLS`.
        preparation: How pictures are prepared.
        max_positions: Most tokens that the decoder knows places for, the end counted.
        precision: "float32" or "int8".
        calibration: From log-probabilities to confidences.
        origin: What it was exported from, for people to read: architecture, data, versions.
    """

    encoder: bytes
    decoder_step: bytes
    symbols: tuple[str, ...]
    preparation: PreparationSettings
    max_positions: int
    precision: str = "float32"
    calibration: Calibration = field(default_factory=Calibration.none)
    origin: Mapping[str, Any] = field(default_factory=dict)


def write_onnx_model(model: OnnxModel, path: str | os.PathLike[str]) -> list[Path]:
    """Write a folder, or one zip if the name ends in `.zip`.

    `model.json` comes last: a folder without it is an export that was cut off.

    Args:
        model: What to write.
        path: A folder, made if missing; files of an earlier export are replaced.

    Returns:
        The files written.
    """
    path = Path(path)
    contents = {ENCODER: model.encoder, DECODER_STEP: model.decoder_step, MANIFEST: _manifest(model)}
    if path.suffix == ".zip":
        with atomic_writer(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
        return [path]
    for name, content in contents.items():
        with atomic_writer(path / name) as file:
            file.write(content)
    return [path / name for name in contents]


def read_onnx_model(path: str | os.PathLike[str]) -> OnnxModel:
    """Read a folder or a zip; every file's checksum is compared before it is parsed.

    Raises:
        FileNotFoundError: There is nothing at that path.
        OnnxModelError: It is no export, of a later version, incomplete or damaged.
    """
    path = Path(path)
    if path.is_dir():
        return _read(path, lambda name: _read_file(path, name))
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder; im2latex export --format onnx makes one")
    content = _read_file(path.parent, path.name)
    if not content.startswith(_ZIP_START):
        raise OnnxModelError(
            f"{path}: not an exported model; name the folder or the zip that im2latex export --format onnx made"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _read(path, lambda name: _read_member(path, archive, name))
    except zipfile.BadZipFile as error:
        raise _damaged(path, str(error)) from error


def is_onnx_model(path: str | os.PathLike[str]) -> bool:
    """Whether a path looks like an export (a folder with `model.json`, a zip), sound or not."""
    path = Path(path)
    if path.is_dir():
        return (path / MANIFEST).is_file()
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        if file.read(len(_ZIP_START)) != _ZIP_START:
            return False
    # A fairseq checkpoint is a zip as well.
    try:
        with zipfile.ZipFile(path) as archive:
            return MANIFEST in archive.namelist()
    except zipfile.BadZipFile:
        return path.suffix == ".zip"


def _manifest(model: OnnxModel) -> bytes:
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "precision": model.precision,
        "origin": dict(model.origin),
        "files": {
            name: {"bytes": len(graph), "sha256": hashlib.sha256(graph).hexdigest()}
            for name, graph in ((ENCODER, model.encoder), (DECODER_STEP, model.decoder_step))
        },
        "max_positions": model.max_positions,
        "preparation": model.preparation.to_dict(),
        "calibration": model.calibration.to_dict(),
        "symbols": list(model.symbols),
    }
    content["checksum"] = _checksum(content)
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _checksum(content: Mapping[str, Any]) -> str:
    """sha256 of the manifest without its checksum, whatever its blanks and the order of its keys."""
    plain = {key: value for key, value in content.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _read(path: Path, read: Callable[[str], bytes]) -> OnnxModel:
    content = _parse_manifest(path, read(MANIFEST))
    graphs = {}
    for name in (ENCODER, DECODER_STEP):
        graphs[name] = read(name)
        said = content["files"].get(name, {}).get("sha256")
        if hashlib.sha256(graphs[name]).hexdigest() != said:
            raise _damaged(path, f"{name} isn't the file that was exported: its sha256 differs")
    try:
        return OnnxModel(
            encoder=graphs[ENCODER],
            decoder_step=graphs[DECODER_STEP],
            symbols=tuple(content["symbols"]),
            preparation=PreparationSettings.from_dict(content["preparation"]),
            max_positions=content["max_positions"],
            precision=content["precision"],
            calibration=Calibration.from_dict(content["calibration"]),
            origin=content["origin"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"{MANIFEST}: {error}") from error


def _parse_manifest(path: Path, text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise _damaged(path, f"{MANIFEST} is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise OnnxModelError(
            f"{path}: {MANIFEST} doesn't describe an exported model; "
            "name the folder that im2latex export --format onnx made"
        )
    if content.get("version") != VERSION:
        raise OnnxModelError(
            f"{path}: an export of version {content.get('version')!r}, this release reads version {VERSION}; "
            "export the model again, or update im2latex-fairseq"
        )
    if content.get("checksum") != _checksum(content):
        raise _damaged(path, f"{MANIFEST} isn't what was exported: its checksum differs")
    return content


def _read_file(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if name == MANIFEST and path.stat().st_size > _MOST_MANIFEST_BYTES:
            raise _damaged(folder, f"{name} has more than {_MOST_MANIFEST_BYTES:,} bytes")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise OnnxModelError(
            f"{folder}: no {name} there; name the folder that im2latex export --format onnx made, whole"
        ) from error
    except OSError as error:
        raise OnnxModelError(f"{path}: can't be read ({error}); check its rights") from error


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except KeyError as error:
        raise OnnxModelError(
            f"{path}: no {name} in it; name the zip that im2latex export --format onnx made"
        ) from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _damaged(path, f"{name}: {error}") from error


def _damaged(path: Path, reason: str) -> OnnxModelError:
    return OnnxModelError(f"{path}: damaged ({reason}); copy it again, or export the model again")
