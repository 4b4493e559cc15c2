r"""What constrained decoding gains and costs: a split decoded freely and by the grammar, with the same model.

    python -m examples.decoding.constrained --data data-bin/im2latex_100k --split valid --model checkpoint_best.pt

Prints, of both: the share of readings that are balanced, that this package's parser reads and that TeX sets without an
error, BLEU, seconds; the share of the time that the grammar took; how long both take for the pictures that they read
the same, since readings that may not end unbalanced are longer; and each reading that fails, with its error. Every
reading of the grammar has to pass all three; a reading that TeX refuses is a gap of the grammar.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from im2latex_fairseq.data.batching import group_pictures
from im2latex_fairseq.data.prepared_split import PreparedSplit, load_preparation, load_prepared_split
from im2latex_fairseq.decoding.formula_decoder import FormulaDecoder
from im2latex_fairseq.decoding.latex_grammar import LatexGrammarFilter
from im2latex_fairseq.decoding.repetition import RepetitionFilter
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.decoding.token_filter import ArrayFilter, CombinedFilter, TokenFilter
from im2latex_fairseq.images.renderer import RenderSettings, render_formulas
from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.parser import parse
from im2latex_fairseq.metrics.bleu import MultiBleu
from im2latex_fairseq.metrics.metric import corpus_score
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.well_formedness import has_balanced_groups
from im2latex_fairseq.recognition.recognizer import Recognizer, decode_pictures

Result = TypeVar("Result")


class TimedFilter(ArrayFilter):
    """A filter that counts the seconds spent in it."""

    def __init__(self, inner: TokenFilter) -> None:
        self._inner = inner
        self.seconds = 0.0

    def begin(self, rows: int, max_len: int) -> np.ndarray:
        """See `TokenFilter.begin`."""
        return self._timed(lambda: self._inner.begin(rows, max_len))

    def allowed_array(self, states: np.ndarray, step: int, max_len: int) -> np.ndarray | None:
        """See `ArrayFilter.allowed_array`."""
        return self._timed(lambda: self._inner.allowed_array(states, step, max_len))

    def advance(self, states: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """See `TokenFilter.advance`."""
        return self._timed(lambda: self._inner.advance(states, tokens))

    def closing_array(self, states: np.ndarray) -> np.ndarray | None:
        """See `TokenFilter.closing_array`."""
        return self._timed(lambda: self._inner.closing_array(states))

    def _timed(self, call: Callable[[], Result]) -> Result:
        start = time.perf_counter()
        result = call()
        self.seconds += time.perf_counter() - start
        return result


@dataclass(frozen=True)
class Decoded:
    """The readings of a split.

    Attributes:
        name: How they were decoded.
        formulas: Blank-separated tokens of each picture's best reading, in order.
        seconds: Of decoding.
        filter_seconds: Of these, in the filter.
    """

    name: str
    formulas: tuple[str, ...]
    seconds: float
    filter_seconds: float = 0.0


@dataclass(frozen=True)
class Judged:
    """What became of the readings.

    Attributes:
        decoded: The readings.
        balanced: Percent whose groups match.
        parsed: Percent that the parser reads.
        compiled: Percent that TeX sets without an error.
        bleu: multi-bleu on normal tokens, percent.
        failures: (number of the picture, what failed, formula).
    """

    decoded: Decoded
    balanced: float
    parsed: float
    compiled: float
    bleu: float
    failures: tuple[tuple[int, str, str], ...]


def decode(
    name: str,
    decoder: FormulaDecoder,
    symbols: Sequence[str],
    split: PreparedSplit,
    groups: Sequence[Sequence[int]],
    settings: DecodingSettings,
    rules: TokenFilter | None,
) -> Decoded:
    """The best reading of each picture."""
    timed = TimedFilter(rules) if rules is not None else None
    readings: dict[int, str] = {}
    start = time.perf_counter()
    for group in groups:
        found = decode_pictures(decoder, [split.images[number] for number in group], settings, timed)
        for number, hypotheses in zip(group, found, strict=True):
            readings[number] = " ".join(symbols[token] for token in hypotheses[0].ids)
    seconds = time.perf_counter() - start
    formulas = tuple(readings[number] for number in sorted(readings))
    return Decoded(name, formulas, seconds, timed.seconds if timed is not None else 0.0)


def seconds_by_turns(decode_by: Sequence[Callable[[], Decoded]], turns: int = 2) -> list[float]:
    """The least seconds of each way to decode, one after the other in each turn."""
    seconds = [[way().seconds for way in decode_by] for _ in range(turns)]
    return [min(column) for column in zip(*seconds, strict=True)]


def judge(decoded: Decoded, references: Sequence[str]) -> Judged:
    """Check and score readings."""
    formulas = decoded.formulas
    drawn = render_formulas(formulas, RenderSettings(dpi=50), timeout_s=10)
    unbalanced = [not has_balanced_groups(formula.split()) for formula in formulas]
    unread = [_parse_error(formula) for formula in formulas]
    failures = []
    for number, formula in enumerate(formulas):
        reasons = ["unbalanced" if unbalanced[number] else "", unread[number], drawn[number].error or ""]
        if any(reasons):
            failures.append((number, "; ".join(filter(None, reasons)), formula))
    pairs = [
        make_pair(str(number), formula, reference)
        for number, (formula, reference) in enumerate(zip(formulas, references, strict=True))
    ]
    return Judged(
        decoded,
        _percent(unbalanced),
        _percent(unread),
        _percent([result.error for result in drawn]),
        corpus_score(MultiBleu(), pairs),
        tuple(failures),
    )


def _parse_error(formula: str) -> str:
    try:
        parse(formula)
    except LatexError as error:
        return f"parser: {error.reason}"
    return "" if formula else "parser: empty"


def _percent(failed: Sequence[object]) -> float:
    """How many did not fail."""
    return 100.0 * (1 - sum(map(bool, failed)) / len(failed))


def refused_although_valid(free: Judged, grammar: LatexGrammarFilter, symbols: Sequence[str]) -> list[str]:
    """Free readings without a fault that the grammar could not have written: what it costs."""
    failed = {number for number, _, _ in free.failures}
    ids = {symbol: token for token, symbol in enumerate(symbols)}
    return [
        formula
        for number, formula in enumerate(free.decoded.formulas)
        if number not in failed
        and grammar.first_refused([ids[token] for token in formula.split()]) is not None
    ]


def read_the_same(free: Judged, constrained: Judged) -> frozenset[int]:
    """Numbers of the pictures whose readings are the same."""
    pairs = zip(free.decoded.formulas, constrained.decoded.formulas, strict=True)
    return frozenset(number for number, (first, second) in enumerate(pairs) if first == second)


def report(free: Judged, constrained: Judged) -> str:
    """Both as a table, and what else there is to say."""
    lines = [
        "| decoding | balanced | parsed | compiled | BLEU | ms a picture |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for judged in (free, constrained):
        milliseconds = 1000 * judged.decoded.seconds / len(judged.decoded.formulas)
        lines.append(
            f"| {judged.decoded.name} | {judged.balanced:.2f} | {judged.parsed:.2f} | {judged.compiled:.2f} | "
            f"{judged.bleu:.2f} | {milliseconds:.1f} |"
        )
    count = len(free.decoded.formulas)
    same = read_the_same(free, constrained)
    failed = {number for number, _, _ in free.failures}
    changed = len(set(range(count)) - failed - same)
    share = constrained.decoded.filter_seconds / constrained.decoded.seconds
    lines += [
        "",
        f"{count:,} pictures; {len(same):,} readings are the same; {changed:,} others of those that were valid",
        f"the rules took {100 * share:.1f}% of the time of decoding by them",
    ]
    return "\n".join(lines)


def main() -> None:
    """Parse the arguments, decode twice, print."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of prepared data")
    parser.add_argument("--split", default="valid_1000", help="whose pictures are read")
    parser.add_argument("--model", type=Path, required=True, help="model file or checkpoint")
    parser.add_argument("--beam", type=int, default=5, help="1 is greedy")
    parser.add_argument("--max-len", type=int, default=200, help="longest reading, in tokens")
    parser.add_argument("--batch-size", type=int, default=64, help="pictures")
    parser.add_argument("--limit", type=int, default=1_000_000, help="pictures, at most")
    parser.add_argument("--stop-repetition", action="store_true", help="with the grammar: end loops, too")
    parser.add_argument("--free-failures", action="store_true", help="list those of free decoding, too")
    arguments = parser.parse_args()

    split = load_prepared_split(arguments.data, arguments.split, load_preparation(arguments.data))
    count = min(arguments.limit, len(split.entries))
    recognizer = Recognizer.load(arguments.model)
    symbols = recognizer.dictionary
    sizes = np.stack([split.images.heights, split.images.widths], axis=1)[:count]
    ink = np.array([(255 - split.images[number]).sum() for number in range(count)])
    groups = group_pictures(sizes, ink, arguments.batch_size)
    settings = DecodingSettings(beam=arguments.beam, max_len=arguments.max_len)
    decoder = recognizer.decoder
    grammar = LatexGrammarFilter(symbols, eos=decoder.eos, pad=decoder.pad, unk=decoder.unk, bos=decoder.bos)
    rules: TokenFilter = grammar
    if arguments.stop_repetition:
        rules = CombinedFilter([grammar, RepetitionFilter(symbols)])
    references = [split.entries[number].formula for number in range(count)]
    free, constrained = (
        judge(decode(name, decoder, symbols, split, groups, settings, chosen), references)
        for name, chosen in (("free", None), ("by the grammar", rules))
    )
    print(report(free, constrained))
    same = read_the_same(free, constrained)
    of_these = [chosen for group in groups if (chosen := [number for number in group if number in same])]
    if same:
        seconds = seconds_by_turns(
            [
                partial(decode, "again", decoder, symbols, split, of_these, settings, chosen)
                for chosen in (None, rules)
            ]
        )
        milliseconds = [1000 * part / len(same) for part in seconds]
        print(
            f"those read the same: {milliseconds[0]:.1f} ms a picture freely, {milliseconds[1]:.1f} by the grammar, "
            f"{100 * (milliseconds[1] / milliseconds[0] - 1):+.1f}%"
        )
    refused = refused_although_valid(free, grammar, symbols)
    print(f"\n{len(refused):,} valid readings that the grammar could not have written:", *refused, sep="\n")
    for judged in (free, constrained) if arguments.free_failures else (constrained,):
        print(f"\n{len(judged.failures):,} readings that fail, {judged.decoded.name}:")
        for number, reason, formula in judged.failures:
            print(f"{number}\t{reason}\t{formula}")


if __name__ == "__main__":
    main()
