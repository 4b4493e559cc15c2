from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.latex.parser import parse
from im2latex_fairseq.metrics.well_formedness import has_balanced_groups
from tests.decoding.latex_grammar.grammar_walks import STYLES, SYMBOLS, make_filter, walk

GRAMMAR = make_filter()


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), max_len=st.integers(1, 120))
def test_every_walk_ends_balanced_and_parses(style: str, seed: int, max_len: int) -> None:
    tokens = walk(GRAMMAR, random.Random(seed), max_len, style)
    assert 1 <= len(tokens) <= max_len
    assert has_balanced_groups(tokens)
    formula = " ".join(tokens)
    parse(formula)
    assert normalize(formula)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    max_len=st.integers(1, 40),
    # The first two are the braces.
    dropped=st.sets(st.integers(2, len(SYMBOLS) - 1), max_size=430),
)
def test_a_poor_dictionary_leads_into_no_dead_end(seed: int, max_len: int, dropped: set[int]) -> None:
    symbols = [symbol for place, symbol in enumerate(SYMBOLS) if place not in dropped]
    try:
        grammar = make_filter(symbols)
    except ValueError:  # nothing that can be drawn
        return
    tokens = walk(grammar, random.Random(seed), max_len, "openers", symbols)
    assert has_balanced_groups(tokens)
