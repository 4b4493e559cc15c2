from __future__ import annotations

import numpy as np
import pytest

from im2latex_fairseq.decoding.forced_tokens import ForcedTokens


def test_one_formula_and_then_the_end() -> None:
    forced = ForcedTokens([5, 4, 5], eos=2, vocabulary_size=7)
    states = forced.begin(2, 3)
    seen = []
    for step in range(4):
        allowed = forced.allowed(states, step, 3)
        assert allowed.shape == (2, 7) and allowed.sum(dim=1).tolist() == [1, 1]
        seen.append(int(allowed[0].int().argmax()))
        states = forced.advance(states, np.array([seen[-1]] * 2)) if step < 3 else states
    assert seen == [5, 4, 5, 2]


def test_an_empty_formula_is_the_end() -> None:
    forced = ForcedTokens([], eos=2, vocabulary_size=4)
    assert forced.allowed(forced.begin(1, 1), 0, 1).tolist() == [[False, False, True, False]]


@pytest.mark.parametrize("ids", [[7], [-1], [3, 2]])
def test_ids_that_are_no_tokens_are_refused(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="can't be tokens"):
        ForcedTokens(ids, eos=2, vocabulary_size=7)
