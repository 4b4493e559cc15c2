from __future__ import annotations

import pytest

from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.normalizer import normalize


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"\begin{pmatrix}a\end{pmatrix}", r"\left( \begin{matrix} { a } \\ \end{matrix} \right)"),
        (r"\begin{Vmatrix}a\end{Vmatrix}", r"\left\| \begin{matrix} { a } \\ \end{matrix} \right\|"),
        (
            r"\begin{array}{*{3}{c}}a&b&c\end{array}",
            r"\begin{array} { c c c } { a } & { b } & { c } \\ \end{array}",
        ),
        (
            r"\begin{array}{c|c}a&b\\[2mm]\hline\end{array}",
            r"\begin{array} { c | c } { a } & { b } \\ \hline \end{array}",
        ),
        (r"\begin{array}{c}{a}\\{{b}}\\\end{array}", r"\begin{array} { c } { a } \\ { b } \\ \end{array}"),
        # an empty row takes room, and a fence around it grows
        (r"\begin{array}{c}a\\\\\end{array}", r"\begin{array} { c } { a } \\ { } \\ \end{array}"),
        (r"\begin{aligned}a\\\\\end{aligned}", r"\begin{aligned} a \\ \\ \end{aligned}"),
        (
            r"\begin{array}{c}a\\\noalign{\hbox{and}}b\end{array}",
            r"\begin{array} { c } { a } \\ \noalign { \hbox { a n d } } { b } \\ \end{array}",
        ),
        (r"\begin{array}{c}\noalign{\vskip2pt}a\end{array}", r"\begin{array} { c } { a } \\ \end{array}"),
        (r"\begin{cases}a&b\\c\end{cases}", r"\begin{cases} { a } & { b } \\ { c } \\ \end{cases}"),
        (r"\begin{split}a&=b\end{split}", r"\begin{aligned} a & = b \end{aligned}"),
        (r"\begin{align*}a&=b\\c&=d\end{align*}", r"\begin{aligned} a & = b \\ c & = d \end{aligned}"),
        (r"\begin{gather}a\\b\end{gather}", r"\begin{gathered} a \\ b \end{gathered}"),
        (r"\begin{alignedat}{2}a&b\end{alignedat}", r"\begin{alignedat} { 2 } a & b \end{alignedat}"),
        (
            r"\begin{eqnarray}a&=&b\end{eqnarray}",
            r"\begin{array} { r c l } { \displaystyle a } & { = } & { \displaystyle b } \\ \end{array}",
        ),
        (r"\eqalign{a&=b\cr}", r"\begin{aligned} a & = b \end{aligned}"),
        (r"\eqalignno{a&=b&(1)\cr}", r"\begin{aligned} a & = b \end{aligned}"),
        (r"\sum_{\substack{a\\b}}", r"\sum _ { \substack { a \\ b } }"),
        (
            r"\begin{array}{c}\multicolumn{2}{c}{a}\end{array}",
            r"\begin{array} { c } \multicolumn { 2 } { c } { a } \\ \end{array}",
        ),
    ],
)
def test_environments(formula, expected):
    assert " ".join(normalize(formula)) == expected
    assert " ".join(normalize(expected)) == expected


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"a\\b", "a { } b"),
        (r"a&=b", "a = b"),  # one row only loses its marks
        (r"a&=&b\\", r"a = b"),
        (r"a&=b\\&=c", r"\begin{aligned} a & = b \\ & = c \end{aligned}"),
        (
            r"a&=&b\\c&<&d\nonumber\\",
            r"\begin{array} { r c l } { \displaystyle a } & { = } & { \displaystyle b } \\ "
            r"{ \displaystyle c } & { < } & { \displaystyle d } \\ \end{array}",
        ),
        (r"a\over b&c", r"{ \frac { a } { b } } c"),
        (
            r"a&=&b\over c\\&=&d",
            r"\begin{array} { r c l } { \displaystyle a } & { = } & { \displaystyle { \frac { b } { c } } } \\ "
            r"{ } & { = } & { \displaystyle d } \\ \end{array}",
        ),
    ],
)
def test_rows_without_an_environment(formula, expected):
    assert " ".join(normalize(formula)) == expected
    assert " ".join(normalize(expected)) == expected


def test_two_fractions_across_a_line_end_are_refused():
    with pytest.raises(LatexError) as caught:
        normalize(r"a\over b\\c\over d")
    assert caught.value.reason == "double_infix"
