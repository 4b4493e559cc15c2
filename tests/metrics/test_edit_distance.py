"""Edit-distance accuracy: rows worked out by hand, and the laws of a distance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.metrics.edit_distance import (
    EditStatistics,
    edit_accuracy,
    edit_distance_accuracy,
    edit_statistics,
)

TOKENS = st.lists(st.sampled_from(["a", "b", "\\frac", "{"]), max_size=8)


@pytest.mark.parametrize(
    "hypothesis, reference, distance, score",
    [
        ("a b c", "a b c", 0, 100.0),  # the same
        ("a x c", "a b c", 1, 100 * 2 / 3),  # one token replaced
        ("a c", "a b c", 1, 100 * 2 / 3),  # one left out: the longer one counts
        ("a b b c", "a b c", 1, 75.0),  # one too many
        ("b a", "a b", 2, 0.0),  # two swapped: two replacements, no transposition
        ("\\alpha", "\\beta", 1, 0.0),  # tokens, not letters
        ("", "a b", 2, 0.0),  # nothing predicted
        ("a b", "", 2, 0.0),  # all invented
        ("", "", 0, 100.0),  # both empty: defined as perfect
    ],
)
def test_worked_out_by_hand(hypothesis: str, reference: str, distance: int, score: float) -> None:
    assert edit_statistics(hypothesis.split(), reference.split()).distance == distance
    assert edit_distance_accuracy([hypothesis.split()], [reference.split()]) == pytest.approx(score)


def test_a_corpus_weighs_by_length() -> None:
    # 0 of 3 and 1 of 1: one edit in four tokens, not the mean of 100 and 0
    assert edit_distance_accuracy([["a", "b", "c"], ["x"]], [["a", "b", "c"], ["y"]]) == 75.0


@given(TOKENS, TOKENS, TOKENS)
def test_it_is_a_distance(first: list[str], second: list[str], third: list[str]) -> None:
    def distance(a: list[str], b: list[str]) -> int:
        return edit_statistics(a, b).distance

    assert distance(first, first) == 0
    assert distance(first, second) == distance(second, first)
    assert distance(first, third) <= distance(first, second) + distance(second, third)
    assert abs(len(first) - len(second)) <= distance(first, second) <= max(len(first), len(second))


@given(st.lists(st.tuples(TOKENS, TOKENS), max_size=6), st.integers(0, 6))
def test_statistics_sum_over_workers(pairs: list[tuple[list[str], list[str]]], cut: int) -> None:
    def total(part: list[tuple[list[str], list[str]]]) -> EditStatistics:
        return sum((edit_statistics(h, r) for h, r in part), EditStatistics())

    assert total(pairs[:cut]) + total(pairs[cut:]) == total(pairs)
    assert 0.0 <= edit_accuracy(total(pairs)) <= 100.0


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is longer"):
        edit_distance_accuracy([["a"]], [["a"], ["b"]])
