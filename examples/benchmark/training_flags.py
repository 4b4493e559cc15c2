"""The flags that are timed: those of examples/im2latex_100k/train.sh, without validation and checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PLUGIN = Path(__file__).resolve().parents[2] / "im2latex_fairseq"


def training_flags(
    data: Path, arch: str, *, log_interval: int, on_cpu: bool, more: Sequence[str] = ()
) -> list[str]:
    """What both sides are built from: `fairseq-train` takes the list, the bare loop parses it in the same way.

    Args:
        data: Folder of prepared data.
        arch: Architecture.
        log_interval: Updates between two lines of the log.
        on_cpu: Whether to keep off a GPU that is there.
        more: Further flags of fairseq-train; they win.
    """
    flags = [str(data), "--user-dir", str(PLUGIN), "--task", "im2latex", "--arch", arch, "--bf16-autocast"]
    flags += ["--max-tokens", "5000", "--batch-size", "64", "--required-batch-size-multiple", "1"]
    flags += ["--criterion", "label_smoothed_cross_entropy", "--label-smoothing", "0.1", "--dropout", "0"]
    flags += ["--optimizer", "adam", "--adam-betas", "(0.9, 0.98)", "--weight-decay", "0.01"]
    flags += ["--clip-norm", "1.0", "--lr", "1e-4", "--lr-scheduler", "fixed", "--seed", "1"]
    flags += ["--disable-validation", "--no-save", "--max-update", "1000000", "--num-workers", "0"]
    flags += ["--log-format", "json", "--log-interval", str(log_interval)]
    if on_cpu:
        flags.append("--cpu")
    return [*flags, *more]
