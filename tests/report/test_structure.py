from __future__ import annotations

import pytest

from im2latex_fairseq.report.structure import STRUCTURES, structures_of


@pytest.mark.parametrize(
    "formula, structures",
    [
        ("", ("plain",)),  # an empty reference
        ("a + b", ("plain",)),
        ("x ^ { 2 }", ("scripts",)),
        ("x _ { i } ^ { 2 }", ("scripts",)),  # two scripts of one letter aren't nested
        ("x ^ 2 { y _ b }", ("scripts",)),  # the group is behind the script, not in it
        ("x ^ { a _ { b } }", ("scripts", "nested_scripts")),
        (
            r"x ^ \mathrm { a _ b }",
            ("scripts", "nested_scripts", "font"),
        ),  # a script without braces of its own
        ("{ x ^ { 2 } } ^ { 3 }", ("scripts",)),  # a script of a group with a script
        (r"\frac { 1 } { 2 }", ("fraction",)),
        (r"\frac 1 2 { \frac { a } { b } }", ("fraction",)),  # the group isn't an argument of the first
        (r"\frac { \frac { a } { b } } { 2 }", ("fraction", "nested_fraction")),
        (r"\frac { 1 } { 1 + \frac { a } { b } }", ("fraction", "nested_fraction")),  # in the second argument
        (r"\frac { 1 } { 2 } \frac { 3 } { 4 }", ("fraction",)),  # one behind the other
        (r"{ a \over b }", ("fraction",)),
        (r"x ^ { \frac { a } { b } }", ("scripts", "fraction")),
        (r"\sqrt { x }", ("root",)),
        (r"\int f", ("big_operator",)),
        (r"\in t", ("plain",)),
        (r"\hat { x } \overline { y }", ("accent",)),
        (r"\left( x \right)", ("delimiters",)),
        (r"\left ( x \right )", ("delimiters",)),  # as other projects divide it
        (r"\leftarrow", ("plain",)),
        (r"\bigl( x", ("delimiters",)),
        (r"\bigcup A", ("big_operator",)),
        (r"\begin{array} { c } { a } \end{array}", ("matrix",)),
        (r"\begin{pmatrix} a \end{pmatrix}", ("matrix",)),
        (r"\substack { a \\ b }", ("matrix",)),
        (r"\mathbf { x }", ("font",)),
        (r"{ \bf x }", ("font",)),
        (r"\operatorname { s p }", ("font",)),
        ("} } x ^ { { 2", ("scripts",)),  # braces needn't match
    ],
)
def test_structure_is_told_by_tokens(formula: str, structures: tuple[str, ...]) -> None:
    assert structures_of(formula.split()) == structures


def test_titles_are_short_and_differ() -> None:
    assert len(set(STRUCTURES.values())) == len(STRUCTURES)
    assert all(len(title) <= 24 for title in STRUCTURES.values()), "the chart has room for no more"
