"""The folder and the zip of an export: what is written is read again, what is damaged is refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from im2latex_fairseq.decoding.confidence import Calibration, FormulaWeights
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.onnx_runtime.onnx_model import (
    DECODER_STEP,
    ENCODER,
    MANIFEST,
    OnnxModel,
    OnnxModelError,
    is_onnx_model,
    read_onnx_model,
    write_onnx_model,
)
from im2latex_fairseq.recognition.model_file import SPECIAL_SYMBOLS

MODEL = OnnxModel(
    encoder=b"an encoder",
    decoder_step=b"a step",
    symbols=(*SPECIAL_SYMBOLS, "x", "\\alpha", "é"),
    preparation=PreparationSettings(margin_px=5),
    max_positions=40,
    precision="int8",
    calibration=Calibration(token_knots=((-1.0, 0.5),), sure=-0.1, formula=FormulaWeights(1.0, 2.0, 3.0)),
    origin={"encoder": "gated_grid"},
)


@pytest.fixture(params=["folder", "file.zip"])
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    write_onnx_model(MODEL, path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_onnx_model(MODEL, tmp_path / "export")
    return tmp_path / "export"


def test_what_is_written_is_read(export: Path) -> None:
    assert read_onnx_model(export) == MODEL
    assert is_onnx_model(export)


def test_an_export_is_written_over_an_earlier_one(export: Path) -> None:
    assert all(path.is_file() for path in write_onnx_model(MODEL, export))
    assert read_onnx_model(export) == MODEL


@pytest.mark.parametrize("name", ["checkpoint.pt", "model.safetensors", "missing", "empty", "other.zip"])
def test_other_files_are_no_exports(name: str, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 and what torch writes")
    (tmp_path / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme", "no model")
    assert not is_onnx_model(tmp_path / name)


def change_manifest(folder: Path, **values: object) -> None:
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / MANIFEST).write_text(json.dumps({**content, **values}), encoding="utf-8")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda folder: shutil.rmtree(folder), "no such file or folder; im2latex export"),
        (lambda folder: (folder / ENCODER).unlink(), f"no {ENCODER} there; name the folder"),
        (lambda folder: (folder / MANIFEST).unlink(), f"no {MANIFEST} there; name the folder"),
        (lambda folder: cut_short(folder / DECODER_STEP), f"damaged \\({DECODER_STEP} isn't the file"),
        (
            lambda folder: (folder / ENCODER).write_bytes(b"An encoder"),
            f"damaged \\({ENCODER} isn't the file",
        ),
        (lambda folder: cut_short(folder / MANIFEST), f"damaged \\({MANIFEST} is not JSON"),
        (lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe"), f"damaged \\({MANIFEST} is not JSON"),
        (lambda folder: (folder / MANIFEST).write_text("[]"), "doesn't describe an exported model"),
        (lambda folder: change_manifest(folder, format="other"), "doesn't describe an exported model"),
        (lambda folder: change_manifest(folder, version=2), "version 2, this release reads version 1"),
        (lambda folder: change_manifest(folder, symbols=["a"]), "damaged .*its checksum differs"),
        (lambda folder: (folder / MANIFEST).write_bytes(b" " * 16_000_001), "has more than 16,000,000 bytes"),
    ],
)
def test_a_damaged_folder_is_refused(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises((OnnxModelError, FileNotFoundError), match=message) as caught:
        read_onnx_model(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "not an exported model"),
        (b"%PDF-1.7", "not an exported model"),
        (b"PK\x03\x04 cut off", "damaged"),
    ],
)
def test_a_wrong_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_bytes(content)
    with pytest.raises(OnnxModelError, match=message):
        read_onnx_model(tmp_path / "model.zip")


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    write_onnx_model(MODEL, path)
    path.write_bytes(path.read_bytes().replace(MODEL.encoder, b"On encoder"))
    with pytest.raises(OnnxModelError, match="damaged"):
        read_onnx_model(path)


def test_a_zip_without_a_part_is_refused(tmp_path: Path) -> None:
    write_onnx_model(MODEL, tmp_path / "whole.zip")
    with (
        zipfile.ZipFile(tmp_path / "whole.zip") as whole,
        zipfile.ZipFile(tmp_path / "part.zip", "w") as part,
    ):
        part.writestr(MANIFEST, whole.read(MANIFEST))
    with pytest.raises(OnnxModelError, match=f"no {ENCODER} in it"):
        read_onnx_model(tmp_path / "part.zip")
