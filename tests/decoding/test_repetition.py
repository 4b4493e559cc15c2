"""Loops end; what repeats itself for good reason is let through."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.decoding.repetition import RepetitionFilter
from im2latex_fairseq.decoding.unit_spans import LongestSpans, learn_longest_spans

MAX_LEN = 400
SYMBOLS = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    *"abcdxyz01{}&=+-",
    r"\\",
    r"\,",
    "~",
    r"\frac",
    r"\ldots",
    r"\quad",
]
END = SYMBOLS.index("</s>")

# What people repeat, as long as the benchmark's formulas do it.
TRUE_REPETITIONS = [
    " ".join(["{ 0 } & { 0 } & { 0 } & { 0 } & { 0 }"] + [r"\\ { 0 } & { 0 } & { 0 } & { 0 } & { 0 }"] * 2),
    r"a , b \ldots \ldots \ldots".replace(",", "+"),
    " ".join([r"\quad"] * 10 + ["x"]),
    " ".join([r"\,"] * 80 + ["x"]),
    " ".join(["c"] * 17),
    " ".join(["-"] * 23),
    " ".join(["{ } &"] * 5 + ["{ }"]),
    "0 + 0 + 0 + 0 + 0 + 0 + 0 + 0 = 0",
]
LOOPS = [
    "c",
    r"\,",
    "~",
    "{ } &",
    "{ 0 } &",
    r"\frac { a } { b } +",
    r"a \, b ~",
    "a b c d x y z 0 1 = + - { }",
]


def ids(text: str) -> list[int]:
    return [SYMBOLS.index(token) for token in text.split()]


def forbidden(mask: torch.Tensor | None, row: int = 0) -> set[int]:
    return set() if mask is None else set(torch.nonzero(~mask[row]).flatten().tolist())


def first_refusal(token_filter: RepetitionFilter, tokens: list[int]) -> int | None:
    """How many tokens were let through before one was not; None if all were."""
    states = token_filter.begin(1, MAX_LEN)
    for step, token in enumerate(tokens):
        if token in forbidden(token_filter.allowed(states, step, MAX_LEN)):
            return step
        states = token_filter.advance(states, np.array([token]))
    return None


@pytest.mark.parametrize("formula", TRUE_REPETITIONS)
def test_lets_true_repetitions_through(formula: str) -> None:
    assert first_refusal(RepetitionFilter(SYMBOLS), ids(formula)) is None


@pytest.mark.parametrize("unit", LOOPS)
@pytest.mark.parametrize("before", ["", "x = ", "c a c a "])
def test_cuts_every_loop_after_more_than_two_rounds(unit: str, before: str) -> None:
    tokens = ids(before + " ".join([unit] * MAX_LEN))[:MAX_LEN]
    cut = first_refusal(RepetitionFilter(SYMBOLS), tokens)
    assert cut is not None
    assert len(ids(before)) + 3 * len(ids(unit)) <= cut <= len(ids(before)) + 120


@given(st.lists(st.integers(4, len(SYMBOLS) - 1), min_size=1, max_size=32))
def test_any_unit_is_cut_and_nothing_else_is_forbidden(unit: list[int]) -> None:
    token_filter = RepetitionFilter(SYMBOLS)
    states = token_filter.begin(1, MAX_LEN)
    for step in range(130):
        wanted = unit[step % len(unit)]
        refused = forbidden(token_filter.allowed(states, step, MAX_LEN))
        if refused:
            assert refused == {wanted}
            return
        states = token_filter.advance(states, np.array([wanted]))
    pytest.fail("a unit went on for 130 tokens")


@given(
    st.lists(st.lists(st.sampled_from([4, 5, 6, SYMBOLS.index("~")]), max_size=40), min_size=1, max_size=5)
)
def test_formulas_that_spans_were_learned_from_pass(formulas: list[list[int]]) -> None:
    # A margin above 1: a unit that fills all it may and then ends counts as a loop that was cut.
    spans = learn_longest_spans(
        [[SYMBOLS[token] for token in tokens] for tokens in formulas], longest_unit=6, margin=1.1
    )
    for tokens in formulas:
        assert first_refusal(RepetitionFilter(SYMBOLS, spans), tokens) is None


@given(st.lists(st.integers(0, 3), max_size=60), st.randoms(use_true_random=False))
def test_always_leaves_the_end_and_a_token(choices: list[int], random: object) -> None:
    """Even with a dictionary of four tokens, and whatever was written."""
    token_filter = RepetitionFilter(["</s>", "a", "b", "~"], LongestSpans((2, 4, 6), (2, 4, 6)))
    states = token_filter.begin(1, MAX_LEN)
    for step, choice in enumerate(choices):
        refused = forbidden(token_filter.allowed(states, step, MAX_LEN))
        assert 0 not in refused
        free = sorted({1, 2, 3} - refused) or [1]  # a grammar may force what is forbidden
        states = token_filter.advance(states, np.array([free[choice % len(free)]]))


def test_states_are_values_that_the_search_may_copy_and_keep() -> None:
    """Each row says what it would say alone, however rows were reordered on the way."""
    random = np.random.default_rng(7)
    together = RepetitionFilter(SYMBOLS, LongestSpans((3, 4, 6), (5, 6, 6)))
    states = together.begin(6, MAX_LEN)
    texts: list[list[int]] = [[] for _ in range(6)]
    seen_refusal = False
    for step in range(24):
        mask = together.allowed(states, step, MAX_LEN)
        for row, text in enumerate(texts):
            alone = RepetitionFilter(SYMBOLS, LongestSpans((3, 4, 6), (5, 6, 6)))
            state = alone.begin(1, MAX_LEN)
            for token in text:
                state = alone.advance(state, np.array([token]))
            assert forbidden(mask, row) == forbidden(alone.allowed(state, step, MAX_LEN))
            seen_refusal |= bool(forbidden(mask, row))
        order = random.integers(0, 6, 6)
        tokens = np.array([random.choice(ids("a b ~")) for _ in range(6)])
        states = together.advance(states[order], tokens)
        texts = [[*texts[parent], int(token)] for parent, token in zip(order, tokens, strict=True)]
    assert seen_refusal


def test_says_nothing_where_nothing_repeats() -> None:
    token_filter = RepetitionFilter(SYMBOLS)
    states = token_filter.begin(3, MAX_LEN)
    for step, token in enumerate(ids("a b c d x y z 0 1")):
        assert token_filter.allowed(states, step, MAX_LEN) is None
        states = token_filter.advance(states, np.full(3, token))


def test_a_loop_that_was_cut_begins_anew_for_shorter_and_shorter() -> None:
    token_filter = RepetitionFilter(SYMBOLS)
    states = token_filter.begin(1, MAX_LEN)
    loop, other = ids("c x")
    rounds, length = [], 0
    for step in range(150):
        is_refused = loop in forbidden(token_filter.allowed(states, step, MAX_LEN))
        if is_refused:
            rounds.append(length)
        length = 0 if is_refused else length + 1
        states = token_filter.advance(states, np.array([other if is_refused else loop]))
    assert rounds[:3] == sorted(rounds[:3], reverse=True)
    assert rounds[2] <= rounds[0] / 4
    assert min(rounds[:4]) >= 3  # three of a unit stay possible, until `c c c x` is the loop itself


def test_a_forced_token_goes_on_counting_without_a_cut() -> None:
    """Behind a grammar that leaves nothing else, the filter isn't obeyed, and must not take that for an end."""
    token_filter = RepetitionFilter(SYMBOLS, LongestSpans((3,), (3,)))
    states = token_filter.begin(1, MAX_LEN)
    brace = ids("}")[0]
    for step in range(8):
        assert forbidden(token_filter.allowed(states, step, MAX_LEN)) == ({brace} if step >= 3 else set())
        states = token_filter.advance(states, np.array([brace]))


def test_begin_forgets() -> None:
    token_filter = RepetitionFilter(SYMBOLS, LongestSpans((3,), (3,)))
    for _ in range(2):
        assert first_refusal(token_filter, ids("c c c c")) == 3
