"""Edit distance over tokens, as Deng et al. 2017 score it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein


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
    """The statistics of one pair of token lists."""
    return EditStatistics(
        Levenshtein.distance(list(hypothesis), list(reference)), max(len(hypothesis), len(reference))
    )


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
