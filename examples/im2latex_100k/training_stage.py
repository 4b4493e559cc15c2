"""What a run of fairseq-train says of itself: its command, data, length and cost, from its log."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.im2latex_100k.training_log import read_progress

#: (group of the config, key, flag), in the order of the command; the values that are fairseq's own are left out.
_FLAGS = (
    ("model", "_name", "--arch"),
    ("model", "image_encoder_options", "--image-encoder-options"),
    ("model", "decoder_attention_layers", "--decoder-attention-layers"),
    ("model", "dropout", "--dropout"),
    ("common", "seed", "--seed"),
    ("task", "augment", "--augment"),
    ("dataset", "train_subset", "--train-subset"),
    ("dataset", "max_tokens", "--max-tokens"),
    ("dataset", "batch_size", "--batch-size"),
    ("dataset", "curriculum", "--curriculum"),
    ("task", "curriculum_ramp", "--curriculum-ramp"),
    ("criterion", "_name", "--criterion"),
    ("criterion", "label_smoothing", "--label-smoothing"),
    ("optimizer", "_name", "--optimizer"),
    ("optimizer", "adam_betas", "--adam-betas"),
    ("optimizer", "weight_decay", "--weight-decay"),
    ("optimization", "clip_norm", "--clip-norm"),
    ("optimization", "lr", "--lr"),
    ("lr_scheduler", "_name", "--lr-scheduler"),
    ("lr_scheduler", "warmup_updates", "--warmup-updates"),
    ("lr_scheduler", "min_lr", "--min-lr"),
    ("optimization", "max_update", "--max-update"),
)
_DEFAULTS = {"decoder_attention_layers": "all", "train_subset": "train"}


class TrainingStageError(ValueError):
    """A log that doesn't say how its run was configured."""


@dataclass(frozen=True)
class TrainingStage:
    """One run; a model may have been through several.

    Attributes:
        name: Of the run's folder.
        command: That does it again, without what only logs and saves.
        data: Name of the data folder.
        began_from: Name of the checkpoint it went on from; "" for random weights.
        updates: Of the weights.
        images: Seen, repetitions included.
        hours: By the clock.
        commit: Of the code.
        hardware: Where.
    """

    name: str
    command: str
    data: str
    began_from: str
    updates: int
    images: int
    hours: float
    commit: str
    hardware: str


def read_stage(run: Path, *, commit: str, hardware: str, hours: float | None = None) -> TrainingStage:
    """Read a run's `train.log`, written with `--log-file` and `--log-format json`.

    Args:
        run: Folder of the run.
        commit: Of the code that trained.
        hardware: Where.
        hours: Where they were measured beside the log.

    Raises:
        TrainingStageError: The log lacks the config or any update.
    """
    log = run / "train.log"
    config = _last_config(log)
    progress = read_progress(log)
    if not progress:
        raise TrainingStageError(f"{log}: no line of training")
    last = progress[-1]
    data = Path(str(config["task"]["data"])).name
    finetuned = config.get("checkpoint", {}).get("finetune_from_model")
    began_from = Path(str(finetuned)).name if finetuned else ""
    return TrainingStage(
        name=run.name,
        command=_command(config, data, began_from),
        data=data,
        began_from=began_from,
        updates=last.updates,
        images=round(last.images),
        hours=round(last.hours if hours is None else hours, 2),
        commit=commit,
        hardware=hardware,
    )


class _NamesAsStrings(ast.NodeTransformer):
    """fairseq's choices are logged by their values without quotes: `'decode_precision': float32`."""

    def visit_Name(self, node: ast.Name) -> ast.Constant:
        return ast.Constant(node.id)


def _last_config(log: Path) -> Mapping[str, Any]:
    """The config that the last process of the run began with; earlier ones may have had another length."""
    found: Mapping[str, Any] | None = None
    for line in log.read_text(encoding="utf-8", errors="replace").split("\n"):
        begin = line.find("{'_name'")
        if begin >= 0:
            try:
                found = ast.literal_eval(
                    _NamesAsStrings().visit(ast.parse(line[begin:].strip(), mode="eval"))
                )
            except (ValueError, SyntaxError):
                continue
    if not isinstance(found, dict) or not {"task", "model", "optimization"} <= found.keys():
        raise TrainingStageError(f"{log}: no config of fairseq-train in it; was it written by --log-file?")
    return found


def _command(config: Mapping[str, Any], data: str, began_from: str) -> str:
    words = ["fairseq-train", f"data-bin/{data}", "--user-dir", "im2latex_fairseq", "--task", "im2latex"]
    if config["task"].get("bf16_autocast"):
        words.append("--bf16-autocast")
    for group, key, flag in _FLAGS:
        value = (config.get(group) or {}).get(key)
        value = value[0] if isinstance(value, list) else value
        if value is not None and value != _DEFAULTS.get(key):
            words += [flag, str(value)]
    if began_from:
        words += ["--finetune-from-model", began_from]
    return shlex.join(words)
