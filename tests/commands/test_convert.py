"""`im2latex convert`: from a checkpoint to a file that is recognised with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from im2latex_fairseq.commands.main import main
from im2latex_fairseq.recognition.model_file import load_model_file
from im2latex_fairseq.recognition.recognizer import Recognizer
from tests.recognition.tiny_models import CALIBRATION
from tests.synthetic_data import draw_formula


def test_a_model_file(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "mine.safetensors"
    calibration, card = tmp_path / "calibration.json", tmp_path / "card.json"
    calibration.write_text(json.dumps(CALIBRATION.to_dict()), encoding="utf-8")
    known_text = tmp_path / "known_text.json"
    known_text.write_text('{"em_px": 12.0}', encoding="utf-8")
    card.write_text('{"licence": "MIT", "data": ["mine"]}', encoding="utf-8")
    status = main(
        [
            *("convert", str(checkpoint), "--output", str(output)),
            *("--calibration", str(calibration), "--card", str(card), "--known-text", str(known_text)),
        ]
    )
    assert status == 0
    beside = json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))
    printed = capsys.readouterr().out
    assert printed.startswith(f"{output}: 1.2 MB")
    assert f"SHA-256 {beside['sha256']}; with mine.json" in printed
    model = load_model_file(output)
    assert model.calibration == CALIBRATION
    assert model.known_text.em_px == 12.0
    assert (model.card["licence"], model.card["updates"]) == ("MIT", 8)
    assert beside["card"] == model.card
    assert Recognizer.load(output).predict(draw_formula(["x"]), max_len=5).readings


@pytest.mark.parametrize(
    "content, message",
    [("{", r"card\.json: not JSON"), ("[1]", r"card\.json: a JSON object is needed, not list")],
)
def test_a_card_that_is_none(
    gated_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    (tmp_path / "card.json").write_text(content, encoding="utf-8")
    output = tmp_path / "mine.safetensors"
    arguments = [
        "convert",
        str(gated_checkpoint),
        "--output",
        str(output),
        "--card",
        str(tmp_path / "card.json"),
    ]
    assert main(arguments) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not output.exists()


def test_what_is_no_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.pt").write_bytes(b"not one")
    assert main(["convert", str(tmp_path / "model.pt"), "--output", str(tmp_path / "m.safetensors")]) == 2
    assert "model.pt: " in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "none.pt"), "--output", str(tmp_path / "m.safetensors")]) == 2
    assert "none.pt: no such checkpoint" in capsys.readouterr().err
