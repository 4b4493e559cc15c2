r"""What the formatter writes, that it loses nothing, and that normalising brings the tokens back."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from im2latex_fairseq.latex.formatter import (
    OPERATORS_WITH_LIMITS,
    OPERATORS_WITHOUT_LIMITS,
    format_tokens,
)
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.latex.token_tree import MAX_DEPTH
from im2latex_fairseq.latex.tokenizer import tokenize

FORMATTED = [
    # blanks
    (r"\alpha x + \beta 2", r"\alpha x+\beta2"),  # a letter would join the command, a digit wouldn't
    (r"a \ b \ ", "a\\ b\\ "),  # the control space is backslash and blank, at the end too
    (r"\left\langle x \right\rangle y", r"\left\langle x\right\rangle y"),
    (r"1 . 5 \, m", r"1.5\,m"),
    (r"\hspace { 1 c m } x", r"\hspace{1cm}x"),
    (r"a \quad b", r"a\quad b"),
    (r"\\ [ x ]", r"\\ [x]"),  # without the blank it would be the row end's own argument in amsmath
    # scripts
    (r"x _ { i } ^ { 2 }", "x_i^2"),
    (r"x _ { i } j", "x_i j"),  # x_ij would read as if j were in the subscript
    (r"x _ { i j } k", "x_{ij}k"),
    (r"A _ { \mu } ^ { \dagger }", r"A_\mu^\dagger"),
    (r"x ^ { \dag }", r"x^{\dag}"),  # a macro, which breaks without braces
    (r"x ^ { - 1 }", "x^{-1}"),
    (r"x ^ { + }", "x^+"),
    (r"x _ { , }", "x_{,}"),
    (r"x _ { { \cal C } _ { i } }", r"x_{{\cal C}_i}"),
    (r"x _ { { \bf a } }", r"x_{\bf a}"),  # the script's braces are all the scope that the font needs
    (r"{ } ^ { a } X", "{}^a X"),
    # primes
    (r"f ^ { \prime }", "f'"),
    (r"f ^ { \prime \prime }", "f''"),
    (r"f _ { i } ^ { \prime 2 }", "f_i'^2"),
    (r"f ^ { \prime a b }", "f'^{ab}"),
    (r"f ^ { 2 \prime }", r"f^{2\prime}"),
    (r"f ^ { \prime ^ { 2 } }", r"f^{\prime^2}"),  # a script of the prime
    (r"f ^ { ^ { \prime } }", r"f^{^{\prime}}"),  # a prime on nothing, smaller than f'
    (r"f ^ { \prime } ^ { 2 }", r"f^{\prime}^2"),  # an error to TeX; must not become one that isn't
    # operators
    (r"\operatorname { l n } x", r"\ln x"),
    (r"\operatorname* { l i m } _ { x \to 0 } f", r"\lim_{x\to0}f"),
    (
        r"\operatorname { l i m } _ { x }",
        r"\operatorname{lim}_x",
    ),  # limits beside, not below: no name for that
    (r"\operatorname { T r } M", r"\operatorname{Tr}M"),
    (r"\mathrm { l o g } x", r"\mathrm{log}x"),  # an ordinary atom: \log would be set with a space
    # groups
    (r"{ \frac { a } { b } }", r"\frac{a}{b}"),
    (r"{ \bar { K } } _ { a }", r"\bar{K}_a"),
    (r"{ \bar { \hat { K } } }", r"{\bar{\hat{K}}}"),  # amsmath has a machinery of its own for these
    (r"{ \sqrt [ 3 ] { x } } ^ { 2 }", r"\sqrt[3]{x}^2"),
    (r"{ \pi } r", r"\pi r"),
    (r"{ { F } }", "F"),
    (r"{ x _ { i } }", "{x_i}"),
    (r"{ + }", "{+}"),
    (r"{ - 1 }", "{-1}"),
    (r"{ \sum }", r"{\sum}"),
    (r"{ \left( a \right) }", r"{\left(a\right)}"),
    (r"{ \bf x } y", r"{\bf x}y"),
    (r"{ } - 1", "{}-1"),
    (r"\unknown { x } { y }", r"\unknown{x}{y}"),  # they may be its arguments
    (r"\frac 1 { 2 }", r"\frac1{2}"),
    (r"\not { p }", r"\not{p}"),
    (r"\frac { { a b } } { { \bf c } }", r"\frac{ab}{\bf c}"),
    # tables
    (
        r"\begin{array} { c c } { a } & { { b } } \\ { } & { - 1 } \\ \end{array}",
        r"\begin{array}{cc} a & b \\ & -1 \end{array}",
    ),
    (r"\begin{matrix} { a } \\ { [ b ] } \\ \end{matrix}", r"\begin{matrix} a \\ {[b]} \end{matrix}"),
    (r"\begin{matrix} { a } \\ \hline { b } \\ \end{matrix}", r"\begin{matrix} a \\ \hline b \end{matrix}"),
    (r"\begin{aligned} a & = b \\ & = c \end{aligned}", r"\begin{aligned} a & =b \\ & =c \end{aligned}"),
    (r"\begin{matrix} \end{matrix}", r"\begin{matrix} \end{matrix}"),
    # text
    (r"\mathrm { ~ i f ~ } x", r"\mathrm{~if~}x"),
    (r"\mbox { { a } _ b }", r"\mbox{{a}_b}"),
    # what no parser would take is joined
    (r"a } { b", "a}{b"),
    (r"\alpha { b", r"\alpha{b"),
    (r"\begin{array} { c }", r"\begin{array}{c}"),
    (r"\begin{array} { c } \end{matrix}", r"\begin{array}{c}\end{matrix}"),
    ("", ""),
    ("^", "^"),
    (r"\frac", r"\frac"),
]


@pytest.mark.parametrize("tokens, expected", FORMATTED)
def test_formats(tokens: str, expected: str) -> None:
    assert format_tokens(tokens.split()) == expected


def test_multiline_begins_a_line_for_each_row() -> None:
    tokens = normalize(r"\left(\begin{array}{cc} a & b \\ c & d \end{array}\right)")
    assert (
        format_tokens(tokens, multiline=True)
        == "\\left(\\begin{array}{cc}\na & b \\\\\nc & d\n\\end{array}\\right)"
    )


def test_nesting_beyond_the_limit_is_only_joined() -> None:
    depth = MAX_DEPTH + 10
    assert format_tokens(["{"] * depth + ["x"] + ["}"] * depth) == "{" * depth + "x" + "}" * depth
    assert format_tokens(["{"] * 20 + ["x"] + ["}"] * 20) == "x"


@pytest.mark.parametrize("name", sorted(OPERATORS_WITH_LIMITS | OPERATORS_WITHOUT_LIMITS))
def test_operator_names_are_those_that_the_normaliser_spells(name: str) -> None:
    tokens = normalize(name + " x")
    assert format_tokens(tokens) == name + " x"


ATOMS = st.sampled_from(
    [
        r"x",
        r"A",
        "2",
        r"\alpha",
        r"\infty",
        "+",
        "=",
        "(",
        ")",
        ",",
        r"\,",
        r"\ ",
        r"\sum",
        r"\sin",
        r"\lim",
        "'",
    ]
    + [
        r"\le",
        r"\cdots",
        r"\dagger",
        "!",
        r"\quad",
        r"\mathrm{Tr}",
        r"\mbox{ if }",
        r"\hspace{1em}",
        r"\{",
        r"\|",
    ]
)


def _wrap(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        inner.map(lambda a: "{" + a + "}"),
        inner.map(lambda a: r"\sqrt{" + a + "}"),
        inner.map(lambda a: r"\bar{" + a + "}"),
        inner.map(lambda a: r"\mathbf{" + a + "}"),
        inner.map(lambda a: r"{\cal " + a + "}"),
        inner.map(lambda a: r"\left(" + a + r"\right]"),
        pair.map(lambda ab: rf"\frac{{{ab[0]}}}{{{ab[1]}}}"),
        pair.map(lambda ab: f"{{{ab[0]}}}_{{{ab[1]}}}"),
        pair.map(lambda ab: f"Q^{{{ab[0]}}}_{{{ab[1]}}}"),
        pair.map(lambda ab: rf"\begin{{array}}{{cc}} {ab[0]} & {ab[1]} \\ 1 & {{2}} \end{{array}}"),
        pair.map(lambda ab: rf"\begin{{pmatrix}} {ab[0]} \\ {ab[1]} \end{{pmatrix}}"),
        st.lists(inner, min_size=1, max_size=4).map(" ".join),
    )


def _is_readable(formula: str) -> bool:
    try:
        return bool(normalize(formula))
    except ValueError:
        return False


FORMULAS = st.recursive(ATOMS, _wrap, max_leaves=12).filter(_is_readable)


@settings(deadline=None, max_examples=60)
@given(FORMULAS)
def test_normalising_brings_the_tokens_back_if_groups_are_kept(formula: str) -> None:
    tokens = normalize(formula)
    assert normalize(format_tokens(tokens, keep_groups=True)) == tokens


@settings(deadline=None, max_examples=60)
@given(FORMULAS)
def test_formatting_twice_changes_nothing(formula: str) -> None:
    once = format_tokens(normalize(formula))
    assert format_tokens(normalize(once)) == once


@settings(deadline=None, max_examples=60)
@given(FORMULAS)
def test_only_braces_change(formula: str) -> None:
    tokens = normalize(formula)
    back = normalize(format_tokens(tokens))
    assert _without_braces(back) == _without_braces(tokens)
    assert len(back) <= len(tokens)


def _without_braces(tokens: list[str]) -> list[str]:
    return [token for token in tokens if token not in ("{", "}")]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [
                "{",
                "}",
                "^",
                "_",
                "'",
                "\\",
                r"\\",
                "&",
                "x",
                "1",
                r"\alpha",
                r"\frac",
                r"\prime",
                r"\left(",
                r"\right.",
                "*",
            ]
            + [
                r"\begin{array}",
                r"\end{array}",
                r"\begin{cases}",
                r"\end{cases}",
                r"\operatorname",
                r"\mbox",
                "[",
                "]",
            ]
            + [r"\sqrt", r"\hline", r"\operatorname*", "~", "$", "é", r"\not", r"\hspace", r"\cal"]
        ),
        max_size=30,
    )
)
@example(["\\begin{cases}", "\\", "\\end{cases}"])
def test_any_tokens_are_written_on_one_line_without_losing_any(tokens: list[str]) -> None:
    # A decoder may give any list; nothing raises, and what is not a brace or a prime survives.
    text = format_tokens(tokens)
    assert "\n" not in text
    assert "  " not in text.replace("\\ ", "x")  # the control space has a blank of its own
    dropped = {"{", "}", "'", r"\prime", "^", r"\\", "~", "$", "\\", "[", "]", "*"}
    # The tokenizer reads some lists otherwise than they came (text arguments); formulas of one mode it doesn't.
    if not {"$", r"\mbox", r"\operatorname", r"\hspace"} & set(tokens):
        assert [t for t in tokenize(text) if t not in dropped] == [t for t in tokens if t not in dropped]
