"""A formula that the model would end, and that is open, is closed on a shortest way."""

from __future__ import annotations

import random

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.decoding.filtered_rows import FilteredRows
from im2latex_fairseq.decoding.repetition import RepetitionFilter
from im2latex_fairseq.decoding.token_filter import CombinedFilter
from tests.decoding.latex_grammar.grammar_walks import EOS, SPECIAL, SYMBOLS, ids_of, make_filter

GRAMMAR = make_filter()
_MAX_LEN = 150


def _walk_to(seed: int, length: int) -> tuple[np.ndarray, int]:
    """A state after some allowed tokens, and their number."""
    rng = random.Random(seed)
    state = GRAMMAR.begin(1, _MAX_LEN)
    for step in range(length):
        allowed = np.flatnonzero(GRAMMAR.allowed_array(state, step, _MAX_LEN)[0])
        going_on = [token for token in allowed.tolist() if token != EOS]
        state = GRAMMAR.advance(state, np.array([rng.choice(going_on)]))
    return state, length


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(0, 60))
def test_each_closing_token_is_allowed_and_brings_the_end_one_nearer(seed: int, length: int) -> None:
    state, step = _walk_to(seed, length)
    taken = 0
    while not GRAMMAR.allowed_array(state, step, _MAX_LEN)[0, EOS]:
        closing = GRAMMAR.closing_array(state)[0]
        assert closing.any()
        assert GRAMMAR.allowed_array(state, step, _MAX_LEN)[0][closing].all()
        # Whichever is taken, the way is as long: the last one found is as good as the first.
        token = int(np.flatnonzero(closing)[-1 if taken % 2 else 0])
        state, step, taken = GRAMMAR.advance(state, np.array([token])), step + 1, taken + 1
        assert taken <= _MAX_LEN
    assert GRAMMAR.closing_array(state)[0, EOS]


def _scores_after(formula: str, best: str | None) -> torch.Tensor:
    """What is left of log-probabilities after a formula, if a token (None: the end) was the best."""
    rules = CombinedFilter([GRAMMAR, RepetitionFilter([*SPECIAL, *SYMBOLS])])
    rows = FilteredRows(rules, 1, _MAX_LEN, EOS)
    ids = ids_of(formula)
    for token in ids:
        rows.advance(np.array([0]), np.array([token]), np.ones(1, dtype=bool))
    scores = torch.full((1, len(SPECIAL) + len(SYMBOLS)), -5.0)
    scores[0, EOS if best is None else ids_of(best)[0]] = -0.1
    rows.forbid(scores, len(ids))
    return scores[0]


def _left(scores: torch.Tensor) -> list[str]:
    return [SYMBOLS[token - len(SPECIAL)] for token in torch.nonzero(scores > -np.inf)[:, 0].tolist()]


def test_an_open_group_that_would_end_is_closed() -> None:
    assert _left(_scores_after(r"a { b", None)) == ["}"]


def test_an_open_fence_that_would_end_gets_its_other_side() -> None:
    left = _left(_scores_after(r"\left( a \, \,", None))
    assert {r"\right)", r"\right."} <= set(left)
    assert all(symbol.startswith(r"\right") and not symbol.startswith(r"\rightarrow") for symbol in left)


def test_a_model_that_would_go_on_is_left_alone() -> None:
    left = _left(_scores_after(r"\left( a", "b"))
    assert "b" in left and r"\," in left and len(left) > 100


def test_a_closed_formula_ends() -> None:
    scores = _scores_after(r"a { b }", None)
    assert scores[EOS] == -0.1 and len(_left(scores)) > 100
