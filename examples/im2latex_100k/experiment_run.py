"""Runs an experiment of the list: trains, notes what it cost, decodes. Goes on where it was stopped."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from examples.benchmark.processor import processor_name
from examples.im2latex_100k.experiment_list import Experiment, Series
from im2latex_fairseq.preparation.selection_steps import open_source, split_rows_at_random

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
#: What fairseq-train says last of all.
_DONE = "done training in"
_COST = "cost.json"


class RunError(RuntimeError):
    """A command failed; says where its output is."""


@dataclass(frozen=True)
class Cost:
    """What training has taken so far, over all its processes.

    Attributes:
        commit: Of the code of the last one.
        hardware: Where it ran.
        cpu_hours: User and system time, loaders included.
        hours: Of the wall, start-up included.
    """

    commit: str
    hardware: str
    cpu_hours: float = 0.0
    hours: float = 0.0


def training_command(experiment: Experiment, series: Series, data: Path, run: Path) -> list[str]:
    """The command that trains; UPDATES is in the environment."""
    command = ["bash", str(HERE / "train.sh"), str(data), str(run), experiment.arch, *series.flags]
    return [*command, *_user_dir(experiment), *experiment.flags]


def decoding_command(experiment: Experiment, series: Series, data: Path, run: Path) -> list[str]:
    """The command that decodes the split."""
    command = ["bash", str(HERE / "generate.sh"), str(data), str(run / "checkpoint_last.pt"), str(run)]
    return [*command, series.split, "--beam", str(series.beam), *_user_dir(experiment)]


def run_experiment(experiment: Experiment, series: Series, data: Path, run: Path) -> None:
    """Train, unless the log says that it is done, and decode, unless that is done too.

    Args:
        experiment: Which.
        series: Its series.
        data: Folder of prepared data.
        run: Folder of the run.

    Raises:
        RunError: Training or decoding failed.
    """
    run.mkdir(parents=True, exist_ok=True)
    if experiment.train_share < 1.0:
        data = share_of_data(data, experiment.train_share, run / "data")
    if not is_trained(run):
        updates = experiment.updates or series.updates
        _train(training_command(experiment, series, data, run), run, {"UPDATES": str(updates)})
    if not (run / f"generate-{series.split}.txt").exists():
        _call(decoding_command(experiment, series, data, run), run / "generate.out", {})


def is_trained(run: Path) -> bool:
    """Whether the run's log says that it came to its end."""
    log = run / "train.log"
    return log.exists() and _DONE in log.read_text(encoding="utf-8", errors="replace")


def read_cost(run: Path) -> Cost | None:
    """What training has taken; None if nobody noted it."""
    path = run / _COST
    return Cost(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def share_of_data(data: Path, share: float, folder: Path) -> Path:
    """A data folder with a share of the train pictures, drawn by a fixed seed; all else is linked."""
    if not (folder / "train.tsv").exists():
        folder.mkdir(parents=True, exist_ok=True)
        parts = {"train": folder / "train", "rest": folder / "rest"}
        split_rows_at_random(
            open_source(data / "train"), parts, {"train": share, "rest": 1.0 - share}, seed=1
        )
        for path in folder.glob("rest.*"):
            path.unlink()
    for path in data.iterdir():
        link = folder / path.name
        if path.is_file() and not path.name.startswith("train.") and not link.exists():
            link.symlink_to(path.resolve())
    return folder


def commit_of_checkout() -> str:
    """The commit checked out, with `+` behind it where files differ from it."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return found.stdout.strip() or "unknown"


def describe_hardware() -> str:
    """The processor, how many threads torch may use, and the precision where it isn't train.sh's own."""
    threads = os.environ.get("OMP_NUM_THREADS") or str(len(os.sched_getaffinity(0)))
    precision = os.environ.get("PRECISION", "bfloat16")
    suffix = "" if precision == "bfloat16" else f", {precision}"
    return f"{threads} thread{'' if threads == '1' else 's'} of {processor_name()}{suffix}"


def _train(command: Sequence[str], run: Path, environment: Mapping[str, str]) -> None:
    before = read_cost(run) or Cost("", "")
    start_s, start_cpu_s = time.monotonic(), _children_cpu_s()
    try:
        _call(command, run / "train.out", environment)
    finally:
        cost = Cost(
            commit=commit_of_checkout(),
            hardware=describe_hardware(),
            cpu_hours=before.cpu_hours + (_children_cpu_s() - start_cpu_s) / 3600.0,
            hours=before.hours + (time.monotonic() - start_s) / 3600.0,
        )
        (run / _COST).write_text(json.dumps(asdict(cost), indent=1) + "\n", encoding="utf-8")


def _call(command: Sequence[str], output: Path, environment: Mapping[str, str]) -> None:
    with output.open("a", encoding="utf-8") as log:
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise RunError(
            f"{Path(command[1]).name} failed with status {done.returncode}; its output is in {output}"
        )


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _user_dir(experiment: Experiment) -> list[str]:
    return ["--user-dir", str(CHECKOUT / experiment.user_dir)] if experiment.user_dir else []
