"""LaTeX is translated to mathtext's language, taken apart around matrices, and refused by name."""

from __future__ import annotations

import pytest

from im2latex_fairseq.images.mathtext_dialect import (
    Delimited,
    Grid,
    MathtextUnsupported,
    Scripted,
    Text,
    read_formula,
)

TRANSLATED = [
    (r"\frac { a } { b }", r"\dfrac{a}{b}", "full-sized in a display"),
    (r"\frac { \frac { a } { b } } { c }", r"\dfrac{\frac{a}{b}}{c}", "but not inside another"),
    (r"x ^ { \frac { a } { b } }", r"x^{\frac{a}{b}}", "nor in a script"),
    (r"\sqrt { \frac { a } { b } }", r"\sqrt{\dfrac{a}{b}}", "a root keeps the style"),
    (r"\textstyle \frac { a } { b }", r"\frac{a}{b}", "unless told"),
    (r"\operatorname* { l i m } _ { x \to 0 }", r"\lim_{x\to0}", "functions by their names"),
    (r"\operatorname { f o o } x", r"\operatorname{foo}x", "and others spelled"),
    (r"f ^ { \prime \prime }", "f''", "primes"),
    (r"\alpha x", r"\alpha x", "a command's name ends somewhere"),
    (r"\left\lbrace x \right\rbrace", r"\left\{x\right\}", "delimiters by mathtext's names"),
    (r"\left\langle x \right.", r"\left\langle x\right.", "one side alone"),
    (r"\mathrm { l o g } ~ x", r"\mathrm{log}\ x", "hard spaces"),
    (r"{ \bf x y } z", r"{\bf xy}z", "switches keep to their group"),
    (r"\mbox { f o r ~ a l l }", r"\mathrm{for\ all}", "text as tokens"),
    (r"\mbox{for all }x", r"\mathrm{for\ all\ }x", "text as written"),
    (r"\binom { n } { k }", r"\genfrac{(}{)}{0}{0}{n}{k}", "binomials in a display"),
    (r"a \not \in b", r"a\notin b", "negations"),
    (r"\hspace { 1 c m } x", r"\hspace{2.845}x", "lengths in em"),
    (r"\hspace * { 1 e m } x", r"\hspace{1}x", "a star apart"),
    (r"\sum \limits _ { i } x", r"\sum_{i}x", "limits are there anyway"),
    (r"\frac12", r"\dfrac{1}{2}", "arguments without braces"),
]


@pytest.mark.parametrize(("formula", "expected", "why"), TRANSLATED, ids=[row[2] for row in TRANSLATED])
def test_translation(formula: str, expected: str, why: str) -> None:
    (piece,) = read_formula(formula)
    assert isinstance(piece, Text)
    assert piece.source == expected


def test_inline_fractions_are_small() -> None:
    assert read_formula(r"\frac{a}{b}", display=False) == [Text(r"\frac{a}{b}", r"\frac")]


def test_a_matrix_is_taken_apart() -> None:
    before, matrix, after = read_formula(
        r"A = \left( \begin{array} { c r } { a } & { 1 } \\ b & \end{array} \right) + 1"
    )
    assert before == Text("A=", "=")
    assert after == Text("{}+1", "1")
    assert isinstance(matrix, Delimited)
    assert (matrix.left, matrix.right) == ("(", ")")
    (grid,) = matrix.inside
    assert isinstance(grid, Grid)
    assert grid.columns == "cr"
    assert [[cell[0].source if cell else "" for cell in row] for row in grid.rows] == [
        ["{a}", "{1}"],
        ["b", ""],
    ]


@pytest.mark.parametrize(
    "name", ["matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "cases", "aligned"]
)
def test_a_last_line_end_adds_no_row(name: str) -> None:
    (piece,) = read_formula(rf"\begin{{{name}}} a & b \\ c & d \\ \end{{{name}}}")
    grid = piece.inside[0] if isinstance(piece, Delimited) else piece
    assert isinstance(grid, Grid)
    assert [len(row) for row in grid.rows] == [2, 2]


def test_scripts_on_a_matrix() -> None:
    (piece,) = read_formula(r"\begin{pmatrix} a \end{pmatrix} ^ { T } _ { i }")
    assert isinstance(piece, Scripted)
    assert (piece.sup, piece.sub) == ("T", "i")


REFUSED = [
    ("", "blank: nothing to draw"),
    (r"\begin { tikzpicture } \end { tikzpicture }", r"unsupported: \begin{tikzpicture}"),
    (r"\begin{array}{c|c} a & b \end{array}", "unsupported: columns c|c of an array"),
    (r"\begin{array}{c} a & b \end{array}", "unsupported: 2 cells in an array of 1 columns"),
    (r"\frac { \begin{matrix} a \end{matrix} } { b }", r"unsupported: an array inside \frac"),
    (r"\begin{matrix} a \end{pmatrix}", r"unbalanced: \begin{matrix} is ended by \end{pmatrix}"),
    (r"\begin{matrix} a", "unbalanced: the formula ends inside a group or environment"),
    ("{ a", "unbalanced: the formula ends inside a group or environment"),
    ("a }", "unbalanced: } where nothing asks for it"),
    ("x ^", "unbalanced: an argument is missing before the end"),
    (r"\left x a \right)", "unsupported: x as a delimiter"),
    (r"\right)", r"unbalanced: \right where nothing asks for it"),
    (r"a $ b", "unbalanced: $ where nothing asks for it"),
    (r"\not x", r"unsupported: \not x"),
    (r"x \limits _ { a }", r"unsupported: \limits on anything but a sum or its relatives"),
    (r"\hspace { \textwidth }", r"unsupported: '\\textwidth' as a length"),
]


@pytest.mark.parametrize(("formula", "says"), REFUSED)
def test_what_cannot_be_drawn_is_named(formula: str, says: str) -> None:
    with pytest.raises(MathtextUnsupported) as caught:
        read_formula(formula)
    assert str(caught.value) == says
