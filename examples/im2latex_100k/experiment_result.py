"""What is kept of an experiment, small enough to be committed: curve, cost, scores with their signatures."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from examples.im2latex_100k.training_log import Progress, read_progress, read_validations

#: In the order of the table.
METRICS = (
    "bleu_multi_given",
    "bleu_multi_unified",
    "token_edit_accuracy_given",
    "token_edit_accuracy_unified",
    "exact_match_given",
    "exact_match_unified",
    "balanced_rate",
)
#: Points of a curve that are kept; each is the mean of those that were logged around it.
CURVE_POINTS = 60
_PARAMETERS = re.compile(r"num\. shared model params: ([\d,]+)")


class ResultError(ValueError):
    """A run that isn't finished, or a result that can't be read; says what is missing."""


@dataclass(frozen=True)
class Score:
    """One figure.

    Attributes:
        score: In percent.
        low: Of the 95% interval.
        high: Of the same.
        signature: Of the metric.
    """

    score: float
    low: float
    high: float
    signature: str


@dataclass(frozen=True)
class CurvePoint:
    """Perplexity of the train batches around a moment."""

    images: float
    hours: float
    ppl: float


@dataclass(frozen=True)
class Result:
    """What came out of an experiment.

    Attributes:
        name: Of the experiment.
        parameters: Of the model.
        updates: Of the weights.
        images: Seen, repetitions included.
        hours: Of the clock on the wall, validations included.
        cpu_hours: Of training on all cores; None where it wasn't measured.
        commit: Of the code that trained.
        hardware: Where.
        valid_ppl: Perplexity on the split after the last update.
        pictures: Decoded.
        scores: Name of the metric -> score.
        curve: Of training.
    """

    name: str
    parameters: int
    updates: int
    images: int
    hours: float
    cpu_hours: float | None
    commit: str
    hardware: str
    valid_ppl: float
    pictures: int
    scores: dict[str, Score]
    curve: tuple[CurvePoint, ...]

    @property
    def cost_hours(self) -> float:
        """CPU hours, which other programs on the machine don't change; those of the wall where they're unknown."""
        return self.hours if self.cpu_hours is None else self.cpu_hours


def collect(
    name: str,
    run: Path,
    split: str,
    *,
    references: Path,
    commit: str,
    hardware: str,
    hours: float | None = None,
    cpu_hours: float | None = None,
) -> Result:
    """Read a finished run.

    Args:
        name: Of the experiment.
        run: Folder with `train.log` and `generate-SPLIT.txt`.
        split: That was validated and decoded.
        references: Manifest of the split.
        commit: Of the code that trained.
        hardware: Where.
        hours: Of training by the clock, where they were measured beside the log; that of fairseq 0.12 leaves out
            the validations of a process that resumed.
        cpu_hours: Of training, if measured.

    Raises:
        ResultError: It isn't decoded, or the log lacks something.
    """
    log, generated = run / "train.log", run / f"generate-{split}.txt"
    for path in (log, generated):
        if not path.exists():
            raise ResultError(f"{name}: {path} is missing; run the experiment first")
    progress = read_progress(log)
    validations = [v for v in read_validations(log) if v.subset == split and "ppl" in v.values]
    parameters = _PARAMETERS.findall(log.read_text(encoding="utf-8", errors="replace"))
    if not progress or not validations or not parameters:
        raise ResultError(f"{log}: no training, no validation on {split!r}, or no number of parameters")
    last = validations[-1]
    scores, pictures = scores_of(generated, references)
    hours = last.hours if hours is None else hours
    return Result(
        name=name,
        parameters=int(parameters[-1].replace(",", "")),
        updates=last.updates,
        images=round(last.images),
        hours=round(hours, 4),
        cpu_hours=None if cpu_hours is None else round(cpu_hours, 4),
        commit=commit,
        hardware=hardware,
        valid_ppl=last.values["ppl"],
        pictures=pictures,
        scores=scores,
        curve=thinned(progress, hours / last.hours if last.hours else 1.0),
    )


def scores_of(generated: Path, references: Path) -> tuple[dict[str, Score], int]:
    """What `im2latex score` says of a log of fairseq-generate, and of how many pictures.

    Raises:
        ResultError: It refuses.
    """
    command = [sys.executable, "-m", "im2latex_fairseq.commands.main", "score", "--json"]
    command += [
        "--references",
        str(references),
        "--hypotheses",
        str(generated),
        "--metrics",
        ",".join(METRICS),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
    if done.returncode != 0:
        raise ResultError(f"im2latex score, {generated}: {done.stderr.strip()}")
    said = json.loads(done.stdout)
    pictures = int(said["counts"]["references"])
    scores = {}
    for name, one in said["scores"].items():
        if one["interval"] is None:
            raise ResultError(f"{generated}: no interval of {name} over {pictures} pictures; decode more")
        low, high = (round(end, 3) for end in one["interval"])
        scores[name] = Score(round(one["score"], 3), low, high, one["signature"])
    return scores, pictures


def thinned(
    progress: Sequence[Progress], hours_factor: float = 1.0, points: int = CURVE_POINTS
) -> tuple[CurvePoint, ...]:
    """A curve of at most so many points: geometric means of perplexities, at the end of each stretch."""
    size = max(1, math.ceil(len(progress) / points))
    curve = []
    for start in range(0, len(progress), size):
        stretch = progress[start : start + size]
        ppl = math.exp(sum(math.log(step.ppl) for step in stretch) / len(stretch))
        hours = round(stretch[-1].hours * hours_factor, 4)
        curve.append(CurvePoint(round(stretch[-1].images), hours, round(ppl, 3)))
    return tuple(curve)


def write_result(path: Path, result: Result) -> None:
    """Write a result as JSON, one figure a line and one point of the curve a line."""
    content = asdict(result)
    curve = content.pop("curve")
    text = json.dumps(content, indent=1)
    points = ",\n  ".join(json.dumps([p["images"], p["hours"], p["ppl"]]) for p in curve)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{text[:-2]},\n "curve": [\n  {points}\n ]\n}}\n', encoding="utf-8")


def read_result(path: Path) -> Result:
    """Read what `write_result` wrote.

    Raises:
        ResultError: It is something else.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        content["scores"] = {name: Score(**score) for name, score in content["scores"].items()}
        content["curve"] = tuple(CurvePoint(*point) for point in content["curve"])
        return Result(**content)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ResultError(f"{path}: not a result of an experiment ({error})") from error
