from __future__ import annotations

import pytest

from im2latex_fairseq.latex.normalizer import normalize


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"\mbox{ if }", r"\mathrm { ~ i f ~ }"),
        (r"\mbox{ }", r"\mathrm { ~ }"),
        (r"\mbox{}", r"\mathrm { }"),
        (r"\textbf{a}\textit{b}\textsf{c}\texttt{d}\emph{e}", None),
        (r"\mbox{a, b}", r"\mathrm { a { , } ~ b }"),  # no space of mathematics behind the comma
        (r"\mbox{odd,}", r"\mathrm { o d d , }"),  # there is none at the end
        (r"\mbox{anti-self}", r"\mathrm { a n t i { - } s e l f }"),
        (r"\mbox{it's}", r"\mathrm { i t ^ { \prime } s }"),
        (r"\mbox{``a''}", r"\mathrm { ` ` a ^ { \prime \prime } }"),
        (r"\mbox{for $x>0$ only}", r"{ \mathrm { f o r ~ } x > 0 \mathrm { ~ o n l y } }"),
        (r"\mbox{$\frac12$}", r"{ \textstyle \frac { 1 } { 2 } }"),
        (r"\mbox{\bf x}", r"\mathrm { \bf x }"),
        (r"\mbox{\boldmath$x$}", r"{ \boldsymbol { x } }"),
        (r"\mbox{\small a}", r"\mathrm { a }"),
        (r"x_{\mbox{{\tiny a}}}", r"x _ { { \scriptscriptstyle \mathrm { a } } }"),
        (r"\mbox{M\"uller}", r"\mathrm { M \ddot { u } l l e r }"),
        (r"\text{if \textbf{not}}", r"{ \mathrm { i f ~ } \mathbf { n o t } }"),
        (r"\text{a \textbf{b $x$} c}", r"{ \mathrm { a ~ } \mathbf { b ~ } x \mathrm { ~ c } }"),
        (r"\textrm { f o r }", r"\mathrm { f o r }"),  # a line of tokens
        (r"x^\mbox{a}", r"x ^ { \textstyle \mathrm { a } }"),
        (r"\mbox a", r"\mathrm { a }"),
        # boxes with a size of their own stay as they are
        (r"\hbox to 2cm{a b}", r"\hbox t o 2 c m { a ~ b }"),
        (r"\fbox{$x$}", r"\fbox { $ x $ }"),
        (r"\raisebox{1pt}{a}", r"\raisebox { 1 p t } { a }"),
    ],
)
def test_text(formula, expected):
    tokens = normalize(formula)
    if expected is None:
        expected = r"\mathbf { a } \mathit { b } \mathsf { c } \mathtt { d } \mathit { e }"
    assert " ".join(tokens) == expected
    assert normalize(expected) == tokens
