"""Exact match by five meanings of "the same", and up to so many errors."""

from __future__ import annotations

import pytest

from im2latex_fairseq.metrics.exact_match import exact_match, exact_match_metrics, exp_rate, is_exact_match
from im2latex_fairseq.metrics.metric import corpus_score
from im2latex_fairseq.metrics.pair import Form, make_pair


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


MEANINGS = (
    "exact_match_text",
    "exact_match_no_spaces",
    "exact_match_given",
    "exact_match",
    "exact_match_unified",
)


@pytest.mark.parametrize(
    "hypothesis, reference, same",
    [
        ("x ^ 2", "x ^ 2", MEANINGS),  # identical
        ("x ^ 2\n", " x ^ 2", MEANINGS),  # white space at the ends
        ("x  ^ 2", "x ^ 2", MEANINGS[1:]),  # an extra space
        ("x^2", "x ^ 2", MEANINGS[1:]),  # no spaces at all
        ("x^2", "x^{2}", MEANINGS[3:]),  # equivalent: only the normal form knows
        (r"a \over b", r"\frac a b", MEANINGS[3:]),  # equivalent
        (r"x_1^2", r"x^2_1", MEANINGS[3:]),  # equivalent
        (r"\in t", r"\int", ("exact_match_no_spaces",)),  # not the same: dropping blanks is blunt
        (
            r"\left ( x \right )",
            r"\left( x \right)",
            ("exact_match_no_spaces", "exact_match", "exact_match_unified"),
        ),  # other tokens
        ("{x}", "x", MEANINGS[4:]),  # drawn alike: only the unified form knows
        (r"x \, y", "x y", MEANINGS[4:]),  # a blank in the picture
        (
            r"\mathbf{xy}",
            r"\mathbf{x}\mathbf{y}",
            (),
        ),  # drawn alike, and nobody knows: left to the metrics of pictures
        ("x", "y", ()),  # one token off
        ("", "x", ()),  # nothing predicted
        (None, "x", ()),  # nothing there
        ("x", "", ()),  # all invented
        ("", "", MEANINGS),  # both empty: defined as the same
        (None, "", MEANINGS),
        ("x ^ {", "x ^ {", MEANINGS),  # no formula, but the same
    ],
)
def test_what_is_the_same(hypothesis: str | None, reference: str, same: tuple[str, ...]) -> None:
    pairs = [make_pair("1", hypothesis, reference)]
    assert tuple(m.name for m in exact_match_metrics() if corpus_score(m, pairs) == 100.0) == same


@pytest.mark.parametrize(
    "hypothesis, reference, rates",
    [
        ("a b c d", "a b c d", (100, 100, 100)),
        ("a b c x", "a b c d", (100, 100, 100)),  # one error
        ("a b x y", "a b c d", (0, 100, 100)),
        ("b a c d", "a b c d", (0, 100, 100)),  # two swapped: two edits
        ("a x y z", "a b c d", (0, 0, 100)),
        ("w x y z", "a b c d", (0, 0, 0)),
        (
            "",
            "a b",
            (0, 100, 100),
        ),  # nothing predicted, and still at most two errors: the rate knows no better
        ("", "", (100, 100, 100)),
    ],
)
@pytest.mark.parametrize("form", ["normal", "given"])
def test_up_to_so_many_errors(hypothesis: str, reference: str, rates: tuple[float, ...], form: Form) -> None:
    pairs = [make_pair("1", hypothesis, reference)]
    assert tuple(corpus_score(exp_rate(most, form), pairs) for most in (1, 2, 3)) == rates


def test_errors_are_counted_in_the_form_asked_for() -> None:
    pairs = [make_pair("1", "x^2", "x^{2}"), make_pair("2", "x^2", "x^{3}")]
    assert corpus_score(exp_rate(1), pairs) == 100.0
    assert corpus_score(exp_rate(1, "given"), pairs) == 0.0
    assert corpus_score(exp_rate(2, "given"), pairs) == 50.0
