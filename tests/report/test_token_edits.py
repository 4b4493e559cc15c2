from __future__ import annotations

import pytest

from im2latex_fairseq.report.token_edits import Confusion, confused_tokens, count_confusions, token_edits


@pytest.mark.parametrize(
    "reference, hypothesis, edits",
    [
        ("", "", []),
        ("a b", "a b", []),
        ("a b c", "a x c", [(1, 2, ("x",))]),  # replaced
        ("a b c", "a c", [(1, 2, ())]),  # lost
        ("a c", "a b c", [(1, 1, ("b",))]),  # invented
        ("", "a b", [(0, 0, ("a", "b"))]),
        ("a b", "", [(0, 2, ())]),
        ("a b", "x y", [(0, 2, ("x", "y"))]),  # a run of replacements is one edit
    ],
)
def test_edits_turn_a_reference_into_a_hypothesis(
    reference: str, hypothesis: str, edits: list[tuple[int, int, tuple[str, ...]]]
) -> None:
    assert list(token_edits(reference.split(), hypothesis.split())) == edits


@pytest.mark.parametrize(
    "reference, hypothesis, confused",
    [
        ("a b c", "a x c", [("b", "x")]),
        ("a b c", "a c", [("b", "")]),
        ("a c", "a b c", [("", "b")]),
        ("a b", "x y", [("a", "x"), ("b", "y")]),
    ],
)
def test_each_edit_of_one_token_is_a_confusion(
    reference: str, hypothesis: str, confused: list[tuple[str, str]]
) -> None:
    tokens = reference.split()
    assert confused_tokens(tokens, token_edits(tokens, hypothesis.split())) == confused


def test_confusions_are_counted_by_times_and_by_formulas() -> None:
    references = ["x x y".split(), "x".split(), "z".split()]
    hypotheses = ["v v y".split(), "v".split(), "z q".split()]
    edits = [token_edits(r, h) for r, h in zip(references, hypotheses, strict=True)]
    assert count_confusions(references, edits) == (
        Confusion("x", "v", times=3, samples=2, occurrences=3),  # the most frequent first
        Confusion("", "q", times=1, samples=1, occurrences=0),
    )


def test_right_formulas_confuse_nothing() -> None:
    assert count_confusions([["a"]], [()]) == ()
