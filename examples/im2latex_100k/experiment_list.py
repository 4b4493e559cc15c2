"""The list of experiments: what differs, why it was tried, and how it is run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXPERIMENTS = Path(__file__).with_name("experiments.toml")


class ExperimentListError(ValueError):
    """A list that can't be run; says which entry, and why."""


@dataclass(frozen=True)
class Series:
    """Experiments that can be compared: the same data, seed, length and way to decode.

    Attributes:
        name: Of the series.
        title: For people.
        why: What its length is for.
        updates: Of each run, unless an experiment has its own.
        split: That is decoded.
        beam: With which.
        flags: Of fairseq-train, in each run.
    """

    name: str
    title: str
    why: str
    updates: int
    split: str = "valid_1000"
    beam: int = 5
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """One run.

    Attributes:
        series: Whose first experiment it is compared with.
        name: Of the run and its folder.
        change: What differs from that.
        question: Why it was tried.
        arch: Architecture.
        flags: Of fairseq-train, after those of the series.
        user_dir: Folder that registers the architecture, from the top of the checkout; "" is the package.
        train_share: Of the train pictures, drawn at random.
        updates: 0 for those of the series.
    """

    series: str
    name: str
    change: str
    question: str
    arch: str
    flags: tuple[str, ...] = ()
    user_dir: str = ""
    train_share: float = 1.0
    updates: int = 0


@dataclass(frozen=True)
class ExperimentList:
    """All of it, in its order."""

    series: tuple[Series, ...]
    experiments: tuple[Experiment, ...]

    def of(self, series: Series) -> tuple[Experiment, ...]:
        """The experiments of a series; the first is what the others are compared with."""
        return tuple(e for e in self.experiments if e.series == series.name)

    def series_of(self, experiment: Experiment) -> Series:
        """The series of an experiment."""
        return next(series for series in self.series if series.name == experiment.series)

    def named(self, name: str) -> Experiment:
        """The experiment of that name.

        Raises:
            ExperimentListError: There is none; the message lists those that there are.
        """
        for experiment in self.experiments:
            if experiment.name == name:
                return experiment
        names = ", ".join(experiment.name for experiment in self.experiments)
        raise ExperimentListError(f"no experiment {name!r}; there are {names}")


_Entry = TypeVar("_Entry", Series, Experiment)


def read_experiments(path: Path = EXPERIMENTS) -> ExperimentList:
    """Read the list.

    Raises:
        ExperimentListError: An unknown or missing key, a value of another type, a name that comes twice, or a
            series that there isn't.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExperimentListError(f"{path}: {error}") from error
    unknown = sorted(content.keys() - {"series", "experiment"})
    if unknown:
        raise ExperimentListError(
            f"{path}: unknown table {unknown[0]!r}; there are [[series]], [[experiment]]"
        )
    series = tuple(_entry(Series, entry, path) for entry in content.get("series", []))
    experiments = tuple(_entry(Experiment, entry, path) for entry in content.get("experiment", []))
    for entries in (series, experiments):
        names = [entry.name for entry in entries]
        for name in names:
            if names.count(name) > 1:
                raise ExperimentListError(f"{path}: {name!r} comes twice")
    for experiment in experiments:
        if experiment.series not in {one.name for one in series}:
            raise ExperimentListError(f"{path}: {experiment.name!r} is of no series {experiment.series!r}")
        if not 0.0 < experiment.train_share <= 1.0:
            raise ExperimentListError(f"{path}: {experiment.name!r}: train_share must be in (0, 1]")
    return ExperimentList(series, experiments)


#: Annotation of a field -> what TOML may hold there.
_ACCEPTED: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "tuple[str, ...]": (list,),
}


def _entry(kind: type[_Entry], values: Mapping[str, Any], path: Path) -> _Entry:
    name = values.get("name", "an entry without a name")
    known = {option.name: option for option in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise ExperimentListError(f"{path}: {name}: unknown key {key!r}; there are {', '.join(known)}")
        if not isinstance(value, _ACCEPTED[str(known[key].type)]) or isinstance(value, bool):
            raise ExperimentListError(f"{path}: {name}: {key} = {value!r} is of another type")
    missing = [key for key, option in known.items() if option.default is MISSING and key not in values]
    if missing:
        raise ExperimentListError(f"{path}: {name}: {missing[0]} is missing")
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    return kind(**given)
