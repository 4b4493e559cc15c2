from __future__ import annotations

import pytest

from im2latex_fairseq.latex.normalizer import normalize


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"{a\over b}", r"{ \frac { a } { b } }"),
        (r"\sqrt{a\over b}", r"\sqrt { \frac { a } { b } }"),
        (r"{n\choose k}", r"{ \binom { n } { k } }"),
        (r"{a\brack b}", r"{ \genfrac { [ } { ] } { 0 p t } { } { a } { b } }"),
        (r"{a\brace b}", r"{ \genfrac { \{ } { \} } { 0 p t } { } { a } { b } }"),
        (r"{a\above 2pt b}", r"{ \genfrac { } { } { 2 p t } { } { a } { b } }"),
        (r"{a\overwithdelims()b}", r"{ \genfrac { ( } { ) } { } { } { a } { b } }"),
        (r"{a\atopwithdelims<.b}", r"{ \genfrac { < } { } { 0 p t } { } { a } { b } }"),
        (r"{a\atop b}", r"{ a \atop b }"),
        # a switch in front of the first half holds for the second
        (r"{\bf a\over b}", r"{ \frac { \bf a } { \bf b } }"),
        (r"{\rm d\over dx}", r"\mathrm { \frac { d } { d x } }"),
        # what follows a line end still belongs to the second half
        (r"{a\over b\\c}", r"{ \frac { a } { b { } c } }"),
        (
            r"\begin{array}{c}a\over b\\c\end{array}",
            r"\begin{array} { c } { \frac { a } { b } } \\ { c } \\ \end{array}",
        ),
    ],
)
def test_infix_commands(formula, expected):
    assert " ".join(normalize(formula)) == expected
    assert " ".join(normalize(expected)) == expected
