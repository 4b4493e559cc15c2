"""Recall, precision, F1 and ExpRate of symbols, as CDM has them (see `symbol_match` for what is counted).

CDM's figures are means over formulas: a formula counts the same, however long. `symbol_f1_corpus` is over the sums
of all symbols, as BLEU and edit distance are: a symbol counts the same, wherever it stands.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.metrics.metric import VERSION, Array, Metric, ratio
from im2latex_fairseq.metrics.pair import FormulaPair
from im2latex_fairseq.metrics.symbol_counts import SymbolCounts
from im2latex_fairseq.metrics.symbol_match import DrawnFormula, Tokens, compare_drawn, draw_formulas

_CHUNK_SIZE = 200
_COUNTED = "symbols:coloured_tokens|tokens:normal|face:cm12|match:hungarian+shift+order"


def match_pairs(
    pairs: Sequence[FormulaPair],
    processes: int = 1,
    progress: Callable[[int], object] | None = None,
    *,
    timeout_s: float = 3.0,
) -> list[FormulaPair]:
    """Fill `symbols` of pairs: draw the normal forms of both sides in colours and compare them.

    Equal formulas are drawn once. A pair that has its counts already keeps them. A missing hypothesis is blank paper.

    Args:
        pairs: To be compared.
        processes: TeX processes that run at a time.
        progress: Called with the number of pairs compared since the last call; len(pairs) in the end.
        timeout_s: Processor seconds that TeX may take for a batch.

    Returns:
        The pairs, in order, each with its counts.

    Raises:
        RenderError: TeX is missing, or can't be set up on this machine.
        ValueError: `processes` is below 1.
    """
    if processes < 1:
        raise ValueError(f"{processes} processes asked for; at least 1 is needed")
    report = progress or (lambda count: None)
    to_do = [pair for pair in pairs if pair.symbols is None]
    report(len(pairs) - len(to_do))
    drawn = _draw({tokens: None for pair in to_do for tokens in compared_tokens(pair)}, processes, timeout_s)
    matched = []
    for pair in pairs:
        if pair.symbols is None:
            pair = dataclasses.replace(
                pair, symbols=compare_drawn(*map(drawn.__getitem__, compared_tokens(pair)))
            )
            report(1)
        matched.append(pair)
    return matched


def compared_tokens(pair: FormulaPair) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tokens of hypothesis and reference that are drawn: those of the normal form.

    A formula with Chinese, say, which the normaliser refuses, is given to it with commands in place of those
    characters, and gets them back.
    """
    return (
        _normal_tokens(pair.hypothesis, pair.normal_hypothesis, pair.hypothesis_refusal),
        _normal_tokens(pair.reference, pair.normal_reference, pair.reference_refusal),
    )


def _normal_tokens(formula: str, tokens: tuple[str, ...], refusal: str) -> tuple[str, ...]:
    if refusal != "unsupported_character":
        return tokens
    names = {character: _name(character) for character in set(formula) if not _is_supported(character)}
    for character, name in names.items():
        formula = formula.replace(character, f"{name} ")
    characters = {name: character for character, name in names.items()}
    try:
        return tuple(characters.get(token, token) for token in normalize(formula))
    except LatexError:
        return tokens


def _name(character: str) -> str:
    r"""A command for a character, of letters only: those of its number, 0 as A to 9 as J."""
    return r"\StandIn" + "".join("ABCDEFGHIJ"[int(digit)] for digit in str(ord(character)))


def _is_supported(character: str) -> bool:
    if character.isascii() or character.isspace():
        return True
    try:
        normalize(character)
    except LatexError as error:
        return error.reason != "unsupported_character"
    return True


def _draw(
    formulas: Iterable[tuple[str, ...]], processes: int, timeout_s: float
) -> dict[tuple[str, ...], DrawnFormula]:
    # Threads do: most of the work is TeX's, and they share one format.
    distinct = list(formulas)
    chunks = [distinct[start : start + _CHUNK_SIZE] for start in range(0, len(distinct), _CHUNK_SIZE)]

    def draw(chunk: Sequence[Tokens]) -> list[DrawnFormula]:
        return draw_formulas(chunk, timeout_s=timeout_s)

    drawn: dict[tuple[str, ...], DrawnFormula] = {}
    with ThreadPoolExecutor(processes) as pool:
        waiting = {pool.submit(draw, chunk): chunk for chunk in chunks}
        try:
            for future in as_completed(waiting):
                drawn.update(zip(waiting.pop(future), future.result(), strict=True))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return drawn


@dataclass(frozen=True)
class SymbolReport:
    """On what basis pairs were compared.

    Attributes:
        pairs: Pairs.
        by_token: Those compared token by token.
        fallbacks: Basis and reason -> pairs that had to do with less, the most frequent first; with `by_token`
            they make up all.
        with_stand_ins: Pairs in which boxes stood for characters that TeX's fonts lack; they may be in either.
    """

    pairs: int
    by_token: int
    fallbacks: Mapping[str, int]
    with_stand_ins: int

    def __str__(self) -> str:
        text = f"{self.by_token:,} of {self.pairs:,} pairs compared token by token"
        text += "".join(f"; {count:,} {reason}" for reason, count in self.fallbacks.items())
        if self.with_stand_ins:
            text += f" ({self.with_stand_ins:,} with boxes for characters that TeX's fonts lack)"
        return text


def fallback_report(pairs: Iterable[FormulaPair]) -> SymbolReport:
    """Count pairs by the basis of their comparison and the reason; "not_compared" if nobody did."""
    count = by_token = with_stand_ins = 0
    fallbacks: Counter[str] = Counter()
    for pair in pairs:
        count += 1
        symbols = pair.symbols
        if symbols is None:
            fallbacks["not_compared"] += 1
            continue
        with_stand_ins += symbols.stand_ins > 0
        if symbols.fallback:
            fallbacks[f"by {symbols.basis}, {symbols.fallback.split(':', 1)[0]}"] += 1
        else:
            by_token += 1
    return SymbolReport(count, by_token, dict(fallbacks.most_common()), with_stand_ins)


def counts_of(pair: FormulaPair) -> SymbolCounts:
    """The counts of a pair; one that `match_pairs` hasn't seen is drawn alone, which is slow.

    Raises:
        RenderError: TeX is missing, or can't be set up on this machine.
    """
    return pair.symbols or compare_drawn(*draw_formulas(compared_tokens(pair)))


def _recall(counts: SymbolCounts) -> float:
    return counts.recall


def _precision(counts: SymbolCounts) -> float:
    return counts.precision


def _f1(counts: SymbolCounts) -> float:
    return counts.f1


def _is_perfect(counts: SymbolCounts) -> float:
    return float(counts.is_perfect)


@dataclass(frozen=True)
class SymbolMean:
    """100 * mean over formulas of one of the figures of `SymbolCounts`, in [0, 100]; of no pairs 100.

    Attributes:
        name: See `Metric`.
        title: See `Metric`.
        signature: See `Metric`.
        figure: Of a pair's counts, in [0, 1]; a function of this module, so that it can be pickled.
        unit: See `Metric`.
        higher_is_better: See `Metric`.
        needs_images: See `Metric`.
        needs_symbols: Whether `match_pairs` is to be called first.
        statistic_names: See `Metric`.
    """

    name: str
    title: str
    signature: str
    figure: Callable[[SymbolCounts], float]
    unit: str = "percent"
    higher_is_better: bool = True
    needs_images: bool = False
    needs_symbols: bool = True
    statistic_names: tuple[str, ...] = ("figure", "pairs")

    def statistics(self, pair: FormulaPair) -> Array:
        """The pair's figure, and one."""
        return np.array([self.figure(counts_of(pair)), 1.0])

    def score(self, sums: Array) -> Array:
        """The mean in percent; see `Metric`."""
        return 100.0 * ratio(sums[..., 0], sums[..., 1], of_nothing=1.0)


@dataclass(frozen=True)
class SymbolF1Corpus:
    """100 * 2 * (matched symbols) / (symbols of hypotheses and references), in [0, 100]; of no symbols 100."""

    name: str = "symbol_f1_corpus"
    title: str = "Symbol F1, over all symbols"
    signature: str = f"symbol_f1_corpus|{_COUNTED}|mean:symbols|{VERSION}"
    unit: str = "percent"
    higher_is_better: bool = True
    needs_images: bool = False
    needs_symbols: bool = True
    statistic_names: tuple[str, ...] = ("matched", "hypothesis_symbols", "reference_symbols")

    def statistics(self, pair: FormulaPair) -> Array:
        """The pair's counts."""
        counts = counts_of(pair)
        return np.array(
            [counts.matched, counts.hypothesis_symbols, counts.reference_symbols], dtype=np.float64
        )

    def score(self, sums: Array) -> Array:
        """F1 of the sums in percent; see `Metric`."""
        return 100.0 * ratio(2.0 * sums[..., 0], sums[..., 1] + sums[..., 2], of_nothing=1.0)


def _mean(name: str, title: str, figure: Callable[[SymbolCounts], float]) -> SymbolMean:
    return SymbolMean(name, title, f"{name}|{_COUNTED}|mean:formulas|{VERSION}", figure)


SYMBOL_METRICS: tuple[Metric, ...] = (
    _mean("symbol_recall", "Symbol recall (CDM)", _recall),
    _mean("symbol_precision", "Symbol precision (CDM)", _precision),
    _mean("symbol_f1", "Symbol F1 (CDM)", _f1),
    SymbolF1Corpus(),
    _mean("symbol_exp_rate", "Share of formulas with symbol F1 = 1 (ExpRate@CDM)", _is_perfect),
)
