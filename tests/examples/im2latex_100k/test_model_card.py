"""The model card: every figure on it comes from a file that a script wrote."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from examples.im2latex_100k.model_card import main
from examples.im2latex_100k.training_stage import TrainingStageError, read_stage
from im2latex_fairseq.recognition.model_file import card_path
from im2latex_fairseq.recognition.recognizer import SHIPPED_MODEL

CONFIG = {
    "_name": None,
    "common": {"_name": None, "seed": 3},
    "model": {"_name": "im2latex_gconv_base", "dropout": 0.0, "decoder_attention_layers": "all"},
    "task": {
        "_name": "im2latex",
        "data": "somewhere/data-bin/wide",
        "augment": "noise=12",
        "bf16_autocast": True,
    },
    "dataset": {"max_tokens": 2600, "batch_size": 12},
    "optimization": {"lr": [0.0005], "max_update": 20, "clip_norm": 1.0},
    "criterion": {"_name": "cross_entropy"},
    "checkpoint": {"finetune_from_model": "somewhere/runs/release/carried_over.pt"},
}
TRAINED = '{"epoch": 1, "ppl": "20", "bsz": "10", "num_updates": "20", "wall": "3600"}'
SIGNATURE = "bleu|tokens:given|version:x"
CALIBRATION = """# How far to trust a reading

- **Read**: 1,000 of the 1,000 pictures.

| | confidence | ECE |
|---|---|---:|
| 58,520 tokens | calibrated | 0.0046 |

text

| accept | of confidence | and be right |
|---:|---:|---:|
| 5% | 0.793 | 90.0% |
"""


def write_log(run: Path, *lines: str) -> Path:
    run.mkdir(parents=True)
    (run / "train.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return run


def score(value: float, signature: str = SIGNATURE) -> dict[str, Any]:
    return {"score": value, "interval": [value - 1.0, value + 1.0], "signature": signature}


def column(name: str, lost: float, most_lost: float | None) -> dict[str, Any]:
    names = ("bleu_multi_given", "token_edit_accuracy_given", "exact_match_given")
    return {
        "title": name,
        "most_lost": most_lost,
        "lost": lost,
        "held": most_lost is None or lost <= most_lost,
        "unread": 0,
        "scores": {metric: score(91.25 - lost) for metric in names},
    }


def test_choices_are_logged_without_quotes(tmp_path: Path) -> None:
    config = repr(CONFIG).replace(
        "'bf16_autocast': True", "'bf16_autocast': True, 'decode_precision': float32"
    )
    assert "float32" in config
    run = write_log(tmp_path / "run", config, TRAINED)
    assert read_stage(run, commit="c0ffee", hardware="a core").data == "wide"


@pytest.mark.parametrize("subset, is_said", [("train", False), ("train_official", True)])
def test_a_subset_of_its_own_is_said(tmp_path: Path, subset: str, is_said: bool) -> None:
    config = {**CONFIG, "dataset": {**CONFIG.get("dataset", {}), "train_subset": subset}}
    run = write_log(tmp_path / "run", str(config), TRAINED)
    command = read_stage(run, commit="c0ffee", hardware="a core").command
    assert (f"--train-subset {subset}" in command) is is_said


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    stage = read_stage(
        write_log(tmp_path / "release", str(CONFIG), TRAINED), commit="abc1234", hardware="1 thread of X"
    )
    contents = {
        "base.json": {
            "bytes": 16_400_000,
            "sha256": "1f1c",
            "card": {"architecture": "im2latex_gconv_base", "parameters": 8_168_530},
        },
        "stage.json": asdict(stage),
        "valid.json": {
            "scores": {"bleu_multi_given": score(91.25)},
            "counts": {"references": 8369, "unnormal_hypotheses": 84},
            "left_out": {"image_match": "no TeX"},
        },
        "robustness.json": {
            "conditions": [column("as given", 0.0, None), column("redrawn in times", 5.5, 4.0)],
            "formulas": 300,
            "dropped": {"missing_glyph": 2},
            "pictures": "im2latex100k valid",
            "seed": 1,
            "beam": 5,
            "scale": "auto",
        },
        "report.json": {"split train": {"read": 10, "kept": 7, "dropped": {"too_wide": 2, "rare_token": 1}}},
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "calibration.md").write_text(CALIBRATION, encoding="utf-8")
    return {path.name: path for path in tmp_path.iterdir() if path.is_file()}


def write_card(files: dict[str, Path]) -> str:
    weights = files["base.json"].with_name("base.safetensors")
    main(
        ["write", "--weights", str(weights), "--stage", str(files["stage.json"])]
        + ["--scores", f"valid={files['valid.json']}", "--robustness", str(files["robustness.json"])]
        + ["--calibration", str(files["calibration.md"]), "--data-report", str(files["report.json"])]
    )
    return weights.with_name("MODEL_CARD.md").read_text(encoding="utf-8")


def test_the_card_says_what_the_files_say(inputs: dict[str, Path]) -> None:
    card = write_card(inputs)
    for text in (
        "| parameters | 8,168,530 |",
        "| file | 16.4 MB, float16, safetensors |",
        "`1f1c`",
        "| trained | 1.0 hours, 200 pictures seen |",
        "from `carried_over.pt`, 20 updates, 200 pictures of `wide`, 1.00 hours on 1 thread of X; commit abc1234",
        "| split train | 10 | 7 | 3 |",
        "| `bleu_multi_given` | 91.25 ± 1.00 |",
        f"- `bleu_multi_given`: `{SIGNATURE}`",
        "8,369 of valid",
        "- not computed: `image_match`: no TeX",
        "| redrawn in times | 85.8 | 85.8 | 85.8 | **+5.5** | 4 | 0 |",
        "300 formulas, im2latex100k valid, the same under each condition, seed 1, beam 5, scale auto; 2 more",
        "| 58,520 tokens | calibrated | 0.0046 |",
        "| 5% | 0.793 | 90.0% |",
        "- 1.0% of its outputs on valid are no formula",
        "- Redrawn in times: 5.5 BLEU points lost.",
        "MIT",
    ):
        assert text in card, text
    assert re.search(r"\$[a-z]", card) is None  # no placeholder is left


def test_a_stage_is_a_command_without_paths_of_a_machine(tmp_path: Path) -> None:
    earlier = str({**CONFIG, "common": {"seed": 1}})
    run = write_log(tmp_path / "release", earlier, TRAINED, str(CONFIG), TRAINED)
    stage = read_stage(run, commit="abc", hardware="X", hours=2.5)
    assert stage.command == (
        "fairseq-train data-bin/wide --user-dir im2latex_fairseq --task im2latex --bf16-autocast "
        "--arch im2latex_gconv_base --dropout 0.0 --seed 3 --augment noise=12 --max-tokens 2600 --batch-size 12 "
        "--criterion cross_entropy --clip-norm 1.0 --lr 0.0005 --max-update 20 "
        "--finetune-from-model carried_over.pt"
    )
    assert (stage.name, stage.data, stage.began_from, stage.hours) == (
        "release",
        "wide",
        "carried_over.pt",
        2.5,
    )


def test_a_log_without_its_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingStageError, match="no config of fairseq-train"):
        read_stage(write_log(tmp_path / "a", TRAINED), commit="", hardware="")
    with pytest.raises(TrainingStageError, match="no line of training"):
        read_stage(write_log(tmp_path / "b", str(CONFIG)), commit="", hardware="")


@pytest.mark.parametrize("name", ["stage.json", "valid.json", "robustness.json", "base.json"])
def test_foreign_files_are_refused(
    inputs: dict[str, Path], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs[name].write_text('{"other": 1}', encoding="utf-8")
    with pytest.raises(SystemExit):
        write_card(inputs)
    assert f"{name}: no " in capsys.readouterr().err


def test_a_page_without_tables_is_refused(
    inputs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    inputs["calibration.md"].write_text("# Nothing\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        write_card(inputs)
    assert "the page on confidences has no tables" in capsys.readouterr().err


@pytest.mark.skipif(
    not SHIPPED_MODEL.with_name("MODEL_CARD.md").is_file(), reason="this checkout holds no model card"
)
def test_the_shipped_card_is_of_the_shipped_weights() -> None:
    card = SHIPPED_MODEL.with_name("MODEL_CARD.md").read_text(encoding="utf-8")
    beside = json.loads(card_path(SHIPPED_MODEL).read_text(encoding="utf-8"))
    assert beside["sha256"] in card
    assert f"{beside['card']['parameters']:,}" in card
