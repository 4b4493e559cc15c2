"""BLEU over tokens (Papineni et al. 2002)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_ORDER = 4


@dataclass(frozen=True)
class BleuStatistics:
    """What BLEU needs of a sample; sums over samples, workers and shards.

    Attributes:
        hypothesis_length: Tokens of the hypothesis.
        reference_length: Tokens of the reference.
        matches: Clipped n-gram matches, n = 1..4.
        totals: n-grams of the hypothesis, n = 1..4.
    """

    hypothesis_length: int = 0
    reference_length: int = 0
    matches: tuple[int, ...] = (0,) * MAX_ORDER
    totals: tuple[int, ...] = (0,) * MAX_ORDER

    def __add__(self, other: BleuStatistics) -> BleuStatistics:
        return BleuStatistics(
            self.hypothesis_length + other.hypothesis_length,
            self.reference_length + other.reference_length,
            tuple(a + b for a, b in zip(self.matches, other.matches, strict=True)),
            tuple(a + b for a, b in zip(self.totals, other.totals, strict=True)),
        )


def bleu_statistics(hypothesis: Sequence[str], reference: Sequence[str]) -> BleuStatistics:
    """The statistics of one pair of token lists."""
    matches, totals = [], []
    for order in range(1, MAX_ORDER + 1):
        found = _ngrams(hypothesis, order)
        wanted = _ngrams(reference, order)
        matches.append(sum((found & wanted).values()))
        totals.append(sum(found.values()))
    return BleuStatistics(len(hypothesis), len(reference), tuple(matches), tuple(totals))


def bleu_score(statistics: BleuStatistics) -> float:
    """Corpus BLEU-4 in [0, 100]: brevity penalty times the geometric mean of the four precisions.

    As multi-bleu.perl computes it: one reference, no smoothing, so 0 where an order has no match.
    Signature: tokens:given|nrefs:1|case:mixed|smooth:none|order:4.
    """
    if statistics.hypothesis_length == 0:
        return 100.0 if statistics.reference_length == 0 else 0.0
    # A corpus of formulas shorter than four tokens has no 4-grams at all: leave such orders out.
    orders = [(m, t) for m, t in zip(statistics.matches, statistics.totals, strict=True) if t > 0]
    if any(matches == 0 for matches, _ in orders):
        return 0.0
    log_precision = sum(math.log(matches / total) for matches, total in orders) / len(orders)
    brevity = min(0.0, 1.0 - statistics.reference_length / statistics.hypothesis_length)
    return 100.0 * math.exp(brevity + log_precision)


def corpus_bleu(hypotheses: Iterable[Sequence[str]], references: Iterable[Sequence[str]]) -> float:
    """Corpus BLEU-4 of token lists, in [0, 100].

    Raises:
        ValueError: There are more of one than of the other.
    """
    total = BleuStatistics()
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        total = total + bleu_statistics(hypothesis, reference)
    return bleu_score(total)


def _ngrams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1))
