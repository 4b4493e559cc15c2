from __future__ import annotations

import pytest

from im2latex_fairseq.latex.normalizer import normalize


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"\mbox{ if }", r"\mathrm { ~ i f ~ }"),
        (r"\mbox{ }", r"\mathrm { ~ }"),
        (r"\mbox{}", r"\mathrm { }"),
        # other text commands stay, as in the benchmark, unless there is more than characters in them
        (r"\textbf{a b}\emph{e}", r"\textbf { a ~ b } \emph { e }"),
        (r"\textbf{a $x$}", r"{ \mathbf { a ~ } x }"),
        # what \mathrm would draw with other glyphs stays text: a hyphen, marks that it takes from the italic font
        (r"\mbox{a, b}", r"\textrm { a , ~ b }"),
        (r"\mbox{.}", r"\textrm { . }"),
        (r"\mbox{anti-self}", r"\textrm { a n t i - s e l f }"),
        (r"x_{\mbox{L-loop}}", r"x _ { \textstyle \textrm { L - l o o p } }"),
        (r"\mbox{if a-b $x$, c}", r"{ \mathrm { i f ~ a \textrm { - } b ~ } x \mathrm { , ~ c } }"),
        (r"\mbox{it's}", r"\mathrm { i t ^ { \prime } s }"),
        (r"\mbox{``a''}", r"\mathrm { ` ` a ^ { \prime \prime } }"),
        # formulas inside are lists of their own, in text style
        (r"\mbox{for $x>0$ only}", r"{ \mathrm { f o r ~ } { x > 0 } \mathrm { ~ o n l y } }"),
        (r"\mbox{for $x^2$}", r"{ \mathrm { f o r ~ } { \textstyle x ^ { 2 } } }"),
        (r"\mbox{$\frac12$}", r"{ \textstyle \frac { 1 } { 2 } }"),
        (r"\mbox{\rm S.A. }", r"\mathrm { \mathrm { S . A . ~ } }"),
        (r"\mbox{\bf x}", r"\mathrm { \bf x }"),
        (r"\mbox{\boldmath$x$}", r"{ \boldsymbol { x } }"),
        (r"\mbox{\small a}", r"\mathrm { a }"),
        (r"x_{\mbox{{\tiny a}}}", r"x _ { { \scriptscriptstyle \mathrm { a } } }"),
        (r"\mbox{M\"uller}", r"\mathrm { M \ddot { u } l l e r }"),
        (r"\text{if \textbf{not}}", r"{ \mathrm { i f ~ } \mathbf { n o t } }"),
        (r"\text{a \textbf{b $x$} c}", r"{ \mathrm { a ~ } \mathbf { b ~ } x \mathrm { ~ c } }"),
        (r"\text{m/s}", r"\textrm { m / s }"),  # what the benchmark has for text that isn't a box
        (r"\text{if $x$}", r"{ \mathrm { i f ~ } x }"),  # but not with formulas inside
        (r"\textrm { f o r }", r"\textrm { f o r }"),  # a line of tokens
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
    assert " ".join(tokens) == expected
    assert normalize(expected) == tokens
