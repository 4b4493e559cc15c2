from __future__ import annotations

import pytest

from im2latex_fairseq.preparation.comparison import comparison_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"{ \frac { a } { b } }", r"\frac { a } { b }"),  # braces
        (r"a \, b \quad c", "a b c"),  # spacing
        ("a \\ b", "a b"),  # the control space is a lone backslash among tokens
        (r"a \hspace { 1 c m } b", "a b"),  # spacing with its length
        (r"\mathrm { d } x", "d x"),  # fonts
        (r"{ \bf x }", r"\mathbf { x }"),
        (r"\left( x \right)", "( x )"),  # sizing, written as one token by the benchmark
        (r"\left ( x \right )", "( x )"),  # and as two by others
        (r"\Big| x \Big|", "| x |"),
        (r"\left. x \right|", "x |"),  # a null delimiter draws nothing
        (r"\left . x \right |", "x |"),
        (r"\left\{ x \right\}", r"\lbrace x \rbrace"),
        (r"\displaystyle x", "x"),
        (r"\operatorname { l n } x", r"\ln x"),
        (r"\mathrm { l n } x", r"\ln x"),
        (r"x \leq y", r"x \le y"),
        ("x ^ { \\prime }", "x '"),
        ("a = b .", "a = b"),  # final punctuation
        (r"\dfrac 1 2", r"\frac { 1 } { 2 }"),
    ],
)
def test_the_same_formula(one, other):
    assert comparison_key(one.split()) == comparison_key(other.split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b", "b a"),
        ("x ^ 2", "x _ 2"),
        (r"\leftarrow x", "x"),  # no sizing command, though it begins like one
        (r"\rightarrow", r"\leftarrow"),
        (r"\alpha", r"\beta"),
        (r"a \leq b", "a < b"),
        (r"\bigcup A", r"\cup A"),
    ],
)
def test_different_formulas(one, other):
    assert comparison_key(one.split()) != comparison_key(other.split())
