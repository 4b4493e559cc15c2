"""The form in which formulas are compared that differ in braces and spaces alone."""

from __future__ import annotations

import pytest

from im2latex_fairseq.latex.unified_form import drop_spaces, unified_form, unify_braces


@pytest.mark.parametrize(
    "tokens, unified",
    [
        (r"{ \bar { K } }", r"\bar { K }"),  # the benchmark's own habit
        (r"{ \frac { a } { b } } = c", r"\frac { a } { b } = c"),  # arguments keep theirs
        (r"x _ { i } ^ { 2 }", r"x _ { i } ^ { 2 }"),  # and so do scripts
        (r"x ^ { { 2 } }", r"x ^ { 2 }"),  # but only one pair
        (r"{ \delta } _ { a b }", r"\delta _ { a b }"),  # one atom bears its scripts alone
        (r"{ a b } ^ { 2 }", r"{ a b } ^ { 2 }"),  # two don't
        (r"{ a _ { i } } ^ { 2 }", r"{ a _ { i } } ^ { 2 }"),  # a script of what has scripts
        (r"{ \cal L } x", r"{ \cal L } x"),  # the scope of a switch
        (r"{ ^ { * } } F", r"{ ^ { * } } F"),  # without braces the star would hang on what stands before
        (r"{ } ^ { 3 } H", r"{ } ^ { 3 } H"),  # scripts of nothing
        (r"\left( { x } \right)", r"\left( x \right)"),  # a fence takes no argument
        (r"\foo { x } { y }", r"\foo { x } { y }"),  # an unknown command may take any number
        (r"\mathrm { ~ a ~ } { b }", r"\mathrm { ~ a ~ } b"),
        (
            r"\begin{array} { c c } { { a } } & { b } \\ { c } & { d } \\ \end{array}",
            r"\begin{array} { c c } a & b \\ c & d \\ \end{array}",
        ),
        ("{ a", "{ a"),  # what a decoder gone astray writes
        ("", ""),
    ],
)
def test_braces_that_say_nothing_go(tokens: str, unified: str) -> None:
    assert " ".join(unify_braces(tokens.split())) == unified
    assert " ".join(unify_braces(unified.split())) == unified


@pytest.mark.parametrize(
    "tokens, bare",
    [
        (r"a \, b \quad = ~ c \ d", "a b = c d"),  # `\ ` is the token of the control space
        (r"a \hspace { 1 c m } b", "a b"),  # with its dimension
        (r"\frac { a \, b } { c }", r"\frac { a b } { c }"),  # inside arguments
        (r"x ^ { \; 2 }", "x ^ { 2 }"),  # and scripts
        (r"\begin{array} { c } { a \, b } \\ \end{array}", r"\begin{array} { c } { a b } \\ \end{array}"),
        (r"\, }", r"\, }"),
    ],
)
def test_spaces_go(tokens: str, bare: str) -> None:
    assert " ".join(drop_spaces(tokens.split())) == bare


@pytest.mark.parametrize(
    "tokens, unified",
    [
        (r"{ \bar { K } } \, b", r"\bar { K } b"),  # both at once
        (r"{ a \quad } b", "a b"),  # a space in braces that go
        ("{ a", "{ a"),
    ],
)
def test_the_unified_form_has_neither(tokens: str, unified: str) -> None:
    assert " ".join(unified_form(tokens.split())) == unified
