"""Corpus BLEU of the sacrebleu library (Post 2018) over our tokens: `tokenize="none"`, all else by its default.

The library itself computes each score, so that figures and signature are its own. It differs from
`bleu.py` where there is little to count:

* Smoothing is `exp`: the first order without a match counts as 1/2 match, the next one as 1/4, and so on.
* An order of which the hypotheses hold no n-gram at all makes the score 0 (`eff:no`), though everything be right:
  `x` for `x` is 0. So it is meant for corpora, and says nothing of single short formulas.
* No text at all, on both sides, is 0, and so is a corpus of no pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from im2latex_fairseq import __version__
from im2latex_fairseq.metrics.bleu import MAX_ORDER, STATISTIC_NAMES, TokenBleu
from im2latex_fairseq.metrics.metric import Array

_SMOOTHING = "exp"
#: As the library signs a corpus with one reference.
SACREBLEU_SIGNATURE = f"nrefs:1|case:mixed|eff:no|tok:none|smooth:{_SMOOTHING}|version:{version('sacrebleu')}"


@dataclass(frozen=True)
class SacreBleu(TokenBleu):
    """sacrebleu's own corpus BLEU, in [0, 100], of statistics that are those of the library; see the module."""

    stem = "bleu_sacre"  # fairseq has a `sacrebleu` of its own

    @property
    def title(self) -> str:
        """See `Metric`."""
        return f"BLEU of sacrebleu, {self.form} tokens"

    @property
    def signature(self) -> str:
        """The library's, behind which tokens it was given."""
        return f"bleu|tokens:{self.form}|im2latex_fairseq:{__version__}|sacrebleu|{SACREBLEU_SIGNATURE}"

    def score(self, sums: Array) -> Array:
        """BLEU in [0, 100]; 0 of no pairs. One call of the library a score, some microseconds each."""
        rows = np.rint(sums).astype(np.int64).reshape(-1, len(STATISTIC_NAMES)).tolist()
        return np.array([_score_of(row) for row in rows], dtype=np.float64).reshape(sums.shape[:-1])


def _score_of(row: list[int]) -> float:
    result = BLEU.compute_bleu(
        correct=row[2 : 2 + MAX_ORDER],
        total=row[2 + MAX_ORDER :],
        sys_len=row[0],
        ref_len=row[1],
        smooth_method=_SMOOTHING,
    )
    return float(result.score)
