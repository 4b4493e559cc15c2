"""How fast image match is, and what each of its conventions makes of errors that are known.

    python examples/benchmark/image_match.py --data DIR --processes 2

DIR holds im2latex100k/valid.tsv. Its formulas are the references; each gets a hypothesis by one of `CHANGES`, in turn.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.rendering.benchmark_data import read_table
from im2latex_fairseq.metrics.image_match import IMAGE_MATCH_METRICS
from im2latex_fairseq.metrics.metric import statistics_matrix
from im2latex_fairseq.metrics.pair import FormulaPair, make_pair
from im2latex_fairseq.metrics.rendering_pairs import (
    IMAGE_MATCH_FACE,
    IMAGE_MATCH_FACE_FULL_SIZE,
    count_renderings,
    render_pairs,
)

Tokens = list[str]
LETTERS = "abcdefghkmnopqrstuvwxyzABCDEFGHKLMNOPQRSTUVWXYZ"
RELATIONS = ("=", "+", "-", ",", ";", "/", r"\times", r"\equiv", r"\sim", r"\rightarrow", r"\leq")
SPACES = (r"\,", r"\:", r"\;", r"\quad", "~")


def same(tokens: Tokens, draw: random.Random) -> Tokens | None:
    """The reference itself."""
    return tokens


def respelt(tokens: Tokens, draw: random.Random) -> Tokens | None:
    """A letter in braces, behind which nothing is attached: another text, the same picture."""
    places = [place for place in letters(tokens) if is_free(tokens, place)]
    if not places:
        return None
    place = draw.choice(places)
    return [*tokens[:place], "{", tokens[place], "}", *tokens[place + 1 :]]


def spaced(tokens: Tokens, draw: random.Random) -> Tokens | None:
    """A spacing command behind a relation that stands in no group (within one it moves what is above or below)."""
    places: list[int] = []
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token == "{" or token.startswith(r"\begin")) - (token == "}" or token.startswith(r"\end"))
        if place and depth == 0 and token in RELATIONS and is_free(tokens, place):
            places.append(place)
    if not places:
        return None
    place = draw.choice(places)
    return [*tokens[: place + 1], draw.choice(SPACES), *tokens[place + 1 :]]


def longer(tokens: Tokens, draw: random.Random) -> Tokens | None:
    """Two symbols too many, at the end."""
    return [*tokens, "+", draw.choice(LETTERS)]


def repeated(tokens: Tokens, draw: random.Random) -> Tokens | None:
    """The whole formula twice, as decoders do that don't find their end."""
    return [*tokens, *tokens]


def shorter(tokens: Tokens, draw: random.Random) -> Tokens | None:
    """A letter left out, behind which nothing is attached."""
    places = [place for place in letters(tokens) if is_free(tokens, place)]
    if len(tokens) < 3 or not places:
        return None
    place = draw.choice(places)
    return [*tokens[:place], *tokens[place + 1 :]]


def misread(tokens: Tokens, draw: random.Random) -> Tokens | None:
    """A letter that is another one."""
    places = letters(tokens)
    if not places:
        return None
    place = draw.choice(places)
    return [*tokens[:place], draw.choice(LETTERS.replace(tokens[place], "")), *tokens[place + 1 :]]


def broken(tokens: Tokens, draw: random.Random) -> Tokens | None:
    """A command that TeX doesn't know."""
    place = draw.randrange(len(tokens) + 1)
    return [*tokens[:place], r"\undefinedcommand", *tokens[place:]]


CHANGES: tuple[Callable[[Tokens, random.Random], Tokens | None], ...] = (
    same, respelt, spaced, longer, repeated, shorter, misread, broken,
)  # fmt: skip


def letters(tokens: Sequence[str]) -> list[int]:
    """Where a letter of the formula stands that isn't part of a name, a length or an array's columns."""
    places: list[int] = []
    argument_of = ""
    for place, token in enumerate(tokens):
        if token == "{":
            argument_of = tokens[place - 1] if place else ""
        if token == "}":
            argument_of = ""
        if token in LETTERS and not argument_of.startswith(
            (r"\begin", r"\operatorname", r"\hspace", r"\math", r"\mbox", r"\text", r"\raise", r"\vspace")
        ):
            places.append(place)
    return places


def is_free(tokens: Sequence[str], place: int) -> bool:
    """Whether nothing is attached to a token, and it to nothing: no script, no argument."""
    before = tokens[place - 1] if place else "="
    after = tokens[place + 1] if place + 1 < len(tokens) else "="
    return (before in RELATIONS or before in LETTERS or before in ("(", ")", "]")) and after not in (
        "^",
        "_",
        "'",
    )


def make_pairs(formulas: Sequence[str], count: int, seed: int) -> tuple[list[FormulaPair], list[str]]:
    """Pairs and the name of what was done to each."""
    draw = random.Random(seed)
    pairs: list[FormulaPair] = []
    names: list[str] = []
    number = 0
    while len(pairs) < count:
        tokens = formulas[number % len(formulas)].split()
        change = CHANGES[(number + number // len(formulas)) % len(CHANGES)]
        number += 1
        changed = change(list(tokens), draw) if tokens else None
        if changed is not None:
            pairs.append(make_pair(str(number), " ".join(changed), " ".join(tokens)))
            names.append(change.__name__)
    return pairs, names


def main() -> None:
    """Print times and the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds im2latex100k/valid.tsv")
    parser.add_argument("--pairs", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--full-size", action="store_true", help="pictures at 200 dpi, not halved")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    arguments = parser.parse_args()
    formulas = [formula for _, formula in read_table(arguments.data / "im2latex100k" / "valid.tsv")]
    random.Random(arguments.seed).shuffle(formulas)

    watch = Watch()
    pairs, names = make_pairs(formulas, arguments.pairs, arguments.seed)
    watch.lap(f"{len(pairs):,} pairs read and normalised")
    settings = IMAGE_MATCH_FACE_FULL_SIZE if arguments.full_size else IMAGE_MATCH_FACE
    pairs = render_pairs(pairs, arguments.processes, settings=settings)
    watch.lap(f"drawn, {arguments.processes} processes")
    matrices = {metric: statistics_matrix(metric, pairs) for metric in IMAGE_MATCH_METRICS}
    watch.lap("compared, by one process")
    print(count_renderings(pairs))

    print(f"\n| hypothesis | pairs | {' | '.join(metric.name for metric in IMAGE_MATCH_METRICS)} |")
    print("|---|---:|" + "---:|" * len(IMAGE_MATCH_METRICS))
    counts = Counter(names)
    for change in CHANGES:
        chosen = [name == change.__name__ for name in names]
        scores = " | ".join(
            f"{float(metric.score(matrices[metric][chosen].sum(axis=0))):.1f}"
            for metric in IMAGE_MATCH_METRICS
        )
        print(
            f"| {change.__name__}: {(change.__doc__ or '').rstrip('.')} | {counts[change.__name__]} | {scores} |"
        )


class Watch:
    """Prints how long each step took: by the clock, and processor seconds of this process and its children."""

    def __init__(self) -> None:
        self._start = self._now()

    def lap(self, what: str) -> None:
        """Print the time since the last lap, or since the start."""
        now = self._now()
        wall, cpu = (end - start for start, end in zip(self._start, now, strict=True))
        print(f"{wall:6.1f} s, {cpu:6.1f} s of processor: {what}", flush=True)
        self._start = now

    @staticmethod
    def _now() -> tuple[float, float]:
        times = os.times()
        return time.perf_counter(), sum(times[:4])


if __name__ == "__main__":
    main()
