"""The model file: everything comes back, and whatever isn't a sound one is refused before it is parsed."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.recognition import model_file
from im2latex_fairseq.recognition.model_file import (
    ModelFileError,
    card_path,
    load_model_file,
    save_model_file,
)
from im2latex_fairseq.recognition.scale import KnownText
from tests.recognition.tiny_models import tiny_model


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_model_file(path, tiny_model())
    return path


def test_everything_comes_back(tmp_path: Path) -> None:
    model = replace(
        tiny_model(), preparation=PreparationSettings(margin_px=6), known_text=KnownText(em_px=13.0)
    )
    path = tmp_path / "folder" / "model.safetensors"
    checksum = save_model_file(path, model)
    loaded = load_model_file(path)
    for name in ("architecture", "dictionary", "preparation", "calibration", "known_text", "card"):
        assert getattr(loaded, name) == getattr(model, name), name
    assert set(loaded.weights) == set(model.weights)
    for name, tensor in model.weights.items():
        assert loaded.weights[name].dtype == torch.float16
        torch.testing.assert_close(loaded.weights[name].float(), tensor, rtol=1e-3, atol=1e-4)
    assert checksum == hashlib.sha256(path.read_bytes()).hexdigest()
    card = json.loads(card_path(path).read_text(encoding="utf-8"))
    assert (card["sha256"], card["bytes"], card["card"]) == (checksum, path.stat().st_size, {"name": "tiny"})


def test_counters_and_running_statistics_keep_their_type(tmp_path: Path) -> None:
    """Batch norm counts batches beyond what float16 holds, and its variances may be tiny."""
    weights = {
        **tiny_model().weights,
        "encoder.norm.num_batches_tracked": torch.tensor(100_000),
        "encoder.norm.running_var": torch.tensor([1e-9]),
    }
    path = tmp_path / "model.safetensors"
    save_model_file(path, replace(tiny_model(), weights=weights))
    loaded = load_model_file(path).weights
    assert loaded["encoder.norm.num_batches_tracked"] == 100_000
    assert loaded["encoder.norm.running_var"] == 1e-9


@pytest.mark.parametrize("value", [1e6, float("nan")])
def test_weights_beyond_float16_are_refused(tmp_path: Path, value: float) -> None:
    weights = {**tiny_model().weights, "decoder.output_bias": torch.tensor([value])}
    with pytest.raises(
        ModelFileError, match=r"weight decoder\.output_bias has values that float16 can't hold"
    ):
        save_model_file(tmp_path / "model.safetensors", replace(tiny_model(), weights=weights))
    assert list(tmp_path.iterdir()) == []


def test_the_name_tells_the_format(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"ends in \.safetensors"):
        save_model_file(tmp_path / "model.pt", tiny_model())


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def without_card(path: Path) -> None:
    card_path(path).unlink()


def card_of_another_kind(path: Path) -> None:
    card_path(path).write_text('{"sha256": "00"}', encoding="utf-8")


def card_that_is_no_json(path: Path) -> None:
    card_path(path).write_bytes(b"\xff{")


def card_without_checksum(path: Path) -> None:
    change_card(path, sha256=None)


def later_card(path: Path) -> None:
    change_card(path, version=2)


def change_card(path: Path, **values: Any) -> None:
    card = json.loads(card_path(path).read_text(encoding="utf-8"))
    card_path(path).write_text(json.dumps({**card, **values}), encoding="utf-8")


@pytest.mark.parametrize(
    "damage, message",
    [
        (flip_last_byte, "damaged or replaced: its SHA-256 is .* copy both files again"),
        (cut_off, "damaged or replaced"),
        (empty, "damaged or replaced"),
        (without_card, r"there is no model\.json beside it, which holds its checksum"),
        (card_of_another_kind, "not of a model of im2latex_fairseq"),
        (card_that_is_no_json, r"model\.json: can't be read"),
        (card_without_checksum, r"model\.json: no SHA-256 in it"),
        (later_card, "version 2 of the format, this release .* reads up to 1; upgrade"),
    ],
)
def test_refused_before_it_is_parsed(
    saved: Path, damage: Callable[[Path], None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(saved)
    monkeypatch.setattr(model_file, "_parse", lambda *_: pytest.fail("parsed"))
    with pytest.raises(ModelFileError, match=message):
        load_model_file(saved)


def replace_content(path: Path, content: bytes) -> None:
    """Foreign content with a checksum that fits."""
    path.write_bytes(content)
    change_card(path, sha256=hashlib.sha256(content).hexdigest())


def with_metadata(**changes: Any) -> bytes:
    metadata = {**model_file._metadata(tiny_model()), **changes}
    return save(dict(tiny_model().weights), metadata={"im2latex": json.dumps(metadata)})


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "safetensors, but not a model"),
        (b"PK\x03\x04" + bytes(100), "not a model"),
        (struct.pack("<Q", 2**40) + b"{}", "not a model"),  # a header longer than the file
        (struct.pack("<Q", 6) + b"[" * 6, "not a model"),  # JSON that isn't
        (struct.pack("<Q", 2) + b"{}", "not a model"),
        (save({"x": torch.zeros(2)}), "not a model"),  # of somebody else
        (save({"x": torch.zeros(2)}, metadata={"im2latex": "[]"}), "not a model"),
        (with_metadata(format="other"), "not a model"),
        (with_metadata(version=2), "version 2 of the format"),
        (with_metadata(version="1"), "no version of the format"),
        (with_metadata(dictionary=["a", "b"]), "incomplete: .*a dictionary begins with <s> <pad> </s> <unk>"),
        (with_metadata(preparation={}), "incomplete: .*preparation settings"),
        (with_metadata(architecture={"encoder": "gated_grid"}), "incomplete"),
        (with_metadata(calibration={}), "incomplete: .*calibration"),
        (with_metadata(known_text={"em_px": 1e6}), "incomplete: .*sizes of known text"),
    ],
)
def test_foreign_content_with_a_right_checksum(saved: Path, content: bytes, message: str) -> None:
    replace_content(saved, content)
    with pytest.raises(ModelFileError, match=message):
        load_model_file(saved)


def test_an_unknown_decoder_is_named(saved: Path) -> None:
    architecture = {**model_file._metadata(tiny_model())["architecture"], "decoder": "transformer"}
    replace_content(saved, with_metadata(architecture=architecture))
    with pytest.raises(ModelFileError, match="decoder 'transformer', not one of gated_conv, fconv"):
        load_model_file(saved)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors: no such model file"):
        load_model_file(tmp_path / "none.safetensors")
