"""What fairseq-train logged with `--log-format json` or `simple`: validations, with images seen and hours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# A log line is "2026-01-01 00:00:00 | INFO | valid | " and one of these; --log-file keeps these alone.
_JSON = re.compile(r"(?:^|\| )(?P<fields>\{.*\})$")
_SIMPLE_TRAINING = re.compile(r"(?:^|\| )epoch \d+:\s+\d+ / \d+ (?P<fields>.*)$")
_SIMPLE_VALIDATION = re.compile(
    r"(?:^|\| )epoch \d+ \| valid on '(?P<subset>[^']+)' subset \| (?P<fields>.*)$"
)
# What every process of fairseq-train says once.
_START = re.compile(r"(?:^|\| )training on \d+ devices")


class TrainingLogError(ValueError):
    """A file in which no validation can be found; says what was looked for."""


@dataclass(frozen=True)
class Validation:
    """One validation.

    Attributes:
        subset: Name of the split.
        updates: Of the weights, before it.
        images: Seen in training before it.
        hours: Of training before it, validations included; several runs into one log add up. What a
            resumed run of fairseq 0.12 logs leaves its validations out.
        values: Everything else that was logged: loss, ppl, token_accuracy, bleu, ...
    """

    subset: str
    updates: int
    images: float
    hours: float
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """One line that training itself logged.

    Attributes:
        updates: So far.
        images: Seen so far.
        hours: So far, as in `Validation`.
        ppl: Perplexity of the training batches since the line before.
    """

    updates: int
    images: float
    hours: float
    ppl: float


@dataclass
class _Clock:
    """Images and seconds at the last line that told them."""

    updates: float = 0.0
    images: float = 0.0
    images_per_update: float = 0.0
    wall_s: float = 0.0
    earlier_s: float = 0.0  # of runs before a resumption

    def read(self, values: Mapping[str, float]) -> None:
        """Take a line of training into account."""
        updates, wall_s = values.get("num_updates"), values.get("wall", self.wall_s)
        if updates is None or "bsz" not in values:
            return
        if wall_s < self.wall_s:
            self.start_again()
        if wall_s == 0.0:
            # A process of fairseq 0.12 that resumed says 0 for ever: count what it trained, validations left out.
            self.earlier_s += values.get("train_wall", 0.0)
        self.wall_s = wall_s
        if updates < self.updates:  # resumed from an earlier checkpoint
            self.images -= (self.updates - updates) * self.images_per_update
        else:
            self.images_per_update = values["bsz"]
            self.images += (updates - self.updates) * values["bsz"]
        self.updates = updates

    def start_again(self) -> None:
        """A new process went on: it counts seconds from nought."""
        self.earlier_s += self.wall_s
        self.wall_s = 0.0

    @property
    def hours(self) -> float:
        """Of all processes so far."""
        return (self.earlier_s + self.wall_s) / 3600.0

    def images_at(self, updates: float) -> float:
        """Images seen at a number of updates a little off the last line."""
        return self.images + (updates - self.updates) * self.images_per_update


def read_validations(path: Path) -> list[Validation]:
    """Read every validation of a log, in order.

    Images seen are summed from the lines that training itself logs (`bsz` times updates), so
    `--log-interval` should be no longer than the time between validations.

    Raises:
        TrainingLogError: There is none.
    """
    # A run that was resumed validates again at the same update: the later one stands.
    validations: dict[tuple[str, int], Validation] = {}
    for subset, values, clock in _logged(path):
        if subset is None:
            continue
        updates = int(values.pop("num_updates", clock.updates))
        validations[subset, updates] = Validation(
            subset, updates, clock.images_at(updates), clock.hours, values
        )
    if not validations:
        raise TrainingLogError(
            f"{path}: no line of a validation ('| valid | ...'); give the log of fairseq-train, run with "
            "--log-format json or simple, and with validation"
        )
    return sorted(validations.values(), key=lambda validation: validation.updates)


def read_progress(path: Path) -> list[Progress]:
    """Read what training logged between the validations, in order; empty if it logged nothing."""
    lines: dict[int, Progress] = {}
    for subset, values, clock in _logged(path):
        if subset is not None or "ppl" not in values or "num_updates" not in values:
            continue
        updates = int(values["num_updates"])
        lines[updates] = Progress(updates, clock.images, clock.hours, values["ppl"])
    return sorted(lines.values(), key=lambda progress: progress.updates)


def _logged(path: Path) -> Iterator[tuple[str | None, dict[str, float], _Clock]]:
    """Validated subset (None: training), values, and images and hours so far, of each line that has values."""
    clock = _Clock()
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        if _START.search(line):
            clock.start_again()
        subset, values = _parse(line)
        if subset is None:
            clock.read(values)
        if values:
            yield subset, values, clock


def _parse(line: str) -> tuple[str | None, dict[str, float]]:
    """The validated subset, or None for training, and the values of a line; no values for any other line."""
    if match := _JSON.search(line):
        return _parse_json(match["fields"])
    if match := _SIMPLE_VALIDATION.search(line):
        return match["subset"], _fields(match["fields"], " | ", " ")
    if match := _SIMPLE_TRAINING.search(line):
        return None, _fields(match["fields"], ", ", "=")
    return None, {}


def _parse_json(text: str) -> tuple[str | None, dict[str, float]]:
    try:
        logged = json.loads(text)
    except json.JSONDecodeError:
        return None, {}  # some other line that ends in a brace
    values = {key: number for key, value in logged.items() if (number := _number(value)) is not None}
    # Validation and the end of an epoch carry the split's name on each key: valid_loss, train_loss.
    suffix = "_num_updates"
    name = next((key.removesuffix(suffix) for key in values if key.endswith(suffix)), None)
    if name is None:
        return None, values
    named = {
        key.removeprefix(f"{name}_"): value for key, value in values.items() if key.startswith(f"{name}_")
    }
    return (None, {}) if name == "train" else (name, named)


def _fields(text: str, separator: str, assignment: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for part in text.split(separator):
        name, _, value = part.partition(assignment)
        number = _number(value)
        if number is not None:
            values[name.strip()] = number
    return values


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
