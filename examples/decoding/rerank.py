"""What reranking by rendering gains and costs, on pictures whose formulas are known.

From the log of fairseq-generate with n-best lists, or by a model of this package (which decodes constrained):

    fairseq-generate data-bin/im2latex_100k ... --gen-subset valid_1000 --beam 5 --nbest 5 --results-path out
    python -m examples.decoding.rerank --data data-bin/im2latex_100k --log out/generate-valid_1000.txt
    python -m examples.decoding.rerank --data data-bin/im2latex_100k --model base.safetensors

Prints image match (bounded, without spaces), exact match and BLEU of the first reading in the model's order, with what
TeX draws in front, reranked (the weight that is in the package, and weights fitted on one half and used on the other),
and of the best reading of each list: what there is to be had.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from im2latex_fairseq.data.prepared_split import PreparedSplit, load_preparation, load_prepared_split
from im2latex_fairseq.evaluation.generation_log import read_generation_log
from im2latex_fairseq.images.renderer import GreyImage
from im2latex_fairseq.latex.tokenizer import detokenize
from im2latex_fairseq.metrics.bleu import MultiBleu
from im2latex_fairseq.metrics.image_match import is_image_match
from im2latex_fairseq.metrics.metric import corpus_score
from im2latex_fairseq.metrics.pair import FormulaPair, make_pair
from im2latex_fairseq.metrics.rendering_pairs import render_pairs
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.recognizer import Recognizer
from im2latex_fairseq.recognition.render_rerank import (
    WEIGHT,
    FormulaDrawings,
    RenderCandidate,
    order_of,
    rerank_by_rendering,
)

_WEIGHTS = tuple(0.25 * step for step in range(25))
_BATCH = 64


@dataclass(frozen=True)
class Sample:
    """A picture with its readings.

    Attributes:
        number: Row of the split.
        reference: Tokens, joined by blanks.
        readings: Tokens of each, joined by blanks, the best first.
        scores: Mean log-probability of each, natural.
    """

    number: int
    reference: str
    readings: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class JudgedSample:
    """What is known of each reading of a picture.

    Attributes:
        scores: Of the model.
        similarities: Of the drawing with the picture; None where there is none.
        matches: Image match with the reference.
        pairs: With the reference; `normal_hypothesis` are its tokens.
    """

    scores: tuple[float, ...]
    similarities: tuple[float | None, ...]
    matches: tuple[bool, ...]
    pairs: tuple[FormulaPair, ...]

    def best(self) -> int:
        """The reading nearest to the reference."""
        return max(range(len(self.pairs)), key=self._quality)

    def _quality(self, index: int) -> tuple[bool, bool, int]:
        pair = self.pairs[index]
        distance = Levenshtein.distance(pair.normal_hypothesis, pair.normal_reference)
        return self.matches[index], is_exact(pair), -distance


@dataclass(frozen=True)
class Figures:
    """Shares and BLEU in percent."""

    image_match: float
    exact_match: float
    bleu: float


def read_log(path: Path, limit: int) -> list[Sample]:
    """The first samples of a log of fairseq-generate."""
    return [
        Sample(
            sample.number,
            sample.reference,
            tuple(candidate.text for candidate in sample.candidates),
            tuple(candidate.log2_probability * math.log(2) for candidate in sample.candidates),
        )
        for sample in read_generation_log(path).samples[:limit]
        if sample.reference is not None and sample.candidates
    ]


def read_pictures(model: Path, split: PreparedSplit, beam: int, limit: int) -> list[Sample]:
    """Decode the first pictures of a split."""
    numbers = range(min(limit, len(split.entries)))
    recognizer = Recognizer.load(model)
    options = RecognitionOptions(beam=beam, nbest=beam, scale=None)
    samples = []
    for outcome in recognizer.recognize((split.images[number] for number in numbers), options):
        if outcome.recognition is None:
            raise ValueError(f"picture {outcome.number}: {outcome.error}")
        readings = outcome.recognition.readings
        samples.append(
            Sample(
                outcome.number,
                split.entries[outcome.number].formula,
                tuple(" ".join(reading.tokens) for reading in readings),
                tuple(reading.score for reading in readings),
            )
        )
    return samples


def similarities_of(
    samples: Sequence[Sample], pictures: Sequence[GreyImage]
) -> list[tuple[float | None, ...]]:
    """How much the drawing of each reading looks like its picture."""
    draw = FormulaDrawings()
    found: list[tuple[float | None, ...]] = []
    for start in range(0, len(samples), _BATCH):
        candidates = [
            [
                RenderCandidate(detokenize(reading.split()), score)
                for reading, score in zip(sample.readings, sample.scores, strict=True)
            ]
            for sample in samples[start : start + _BATCH]
        ]
        lists = rerank_by_rendering(pictures[start : start + _BATCH], candidates, draw=draw)
        found += [reranked.similarities for reranked in lists]
    return found


def judge(samples: Sequence[Sample], similarities: Sequence[tuple[float | None, ...]]) -> list[JudgedSample]:
    """Compare every reading with its reference."""
    pairs = render_pairs(
        [
            make_pair(f"{sample.number}-{place}", reading, sample.reference)
            for sample in samples
            for place, reading in enumerate(sample.readings)
        ]
    )
    judged, at = [], 0
    for sample, similar in zip(samples, similarities, strict=True):
        own = tuple(pairs[at : at + len(sample.readings)])
        at += len(own)
        judged.append(JudgedSample(sample.scores, similar, tuple(map(is_image_match, own)), own))
    return judged


def is_exact(pair: FormulaPair) -> bool:
    """Whether the normal forms are the same."""
    return pair.normal_hypothesis == pair.normal_reference


def figures(judged: Sequence[JudgedSample], choose: Callable[[JudgedSample], int]) -> Figures:
    """Of the readings that are chosen."""
    chosen = [(sample, choose(sample)) for sample in judged]
    pairs = [sample.pairs[index] for sample, index in chosen]
    return Figures(
        100.0 * float(np.mean([sample.matches[index] for sample, index in chosen])),
        100.0 * float(np.mean([is_exact(pair) for pair in pairs])),
        corpus_score(MultiBleu(), pairs),
    )


def fitted_weight(judged: Sequence[JudgedSample]) -> float:
    """The weight with most matches (and half as important, exact ones), smoothed over its neighbours."""
    worth = np.array(
        [
            sum(sample.matches[first] + 0.5 * is_exact(sample.pairs[first]) for sample, first in chosen)
            for chosen in ([(sample, reranked(sample, weight)) for sample in judged] for weight in _WEIGHTS)
        ],
        dtype=np.float64,
    )
    smooth = np.convolve(np.pad(worth, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    return _WEIGHTS[int(smooth.argmax())]


def reranked(sample: JudgedSample, weight: float) -> int:
    """The first reading after reranking."""
    return order_of(sample.scores, sample.similarities, weight)[0]


def cross_fitted(judged: Sequence[JudgedSample]) -> tuple[list[float], Callable[[JudgedSample], int]]:
    """The weights of both halves, and the choice by that of the half to which a sample doesn't belong."""
    halves = judged[::2], judged[1::2]
    weights = [fitted_weight(half) for half in halves]
    half_of = {id(sample): number for number, half in enumerate(halves) for sample in half}
    return weights, lambda sample: reranked(sample, weights[1 - half_of[id(sample)]])


def table(judged: Sequence[JudgedSample]) -> str:
    """All figures, as Markdown."""
    weights, by_other_half = cross_fitted(judged)
    rows: list[tuple[str, Callable[[JudgedSample], int]]] = [
        ("the model's order", lambda sample: 0),
        ("what TeX draws in front", lambda sample: reranked(sample, 0.0)),
        (f"reranked, weight {WEIGHT:g}", lambda sample: reranked(sample, WEIGHT)),
        (f"reranked, weights {weights[0]:g} and {weights[1]:g} of the other half", by_other_half),
        ("the best of each list", JudgedSample.best),
    ]
    lines = [
        "| first reading by | image match, no spaces | exact match | BLEU |",
        "|---|---:|---:|---:|",
    ]
    for name, choose in rows:
        values = dataclasses.astuple(figures(judged, choose))
        lines.append(f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
    return "\n".join(lines)


def processor_seconds() -> float:
    """Of this process and those that it has ended."""
    seconds: float = sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    return seconds


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of prepared data")
    parser.add_argument("--split", default="valid_1000", help="whose pictures were decoded")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--log", type=Path, help="of fairseq-generate --nbest N")
    source.add_argument("--model", type=Path, help="model file or checkpoint to decode with")
    parser.add_argument("--beam", type=int, default=5, help="with --model: readings of a picture")
    parser.add_argument("--limit", type=int, default=1_000, help="pictures, at most")
    arguments = parser.parse_args()

    split = load_prepared_split(arguments.data, arguments.split, load_preparation(arguments.data))
    if arguments.log is not None:
        samples = read_log(arguments.log, arguments.limit)
    else:
        samples = read_pictures(arguments.model, split, arguments.beam, arguments.limit)
    pictures: list[NDArray[np.uint8]] = [split.images[sample.number] for sample in samples]
    similarities_of(samples[:1], pictures[:1])  # TeX's formats are made once
    start, start_cpu = time.perf_counter(), processor_seconds()
    similarities = similarities_of(samples, pictures)
    seconds, cpu_seconds = time.perf_counter() - start, processor_seconds() - start_cpu
    judged = judge(samples, similarities)
    readings = sum(len(sample.readings) for sample in samples)
    undrawn = sum(similar is None for sample in similarities for similar in sample)
    print(f"{len(samples):,} pictures, {readings:,} readings, {undrawn:,} of them not drawn by TeX\n")
    print(table(judged))
    print(
        f"\ncost: {1000 * cpu_seconds / len(samples):.0f} ms of processor time a picture, "
        f"{1000 * seconds / len(samples):.0f} ms by the clock"
    )


if __name__ == "__main__":
    main()
