"""BLEU over tokens (Papineni et al. 2002) as Moses' `multi-bleu.perl` computes it, which the field reports.

With m_n the clipped n-gram matches and t_n the n-grams of all hypotheses, h and r the tokens of all hypotheses
and of all references:

    BLEU = 100 * min(1, exp(1 - r / h)) * (m_1/t_1 * m_2/t_2 * m_3/t_3 * m_4/t_4) ** (1/4)

One reference, no smoothing: 0 where an order has no match.

Where that isn't defined, or of little use, this differs from `multi-bleu.perl`. None of it arises as soon as one
hypothesis has four tokens:

* Orders of which the hypotheses hold no n-gram at all are left out of the mean, as sacrebleu's `effective_order`
  does (hence `eff:yes` in the signature); `multi-bleu.perl` gives 0. So `x` for `x` is 100 here, 0 there.
* Hypotheses that are all empty get 100 if the references are too, otherwise 0; `multi-bleu.perl` stops with a
  division by zero, or says 0 where the references are empty.

`bleu_multi` reads both sides in this project's normal form, whatever they were given in. Figures published on
IM2LATEX-100K since Deng et al. 2017 are of the benchmark's own normalised lines: with those as references, and the
tokens of a model trained on them as hypotheses, that is `bleu_multi_given`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from im2latex_fairseq.metrics.metric import VERSION, Array
from im2latex_fairseq.metrics.pair import Form, FormulaPair

MAX_ORDER = 4
STATISTIC_NAMES = (
    "hypothesis_length",
    "reference_length",
    *(f"matches_{order}" for order in range(1, MAX_ORDER + 1)),
    *(f"totals_{order}" for order in range(1, MAX_ORDER + 1)),
)


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
        matches.append(sum(min(count, wanted[ngram]) for ngram, count in found.items() if ngram in wanted))
        totals.append(sum(found.values()))
    return BleuStatistics(len(hypothesis), len(reference), tuple(matches), tuple(totals))


def bleu_score(statistics: BleuStatistics) -> float:
    """Corpus BLEU-4 in [0, 100]: brevity penalty times the geometric mean of the four precisions.

    See the module for how it is computed; no hypothesis and no reference is perfect.
    Signature: tokens:given|nrefs:1|case:mixed|eff:yes|smooth:none|order:4.
    """
    return float(bleu_scores(as_row(statistics)))


def bleu_scores(sums: Array) -> Array:
    """Corpus BLEU-4 of many sums at once.

    Args:
        sums: (..., 10), in the order of `STATISTIC_NAMES`.

    Returns:
        (...), in [0, 100].
    """
    hypothesis_length, reference_length = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2 : 2 + MAX_ORDER], sums[..., 2 + MAX_ORDER :]
    exists, is_found = totals > 0, matches > 0
    # One where there is nothing to take the logarithm of: such orders add nothing, or the result is 0 anyway.
    precisions = np.where(is_found, matches, 1.0) / np.where(is_found, totals, 1.0)
    mean_log = np.log(precisions).sum(axis=-1) / np.maximum(exists.sum(axis=-1), 1)
    is_matched = (is_found | ~exists).all(axis=-1)
    some_length = np.maximum(hypothesis_length, 1.0)
    log_brevity = np.minimum(0.0, 1.0 - reference_length / some_length)
    scores = np.where(is_matched, 100.0 * np.exp(log_brevity + mean_log), 0.0)
    nothing = np.where(reference_length == 0, 100.0, 0.0)
    return np.where(hypothesis_length == 0, nothing, scores)


def as_row(statistics: BleuStatistics) -> Array:
    """Statistics as an array (10,), in the order of `STATISTIC_NAMES`."""
    return np.array(
        [
            statistics.hypothesis_length,
            statistics.reference_length,
            *statistics.matches,
            *statistics.totals,
        ],
        dtype=np.float64,
    )


def corpus_bleu(hypotheses: Iterable[Sequence[str]], references: Iterable[Sequence[str]]) -> float:
    """Corpus BLEU-4 of token lists, in [0, 100].

    Raises:
        ValueError: There are more of one than of the other.
    """
    total = BleuStatistics()
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        total = total + bleu_statistics(hypothesis, reference)
    return bleu_score(total)


@dataclass(frozen=True)
class TokenBleu:
    """What every corpus BLEU over our tokens shares; how a score follows from the sums is for a subclass to say.

    Attributes:
        form: Which tokens it reads.
    """

    form: Form = "normal"
    unit: str = "percent"
    higher_is_better: bool = True
    needs_images: bool = False
    statistic_names: tuple[str, ...] = STATISTIC_NAMES

    stem: ClassVar[str]

    @property
    def name(self) -> str:
        """The stem; with the form at the end unless it is the normal one."""
        return self.stem if self.form == "normal" else f"{self.stem}_{self.form}"

    def statistics(self, pair: FormulaPair) -> Array:
        """Lengths, matches and totals (10,)."""
        return as_row(bleu_statistics(*pair.tokens(self.form)))


@dataclass(frozen=True)
class MultiBleu(TokenBleu):
    """Corpus BLEU-4 by the convention of `multi-bleu.perl`; see the module."""

    stem = "bleu_multi"

    @property
    def title(self) -> str:
        """See `Metric`."""
        return f"BLEU-4 as multi-bleu.perl, {self.form} tokens"

    @property
    def signature(self) -> str:
        """See `Metric`."""
        return f"bleu|tokens:{self.form}|nrefs:1|case:mixed|eff:yes|smooth:none|order:4|{VERSION}"

    def score(self, sums: Array) -> Array:
        """BLEU in [0, 100]; 100 of no pairs."""
        return bleu_scores(sums)


def _ngrams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))
