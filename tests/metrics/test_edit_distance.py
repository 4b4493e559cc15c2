"""Edit-distance accuracy: rows worked out by hand, and the laws of a distance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.metrics.edit_distance import (
    Convention,
    EditDistance,
    EditStatistics,
    edit_accuracy,
    edit_distance_accuracy,
    edit_statistics,
)
from im2latex_fairseq.metrics.metric import corpus_score
from im2latex_fairseq.metrics.pair import make_pair

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


@pytest.mark.parametrize(
    "pairs, accuracy, mean, error_rate",
    [
        ([("a b c", "a b c")], 100.0, 0.0, 0.0),  # the same
        ([("a b x", "a b c")], 100 * 2 / 3, 100 / 3, 100 / 3),  # one token off: all agree
        ([("a b c d", "a b")], 50.0, 50.0, 100.0),  # two too many: of 4, of 4, of the reference's 2
        ([("a a a a", "a")], 25.0, 75.0, 300.0),  # more errors than the reference has tokens
        ([("a b", "a b c d")], 50.0, 50.0, 50.0),  # two left out
        ([("", "a b")], 0.0, 100.0, 100.0),  # nothing predicted
        ([(None, "a b")], 0.0, 100.0, 100.0),  # nothing there: the same
        ([("a b", "")], 0.0, 100.0, 200.0),  # all invented: rated as if one token had been there
        ([("", "")], 100.0, 0.0, 0.0),  # both empty: defined as perfect
        ([("a  b ", " a b")], 100.0, 0.0, 0.0),  # extra spaces are no tokens
        ([], 100.0, 0.0, 0.0),  # no pairs: no errors
        # a long one that is right and a short one that is wrong: 1 of 10 tokens, half of the formulas
        ([("a b c d e f g h i", "a b c d e f g h i"), ("x", "y")], 90.0, 50.0, 10.0),
        # an invented one beside a right one: it counts in sums of hypotheses, not in those of references
        ([("a b", "a b"), ("x y", "")], 50.0, 50.0, 100.0),
    ],
)
def test_three_conventions(
    pairs: list[tuple[str | None, str]], accuracy: float, mean: float, error_rate: float
) -> None:
    made = [make_pair(str(n), h, r) for n, (h, r) in enumerate(pairs)]
    expected: dict[Convention, float] = {
        "edit_accuracy": accuracy,
        "mean_edit_distance": mean,
        "error_rate": error_rate,
    }
    for convention, score in expected.items():
        assert corpus_score(EditDistance(convention), made) == pytest.approx(score), convention
        assert corpus_score(EditDistance(convention, form="given"), made) == pytest.approx(score), convention


@pytest.mark.parametrize(
    "hypothesis, reference, given_rate, normal_rate",
    [
        ("\\alpha", "\\beta", 80.0, 80.0),  # of \beta's 5 letters only `\` and the last `a` are right
        ("a b", "ab", 50.0, 0.0),  # an extra space is a character of the given text, and none of the form
        (" ab\n", "ab", 0.0, 0.0),  # but not at the ends
        ("x^2", "x^{2}", 40.0, 0.0),  # two braces of five characters
        ("\\alpha x", "\\alpha  x", 100 / 9, 0.0),  # the blank that ends a command is one in the form
    ],
)
def test_characters(hypothesis: str, reference: str, given_rate: float, normal_rate: float) -> None:
    pairs = [make_pair("1", hypothesis, reference)]
    assert corpus_score(EditDistance("error_rate", "character", "given"), pairs) == pytest.approx(given_rate)
    assert corpus_score(EditDistance("error_rate", "character"), pairs) == pytest.approx(normal_rate)


def test_names_tell_the_conventions_apart() -> None:
    assert EditDistance("edit_accuracy").name == "token_edit_accuracy"
    assert EditDistance("error_rate", "character", "given").name == "character_error_rate_given"
    assert [
        EditDistance(c).higher_is_better for c in ("edit_accuracy", "mean_edit_distance", "error_rate")
    ] == [
        True,
        False,
        False,
    ]
    assert "mean(d/max(h,r))" in EditDistance("mean_edit_distance").signature
