"""What counts as a repeated token, and limits learned from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.decoding.repeated_tokens import (
    DEFAULT_LIMITS,
    SPACING_TOKENS,
    RepetitionLimits,
    count_repeated_tokens,
    learn_limits,
)

FORMULAS = st.lists(
    st.lists(st.sampled_from(["a", "b", "~"]), max_size=12)
    | st.builds(
        lambda unit, rounds, after: (unit * rounds)[:60] + after,
        st.lists(st.sampled_from(["a", "b", "&", "~"]), min_size=1, max_size=6),
        st.integers(1, 12),
        st.lists(st.sampled_from(["a", "~"]), max_size=4),
    ),
    min_size=1,
    max_size=4,
)


def counted_one_by_one(tokens: list[str]) -> list[int]:
    """By the definition: of each token, look at all units whose rounds end there."""
    counts = [0, 0]
    for end in range(1, len(tokens) + 1):
        kinds = set()
        for p in range(1, 33):
            start = end - max(3 * p, 9)  # three rounds, and more than eight tokens
            if start >= 0 and all(tokens[i] == tokens[i + p] for i in range(start, end - p)):
                kinds.add(bool(SPACING_TOKENS & set(tokens[end - p : end])))
        for kind in kinds:
            counts[kind] += 1
    return counts


@given(FORMULAS)
def test_counts_by_the_definition(formulas: list[list[str]]) -> None:
    assert count_repeated_tokens(formulas).tolist() == [counted_one_by_one(tokens) for tokens in formulas]


@pytest.mark.parametrize(
    "formula, inked, spaced",
    [
        ("0 & 0 & 0 & 0", 0, 0),  # seven tokens
        ("0 & 0 & 0 & 0 & 0 & 0", 3, 0),  # from the ninth on
        (r"\ldots \ldots \ldots", 0, 0),
        ("c c c c c c c c c c", 2, 0),
        ("x _ { 1 } + x _ { 1 } + y", 0, 0),  # two rounds are none too many
        ("x _ { 1 } + x _ { 1 } + x _ { 1 } + y", 1, 0),  # the third +
        (r"\; \; \; \; \; \; \; \; \; \;", 0, 2),
        (r"0 \, 0 \, 0 \, 0 \, 0 \,", 0, 2),  # spacing anywhere in the unit
    ],
)
def test_counts_of_formulas(formula: str, inked: int, spaced: int) -> None:
    assert count_repeated_tokens([formula.split()]).tolist() == [[inked, spaced]]


@given(FORMULAS, st.integers(4, 12).map(lambda quarters: quarters / 4))
def test_learned_limits_are_the_most_times_the_margin(formulas: list[list[str]], margin: float) -> None:
    limits = learn_limits(formulas, margin=margin)
    most = count_repeated_tokens(formulas).max(axis=0) * margin
    assert most[0] <= limits.inked < most[0] + 1
    assert most[1] <= limits.spaced < most[1] + 1


def test_refuses_numbers_that_make_no_sense() -> None:
    for margin in (0.9, float("nan")):
        with pytest.raises(ValueError, match="at least 1"):
            learn_limits([["a"]], margin=margin)
    with pytest.raises(ValueError, match="no formulas"):
        learn_limits([])
    with pytest.raises(ValueError, match="negative"):
        RepetitionLimits(-1, 3)


def test_what_people_write_is_within_the_limits_and_padding_is_not() -> None:
    wide_gap = [["a", *[r"\,"] * 10, "b"], ["a", *[r"\qquad", "~"] * 5, "b"]]
    identity = [" & ".join("1" if row == column else "0" for column in range(8)).split() for row in range(8)]
    matrix = [[token for row in identity for token in (*row, r"\\")]]
    limits = (DEFAULT_LIMITS.inked, DEFAULT_LIMITS.spaced)
    assert (count_repeated_tokens(wide_gap + matrix) <= limits).all()
    assert (count_repeated_tokens([[r"\,"] * 60, ["c"] * 60]) > limits).any(axis=1).all()
