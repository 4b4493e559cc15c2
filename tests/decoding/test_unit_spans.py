"""How long units go on: measured, and learned with a margin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.decoding.unit_spans import (
    DEFAULT_SPANS,
    SPACING_TOKENS,
    LongestSpans,
    learn_longest_spans,
    measure_longest_spans,
)

ALPHABET = ["a", "b", "&", r"\,"]
FORMULAS = st.lists(st.lists(st.sampled_from(ALPHABET), max_size=12), max_size=4)


def spans_one_by_one(tokens: list[str], p: int, spaced: bool) -> int:
    """The longest stretch in which each token equals the one p before it, by trying all of them."""
    longest = 0
    for start in range(len(tokens)):
        for end in range(start + 2 * p, len(tokens) + 1):
            stretch = tokens[start:end]
            has_spacing = bool(SPACING_TOKENS & set(stretch))
            if has_spacing == spaced and all(stretch[i] == stretch[i - p] for i in range(p, len(stretch))):
                longest = max(longest, len(stretch))
    return longest


@given(FORMULAS)
def test_measures_what_trying_all_stretches_finds(formulas: list[list[str]]) -> None:
    measured = measure_longest_spans(formulas, 4)
    for spans, spaced in zip(measured, (False, True), strict=True):
        expected = [max((spans_one_by_one(f, p, spaced) for f in formulas), default=0) for p in range(1, 5)]
        assert list(spans) == expected


@pytest.mark.parametrize(
    "formula, p, inked, spaced",
    [
        ("0 & 0 & 0", 2, 5, 0),  # the last repeat in part
        ("c c c c", 1, 4, 0),
        ("c c c c", 2, 4, 0),  # a unit repeated is a unit too
        ("a b a", 2, 0, 0),  # no whole repeat
        (r"\; \; \;", 1, 0, 3),
        (r"0 \, 0 \,", 2, 0, 4),  # spacing anywhere in the unit
    ],
)
def test_spans_of_formulas(formula: str, p: int, inked: int, spaced: int) -> None:
    measured = measure_longest_spans([formula.split()], p)
    assert (measured[0][p - 1], measured[1][p - 1]) == (inked, spaced)


@given(FORMULAS, st.floats(1, 3))
def test_learned_spans_allow_what_they_were_learned_from(formulas: list[list[str]], margin: float) -> None:
    learned = learn_longest_spans(formulas, longest_unit=5, margin=margin)
    for seen, allowed in zip(
        measure_longest_spans(formulas, 5), (learned.inked, learned.spaced), strict=True
    ):
        assert all(span * margin <= most for span, most in zip(seen, allowed, strict=True))


@pytest.mark.parametrize("longest_unit, margin", [(0, 1.5), (4, 0.9), (4, float("nan"))])
def test_refuses_numbers_that_make_no_sense(longest_unit: int, margin: float) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        learn_longest_spans([["a"]], longest_unit=longest_unit, margin=margin)


@pytest.mark.parametrize(
    "inked, spaced, message",
    [
        ((), (), "at least one"),
        ((4, 5), (4,), "as many"),
        ((6, 5), (6, 6), "never decrease"),
        ((1, 5), (6, 6), "room for one repeat"),
    ],
)
def test_refuses_spans_that_are_none(inked: tuple[int, ...], spaced: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LongestSpans(inked, spaced)


def test_spaces_may_go_on_for_longer() -> None:
    assert all(s >= i for i, s in zip(DEFAULT_SPANS.inked[:24], DEFAULT_SPANS.spaced[:24], strict=True))
