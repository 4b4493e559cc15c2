"""The shipped yaml of fairseq-hydra-train: it trains, and says what train.sh says."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.fairseq_commands import PLUGIN, ROOT, finish, logged, start_fairseq

RECIPES = ROOT / "examples" / "im2latex_100k"


def test_it_trains(prepared_data: Path, tmp_path: Path) -> None:
    process = start_fairseq(
        "hydra_train", "--config-dir", RECIPES, "--config-name", "im2latex_gconv_base",
        f"task.data={prepared_data}", f"common.user_dir={PLUGIN}", f"checkpoint.save_dir={tmp_path}",
        "model._name=im2latex_gconv_tiny", "+model.decoder_layer_count=2", "dataset.valid_subset=valid",
        "dataset.batch_size=4", "dataset.num_workers=0", "optimization.max_update=2", "common.log_interval=1",
        "task.eval_generate_samples=2",
    )  # fmt: skip
    output = finish(process)
    assert len(logged(output)) == 2
    assert "valid_bleu" in logged(output, "valid")[-1]
    state = torch.load(tmp_path / "checkpoint_last.pt")
    model = state["cfg"]["model"]
    assert model["decoder_embed_dim"] == 96  # the preset of the name
    assert model["decoder_layer_count"] == 2  # what is written beside it wins
    assert state["cfg"]["task"]["bf16_autocast"]
    assert state["model"]["decoder.embed_tokens.weight"].shape[1] == 96


@pytest.fixture
def recipe() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((RECIPES / "im2latex_gconv_base.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    "flag, key",
    [
        ("--lr", "optimization.lr"),
        ("--max-tokens", "dataset.max_tokens"),
        ("--batch-size", "dataset.batch_size"),
        ("--curriculum", "dataset.curriculum"),
        ("--curriculum-ramp", "task.curriculum_ramp"),
        ("--weight-decay", "optimizer.weight_decay"),
        ("--clip-norm", "optimization.clip_norm"),
        ("--label-smoothing", "criterion.label_smoothing"),
        ("--warmup-updates", "lr_scheduler.warmup_updates"),
        ("--min-lr", "lr_scheduler.min_lr"),
        ("--dropout", "model.dropout"),
    ],
)
def test_it_is_the_recipe_of_the_command_line(recipe: dict[str, Any], flag: str, key: str) -> None:
    words = shlex.split((RECIPES / "train.sh").read_text(encoding="utf-8"), comments=True)
    group, name = key.split(".")
    value = recipe[group][name]
    assert float(words[words.index(flag) + 1]) == float(value[0] if isinstance(value, list) else value)
    assert recipe["task"]["augment"] == words[words.index("--augment") + 1]
