"""Loops end; what repeats itself for good reason is let through."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.decoding.repeated_tokens import (
    RepetitionLimits,
    count_repeated_tokens,
    learn_limits,
)
from im2latex_fairseq.decoding.repetition import RepetitionFilter
from im2latex_fairseq.decoding.token_filter import CombinedFilter, TokenFilter

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
    " ".join([r"\,"] * 30 + ["x"]),
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
    for step in range(210):
        wanted = unit[step % len(unit)]
        refused = forbidden(token_filter.allowed(states, step, MAX_LEN))
        if refused:
            assert refused == {wanted}
            return
        states = token_filter.advance(states, np.array([wanted]))
    pytest.fail("a unit went on for 210 tokens")


REPEATING = st.builds(
    lambda unit, rounds, after: (unit * rounds)[:80] + after,
    st.lists(st.sampled_from([4, 5, 6, SYMBOLS.index("~")]), min_size=1, max_size=8),
    st.integers(1, 30),
    st.lists(st.integers(4, len(SYMBOLS) - 1), max_size=5),
)


@given(st.lists(REPEATING, min_size=1, max_size=5))
def test_formulas_that_limits_were_learned_from_pass(formulas: list[list[int]]) -> None:
    limits = learn_limits([[SYMBOLS[token] for token in tokens] for tokens in formulas], margin=1.0)
    for tokens in formulas:
        assert first_refusal(RepetitionFilter(SYMBOLS, limits), tokens) is None


@given(REPEATING, st.integers(0, 30), st.integers(0, 30))
def test_a_formula_passes_if_and_only_if_it_is_within_the_limits(
    tokens: list[int], inked: int, spaced: int
) -> None:
    counts = count_repeated_tokens([[SYMBOLS[token] for token in tokens]])[0]
    refusal = first_refusal(RepetitionFilter(SYMBOLS, RepetitionLimits(inked, spaced)), tokens)
    assert (refusal is None) == (counts[0] <= inked and counts[1] <= spaced)


@given(st.lists(st.integers(0, 3), max_size=60))
def test_always_leaves_the_end(choices: list[int]) -> None:
    """Even with a dictionary of four tokens, and whatever was written."""
    token_filter = RepetitionFilter(["</s>", "a", "b", "~"], RepetitionLimits(1, 0))
    states = token_filter.begin(1, MAX_LEN)
    for step, choice in enumerate(choices):
        refused = forbidden(token_filter.allowed(states, step, MAX_LEN))
        assert 0 not in refused
        free = sorted({1, 2, 3} - refused) or [1]  # a grammar may force what is forbidden
        states = token_filter.advance(states, np.array([free[choice % len(free)]]))


def test_states_are_values_that_the_search_may_copy_and_keep() -> None:
    """Each row says what it would say alone, however rows were reordered on the way."""
    random = np.random.default_rng(7)
    together = RepetitionFilter(SYMBOLS, RepetitionLimits(1, 2))
    states = together.begin(6, MAX_LEN)
    texts: list[list[int]] = [[] for _ in range(6)]
    seen_refusal = False
    for step in range(30):
        mask = together.allowed(states, step, MAX_LEN)
        for row, text in enumerate(texts):
            alone = RepetitionFilter(SYMBOLS, RepetitionLimits(1, 2))
            state = alone.begin(1, MAX_LEN)
            for token in text:
                state = alone.advance(state, np.array([token]))
            assert forbidden(mask, row) == forbidden(alone.allowed(state, step, MAX_LEN))
            seen_refusal |= bool(forbidden(mask, row))
        order = random.integers(0, 6, 6)
        tokens = np.array([random.choice(ids("a ~"), p=[0.9, 0.1]) for _ in range(6)])
        states = together.advance(states[order], tokens)
        texts = [[*texts[parent], int(token)] for parent, token in zip(order, tokens, strict=True)]
    assert seen_refusal


def test_says_nothing_where_nothing_repeats() -> None:
    token_filter = RepetitionFilter(SYMBOLS)
    states = token_filter.begin(3, MAX_LEN)
    for step, token in enumerate(ids("a b c d x y z 0 1")):
        assert token_filter.allowed(states, step, MAX_LEN) is None
        states = token_filter.advance(states, np.full(3, token))


@pytest.mark.parametrize("between", ["x", "x y", "x = y"])
@pytest.mark.parametrize("unit", ["c", "~", "{ } &"])
def test_a_loop_that_was_cut_does_not_begin_anew(unit: str, between: str) -> None:
    token_filter = RepetitionFilter(SYMBOLS)
    states = token_filter.begin(1, MAX_LEN)
    rounds: list[int] = []
    length, plan = 0, ids(unit)
    for step in range(250):
        refused = forbidden(token_filter.allowed(states, step, MAX_LEN))
        if plan[0] in refused and length:
            rounds.append(length)
            length, plan = 0, [*ids(between), *ids(unit)]
        if plan[0] in refused:  # the loop of loop and break is cut as well
            break
        length += 1
        states = token_filter.advance(states, np.array([plan[0]]))
        plan = plan[1:] or ids(unit)
    assert rounds[0] > (30 if unit == "~" else 40)
    assert all(length <= 8 + 2 * len(ids(unit)) + len(ids(between)) for length in rounds[1:])


def test_a_forced_token_goes_on_counting_without_a_cut() -> None:
    """Behind a grammar that leaves nothing else, the filter isn't obeyed, and must not take that for an end."""
    token_filter = RepetitionFilter(SYMBOLS, RepetitionLimits(2, 2))
    states = token_filter.begin(1, MAX_LEN)
    brace = ids("}")[0]
    for step in range(16):
        assert forbidden(token_filter.allowed(states, step, MAX_LEN)) == ({brace} if step >= 10 else set())
        states = token_filter.advance(states, np.array([brace]))


def test_begin_forgets() -> None:
    token_filter = RepetitionFilter(SYMBOLS, RepetitionLimits(2, 2))
    for _ in range(2):
        assert first_refusal(token_filter, ids("c " * 20)) == 10


class Closing(TokenFilter):
    """A grammar that leaves nothing but a closing brace, until twenty were written."""

    def begin(self, rows: int, max_len: int) -> np.ndarray:
        return np.zeros(rows, dtype=np.int64)

    def allowed(self, states: np.ndarray, step: int, max_len: int) -> torch.Tensor:
        mask = torch.zeros((len(states), len(SYMBOLS)), dtype=torch.bool)
        mask[:, ids("}")[0]] = torch.from_numpy(states < 20)
        mask[:, END] = torch.from_numpy(states >= 20)
        return mask

    def advance(self, states: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        return states + 1


def test_gives_way_to_a_grammar_that_leaves_nothing_else() -> None:
    both = CombinedFilter([Closing(), RepetitionFilter(SYMBOLS, RepetitionLimits(2, 2))])
    states = both.begin(2, MAX_LEN)
    for step in range(21):
        mask = both.allowed(states, step, MAX_LEN)
        assert mask is not None
        left = set(torch.nonzero(mask[0]).flatten().tolist())
        assert left == ({END} if step == 20 else set(ids("}")))
        states = both.advance(states, np.full(2, ids("}")[0]))
