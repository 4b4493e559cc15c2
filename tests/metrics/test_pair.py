"""A pair in every form: what its tokens are, and what becomes of formulas that nobody can read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.metrics.pair import given_tokens, make_pair


@pytest.mark.parametrize(
    "formula, tokens",
    [
        ("x ^ { 2 }", "x ^ { 2 }"),  # a line of tokens: as it is
        ("x^2", "x ^ 2"),  # LaTeX: the tokenizer's
        (r"\frac{a}{b}", r"\frac { a } { b }"),
        (" x  ^ { 2 }\n", "x ^ { 2 }"),  # blanks mean nothing
        (r"\left ( x \right )", r"\left ( x \right )"),  # another project's division of tokens stays
        (r"\left( x \right)", r"\left( x \right)"),
        (r"\left ( x+y \right )", r"\left( x + y \right)"),  # no list of tokens: read by ours
        (r"\begin {array} {c} x \end {array}", r"\begin{array} { c } x \end{array}"),
        ("a <unk> b", "a <unk> b"),  # a mark of fairseq's, not four tokens
        ("a <<unk>> b", "a <<unk>> b"),  # the same in its references
        (r"\mbox{for all}", r"\mbox { f o r ~ a l l }"),  # this blank is seen
        ("a\u00a0b", "a ~ b"),  # a no-break space is seen, too
        ("a % b", "a"),  # a comment
        ("a\x01 b", "a\x01 b"),  # no formula at all: divided at white space, not lost
        ("", ""),
        (" \t\n", ""),
    ],
)
def test_given_tokens(formula: str, tokens: str) -> None:
    assert given_tokens(formula) == tuple(tokens.split())


@pytest.mark.parametrize(
    "formula, normal, refusal",
    [
        ("x^2", "x ^ { 2 }", ""),
        (r"a \over b", r"\frac { a } { b }", ""),
        ("", "", ""),  # blank: nobody is asked
        ("x ^ {", "x ^ {", "unbalanced_braces"),  # stays as it was given
        ("$$", "$ $", "empty"),  # something was said, but no formula
        ("a <unk> b", "a <unk> b", "unknown_token"),  # `<` and `>` would make it one by accident
        ("a\x01 b", "a\x01 b", "control_character"),
    ],
)
def test_normal_form_or_why_there_is_none(formula: str, normal: str, refusal: str) -> None:
    pair = make_pair("1", formula, formula)
    assert pair.normal_hypothesis == pair.normal_reference == tuple(normal.split())
    assert pair.hypothesis_refusal == pair.reference_refusal == refusal


def test_a_missing_hypothesis_is_an_empty_one_that_says_so() -> None:
    missing, empty = make_pair("1", None, "x"), make_pair("1", "", "x")
    assert (missing.missing, empty.missing) == (True, False)
    assert missing.hypothesis == empty.hypothesis == ""
    assert missing.tokens("given") == empty.tokens("given") == ((), ("x",))
    assert missing.tokens("normal") == ((), ("x",))


def test_texts_are_kept_as_given() -> None:
    pair = make_pair("1", " x  y ", r"\alpha ")
    assert (pair.hypothesis, pair.reference) == (" x  y ", r"\alpha ")


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan"), -3.2])  # the last one: a log-probability
def test_a_confidence_is_a_probability(confidence: float) -> None:
    with pytest.raises(ValueError, match=r"page 7: confidence .* is no probability"):
        make_pair("page 7", "x", "x", confidence=confidence)


def test_pairs_compare_but_by_their_pictures() -> None:
    pair = make_pair("1", "x", "y", confidence=0.5)
    drawn = replace(pair, hypothesis_image=np.zeros((2, 3), np.uint8))
    other = replace(pair, hypothesis_image=np.ones((2, 3), np.uint8))
    assert drawn == other == pair
    assert replace(pair, hypothesis_render_error="timeout: 20 s") != pair


@given(st.text(alphabet="ab\\{}^_$%&~ \n\x00\u00a0<>unk\ud800", max_size=40))
@settings(max_examples=150, deadline=None)
def test_no_text_is_refused(text: str) -> None:
    pair = make_pair("1", text, text)
    assert pair.tokens("given")[0] == pair.tokens("given")[1]
    assert all(token and not token.isspace() for token in pair.hypothesis_tokens)
    if pair.hypothesis_refusal:
        assert pair.normal_hypothesis == pair.hypothesis_tokens
