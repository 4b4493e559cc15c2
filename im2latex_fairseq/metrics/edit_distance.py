"""Edit distance, by the three conventions that the field publishes under that one name.

With d_i the Levenshtein distance of pair i (insertions, deletions, substitutions, each costing one; swapped
neighbours cost two), h_i and r_i the lengths of its hypothesis and reference, and N pairs:

| convention | formula | better | published by |
|---|---|---|---|
| `edit_accuracy` | 100 * (1 - sum d_i / sum max(h_i, r_i)) | more | Deng et al. 2017, over tokens |
| `mean_edit_distance` | 100 * (1/N) sum (d_i / max(h_i, r_i)) | less | Nougat (Blecher et al. 2023), over characters |
| `error_rate` | 100 * sum d_i / sum r_i | less | speech and handwriting: word and character error rate |

The first weighs long formulas more, the second all alike, and the third can exceed 100. None can be computed from
another one. im2markup's script leaves pictures without a prediction out of its sums; here a missing hypothesis is
an empty one, with a distance of r_i.

Each is over tokens or over characters, of the normal form, of the unified form, or of what was given. Characters
of the first two are those of the tokens written with the fewest blanks; given ones are those of the text between
its first and its last character that is not white space, blanks included.

10,000 pairs of 60 tokens take a tenth of a second or less: rapidfuzz computes the distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from rapidfuzz.distance import Levenshtein

from im2latex_fairseq.latex.tokenizer import detokenize
from im2latex_fairseq.metrics.metric import VERSION, Array, ratio
from im2latex_fairseq.metrics.pair import Form, FormulaPair

Convention: TypeAlias = Literal["edit_accuracy", "mean_edit_distance", "error_rate"]
Level: TypeAlias = Literal["token", "character"]

_FORMULAS: dict[Convention, str] = {
    "edit_accuracy": "1-sum(d)/sum(max(h,r))",
    "mean_edit_distance": "mean(d/max(h,r))",
    "error_rate": "sum(d)/sum(r)",
}
_STATISTIC_NAMES: dict[Convention, tuple[str, ...]] = {
    "edit_accuracy": ("distance", "longer_length"),
    "mean_edit_distance": ("distance_by_longer_length", "pairs"),
    "error_rate": ("distance", "reference_length"),
}


@dataclass(frozen=True)
class EditStatistics:
    """What the edit-distance accuracy needs of a sample; sums over samples, workers and shards.

    Attributes:
        distance: Insertions, deletions and substitutions of tokens, each costing one (Levenshtein).
        longer_length: Tokens of the longer of hypothesis and reference.
    """

    distance: int = 0
    longer_length: int = 0

    def __add__(self, other: EditStatistics) -> EditStatistics:
        return EditStatistics(self.distance + other.distance, self.longer_length + other.longer_length)


def edit_statistics(hypothesis: Sequence[str], reference: Sequence[str]) -> EditStatistics:
    """The statistics of one pair of token lists, or of characters if given two strings."""
    return EditStatistics(Levenshtein.distance(hypothesis, reference), max(len(hypothesis), len(reference)))


def edit_accuracy(statistics: EditStatistics) -> float:
    """100 * (1 - sum(d) / sum(max(|h|, |r|))), in [0, 100]; all empty is perfect."""
    if statistics.longer_length == 0:
        return 100.0
    return 100.0 * (1.0 - statistics.distance / statistics.longer_length)


def edit_distance_accuracy(hypotheses: Iterable[Sequence[str]], references: Iterable[Sequence[str]]) -> float:
    """100 * (1 - sum(d) / sum(max(|h|, |r|))) over tokens, corpus level, as in Deng et al. 2017.

    Raises:
        ValueError: There are more of one than of the other.
    """
    total = EditStatistics()
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        total = total + edit_statistics(hypothesis, reference)
    return edit_accuracy(total)


@dataclass(frozen=True)
class EditDistance:
    """One of the conventions of the module.

    Attributes:
        convention: How distances become one figure.
        level: What is counted: tokens or characters.
        form: Which tokens, or the characters of which form.
    """

    convention: Convention
    level: Level = "token"
    form: Form = "normal"
    unit: str = "percent"
    needs_images: bool = False

    @property
    def name(self) -> str:
        """`token_edit_accuracy` and so on; with the form at the end unless it is the normal one."""
        return f"{self.level}_{self.convention}" + ("" if self.form == "normal" else f"_{self.form}")

    @property
    def title(self) -> str:
        """See `Metric`."""
        words = self.convention.replace("_", " ")
        return f"{words[0].upper()}{words[1:]}, {self.form} {self.level}s"

    @property
    def signature(self) -> str:
        """See `Metric`."""
        return f"edit|{self.level}s:{self.form}|{_FORMULAS[self.convention]}|cost:1,1,1|{VERSION}"

    @property
    def higher_is_better(self) -> bool:
        """Of the accuracy only."""
        return self.convention == "edit_accuracy"

    @property
    def statistic_names(self) -> tuple[str, ...]:
        """What is divided by what."""
        return _STATISTIC_NAMES[self.convention]

    def statistics(self, pair: FormulaPair) -> Array:
        """Numerator and denominator (2,); two empty formulas have a distance of 0, by any convention."""
        hypothesis, reference = _sequences(pair, self.level, self.form)
        found = edit_statistics(hypothesis, reference)
        if self.convention == "edit_accuracy":
            return np.array([found.distance, found.longer_length], dtype=np.float64)
        if self.convention == "error_rate":
            return np.array([found.distance, len(reference)], dtype=np.float64)
        return np.array([found.distance / max(found.longer_length, 1), 1.0])

    def score(self, sums: Array) -> Array:
        """Percent: accuracy and mean in [0, 100], the error rate above 0 without a limit.

        No pairs have no errors. Invented tokens where all references are empty are counted as if one reference
        token had been there, so that the rate stays finite.
        """
        if self.convention == "edit_accuracy":
            return 100.0 * (1.0 - ratio(sums[..., 0], sums[..., 1], of_nothing=0.0))
        if self.convention == "error_rate":
            return 100.0 * sums[..., 0] / np.maximum(sums[..., 1], 1.0)
        return 100.0 * ratio(sums[..., 0], sums[..., 1], of_nothing=0.0)


def _sequences(pair: FormulaPair, level: Level, form: Form) -> tuple[Sequence[str], Sequence[str]]:
    if level == "token":
        return pair.tokens(form)
    if form == "given":
        return pair.hypothesis.strip(), pair.reference.strip()
    hypothesis, reference = pair.tokens(form)
    return detokenize(hypothesis), detokenize(reference)
