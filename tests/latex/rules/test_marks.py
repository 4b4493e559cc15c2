from __future__ import annotations

import pytest

from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.latex.rules.marks import drop_invisible_marks, drop_math_delimiters
from im2latex_fairseq.latex.token_cursor import ParseError


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"\label{eq:a_b}x", "x"),
        (r"x\tag{1.2}", "x"),
        (r"x\tag*{$*$}", "x"),
        (r"x\eqno(1.2)", "x"),
        (r"{x\eqno(1)}y", "{ x } y"),
        (r"x\leqno{\rm A}", "x"),
        (r"x\nonumber\notag", "x"),
        (r"\protect\alpha\hfill", r"\alpha"),
        (r"\label J x", "x"),  # without braces one token is the label
        (r"a\sp 2\sb i\>b", r"a _ { i } ^ { 2 } \: b"),
    ],
)
def test_what_leaves_no_ink_goes(formula, expected):
    assert " ".join(normalize(formula)) == expected


def test_a_label_that_never_ends_is_refused():
    with pytest.raises(ParseError) as caught:
        drop_invisible_marks([r"\label", "{", "a"])
    assert (caught.value.reason, caught.value.index) == ("unbalanced_braces", 0)


@pytest.mark.parametrize(
    "tokens, expected",
    [
        ("$ x $", "x"),
        ("$ $ x $ $", "x"),
        (r"\[ x \]", "x"),
        (r"\begin{equation} x \end{equation}", "x"),
        ("$ x $ y $ z $", "$ x $ y $ z $"),  # two formulas: not ours to join
        ("$ x", "$ x"),
        ("x", "x"),
    ],
)
def test_delimiters_go_where_they_hold_the_whole(tokens, expected):
    assert drop_math_delimiters(tokens.split()) == expected.split()
