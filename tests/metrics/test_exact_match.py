"""Exact match of token sequences."""

from __future__ import annotations

import pytest

from im2latex_fairseq.metrics.exact_match import exact_match, is_exact_match


@pytest.mark.parametrize(
    "hypothesis, reference, same",
    [
        (["a", "b"], ["a", "b"], True),
        (("a", "b"), ["a", "b"], True),  # whatever kind of sequence
        (["a", "b"], ["b", "a"], False),
        (["ab"], ["a", "b"], False),  # the same letters, other tokens
        (["a"], [], False),
        ([], [], True),  # both empty: the same
    ],
)
def test_pairs(hypothesis: list[str], reference: list[str], same: bool) -> None:
    assert is_exact_match(hypothesis, reference) is same


@pytest.mark.parametrize(
    "hypotheses, references, score",
    [
        ([["a"], ["b"]], [["a"], ["c"]], 50.0),
        ([["a"]], [["a"]], 100.0),
        ([], [], 100.0),  # no pairs at all: nothing is wrong
    ],
)
def test_corpora(hypotheses: list[list[str]], references: list[list[str]], score: float) -> None:
    assert exact_match(hypotheses, references) == score


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        exact_match([["a"], ["b"]], [["a"]])
