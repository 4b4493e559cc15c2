"""Where two sequences differ, aligned by Levenshtein distance.

Of the many alignments that cost the same, this is the one that python-Levenshtein 0.12 returns, which image match
(Deng et al. 2017) depends on: rapidfuzz and later releases of that library may return another one, with runs of
other lengths.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple, TypeVar

Item = TypeVar("Item", bound=Hashable)

_INSERT, _DELETE, _REPLACE = 1, 2, 3


class DifferingRun(NamedTuple):
    """`source[source_start:source_end]` is deleted, or replaced by `target[target_start:target_end]`.

    As an opcode of python-Levenshtein: a run is of one kind, so that a replacement and an insertion next to it are
    two runs. An inserted run has an empty stretch of the source, a deleted one of the target, a replaced one has
    stretches of equal length.
    """

    source_start: int
    source_end: int
    target_start: int
    target_end: int

    @property
    def source_length(self) -> int:
        """Items of the source."""
        return self.source_end - self.source_start

    @property
    def target_length(self) -> int:
        """Items of the target."""
        return self.target_end - self.target_start


def differing_runs(source: Sequence[Item], target: Sequence[Item]) -> list[DifferingRun]:
    """The runs that turn `source` into `target` by the fewest insertions, deletions and replacements.

    They are `Levenshtein.opcodes(source, target)` of python-Levenshtein 0.12 without its "equal" ones: equal ends
    are set aside, then the way back through the cost matrix keeps to an insertion or deletion once begun, else
    prefers equal items, then a replacement, an insertion, a deletion.

    Args:
        source: n items.
        target: m items.

    Returns:
        Runs in order; none if both are equal. Takes O(n m / 64) steps.
    """
    start = 0
    shorter = min(len(source), len(target))
    while start < shorter and source[start] == target[start]:
        start += 1
    end = 0
    while end < shorter - start and source[-1 - end] == target[-1 - end]:
        end += 1
    source = source[start : len(source) - end]
    target = target[start : len(target) - end]
    if not source and not target:
        return []
    if not source or not target:
        return [DifferingRun(start, start + len(source), start, start + len(target))]
    matrix = _CostMatrix(source, target)

    kinds: list[tuple[int, int, int]] = []  # backwards: kind, and i and j behind its last step
    lengths: list[int] = []
    i, j = len(source), len(target)
    kept_to = kind_before = 0  # an insertion or deletion once begun; the kind of the step before
    while i or j:
        if kept_to == _INSERT and matrix.rises_from_left(i, j):
            kind = _INSERT
        elif kept_to == _DELETE and matrix.rises_from_above(i, j):
            kind = _DELETE
        elif i and j and source[i - 1] == target[j - 1]:
            i -= 1
            j -= 1
            kept_to = kind_before = 0
            continue
        elif i and j and matrix.rises_from_corner(i, j):
            kind = _REPLACE
        elif matrix.rises_from_left(i, j):
            kind = kept_to = _INSERT
        else:
            kind = kept_to = _DELETE
        if kind == kind_before:
            lengths[-1] += 1
        else:
            kinds.append((kind, i, j))
            lengths.append(1)
            kind_before = kind
        i -= kind != _INSERT
        j -= kind != _DELETE
    return [
        DifferingRun(
            start + i - (length if kind != _INSERT else 0),
            start + i,
            start + j - (length if kind != _DELETE else 0),
            start + j,
        )
        for (kind, i, j), length in zip(reversed(kinds), reversed(lengths), strict=True)
    ]


class _CostMatrix:
    """The differences between neighbours in Levenshtein's matrix D of prefixes, a column in a few integers.

    Bit i - 1 of the integers of column j tells of D[i, j]: Hyyrö, "A bit-vector algorithm for computing Levenshtein
    and Damerau edit distances" (2003). Python's integers are as long as the source, so there are no blocks.
    """

    def __init__(self, source: Sequence[Item], target: Sequence[Item]) -> None:
        positions: dict[Hashable, int] = {}
        for index, item in enumerate(source):
            positions[item] = positions.get(item, 0) | 1 << index
        ones = (1 << len(source)) - 1
        higher, lower = ones, 0  # than the row above: D[i, 0] is i
        self._above = [higher]
        self._left = [0]
        self._level = [0]
        for item in target:
            equal = positions.get(item, 0)
            level = ((((equal & higher) + higher) ^ higher) | equal | lower) & ones
            left = lower | (ones & ~(level | higher))
            shifted = (left << 1 | 1) & ones  # D[0, j] is j
            lower_left = (level & higher) << 1 & ones
            higher = lower_left | (ones & ~(level | shifted))
            lower = shifted & level
            self._above.append(higher)
            self._left.append(left)
            self._level.append(level)

    def rises_from_above(self, i: int, j: int) -> bool:
        """D[i, j] == D[i - 1, j] + 1."""
        return i > 0 and bool(self._above[j] >> (i - 1) & 1)

    def rises_from_left(self, i: int, j: int) -> bool:
        """D[i, j] == D[i, j - 1] + 1."""
        return j > 0 and (i == 0 or bool(self._left[j] >> (i - 1) & 1))

    def rises_from_corner(self, i: int, j: int) -> bool:
        """D[i, j] == D[i - 1, j - 1] + 1, for i and j above 0."""
        return not self._level[j] >> (i - 1) & 1
