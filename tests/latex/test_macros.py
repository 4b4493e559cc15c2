from __future__ import annotations

import pytest

from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.macros import Macro, collect_macros, expand_macros
from im2latex_fairseq.latex.normalizer import normalize


@pytest.mark.parametrize(
    "source, name, macro",
    [
        (r"\newcommand{\R}{\mathbb{R}}", r"\R", Macro(0, None, r"\mathbb{R}")),
        (r"\newcommand\R{\mathbb{R}}", r"\R", Macro(0, None, r"\mathbb{R}")),
        (r"\newcommand*{\n}[1]{\|#1\|}", r"\n", Macro(1, None, r"\|#1\|")),
        (r"\newcommand{\n}[2][p]{\|#2\|_{#1}}", r"\n", Macro(2, "p", r"\|#2\|_{#1}")),
        (r"\renewcommand { \R } { R }", r"\R", Macro(0, None, " R ")),
        (r"\DeclareRobustCommand\x{y}", r"\x", Macro(0, None, "y")),
        (r"\def\bra#1{\langle #1|}", r"\bra", Macro(1, None, r"\langle #1|")),
        (r"\def\be{\begin{equation}}", r"\be", Macro(0, None, r"\begin{equation}")),
        (r"\let\vf=\varphi", r"\vf", Macro(0, None, r"\varphi", frozen=True)),
        (r"\DeclareMathOperator{\tr}{tr}", r"\tr", Macro(0, None, r"\operatorname{tr}")),
        (r"\DeclareMathOperator*{\am}{arg\,max}", r"\am", Macro(0, None, r"\operatorname*{arg\,max}")),
        ("\\newcommand{\\a}{x% a comment }\n y}", r"\a", Macro(0, None, "xy")),
    ],
)
def test_definitions(source, name, macro):
    table = collect_macros(f"text {source} more text")
    assert table.macros == {name: macro}
    assert table.skipped == 0


def test_later_definitions_win_and_provided_ones_wait():
    table = collect_macros(
        r"\newcommand{\a}{1}\renewcommand{\a}{2}\providecommand{\a}{3}\providecommand{\b}{4}"
    )
    assert {name: macro.body for name, macro in table.macros.items()} == {r"\a": "2", r"\b": "4"}


@pytest.mark.parametrize(
    "source",
    [
        r"\def\pair(#1,#2){x}",  # delimited parameters
        r"\newcommand{\a}[1]{#2}",  # a parameter that it doesn't have
        r"\newcommand{\a}{never closed",
        r"\newcommand{a}{b}",
        r"\newcommand",
        r"\let",
    ],
)
def test_what_can_not_be_read_is_counted(source):
    table = collect_macros(source)
    assert table.macros == {}
    assert table.skipped == 1


def test_a_line_end_in_front_of_a_name_is_no_definition():
    assert collect_macros(r"a\\def b").macros == {}


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"\R^2", r"\mathbb { R } ^ { 2 }"),
        (r"x\R y", r"x \mathbb { R } y"),
        (r"\norm{a}+\norm[q]{b}", r"\| a \| _ { p } + \| b \| _ { q }"),
        (r"\frac\R2", r"\frac { \mathbb { R } } { 2 }"),  # an argument is taken before it is expanded
        (r"\bra{\bra 1}", r"\langle \langle 1 | |"),
        (r"\eps\epsilon\varepsilon", r"\epsilon \varepsilon \epsilon"),  # \let takes what a name meant before
        (r"\unknown{x}\R", r"\unknown { x } \mathbb { R }"),
        (r"\say{for all}x", r"\mathrm { f o r ~ a l l } x"),  # blanks of an argument that is text
    ],
)
def test_expansion(formula, expected):
    table = collect_macros(
        r"\newcommand{\R}{\mathbb{R}}\newcommand{\norm}[2][p]{\|#2\|_{#1}}\def\bra#1{\langle #1|}"
        r"\let\eps\epsilon\let\epsilon\varepsilon\let\varepsilon\eps\newcommand{\say}[1]{\mbox{#1}}"
    )
    assert " ".join(normalize(formula, macros=table)) == expected


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"\newcommand{\R}{\mathbb{R}} x\in\R^n", r"x \in \mathbb { R } ^ { n }"),
        (r"\def\a#1#2{#2#1}\a xy\a{1}{2}", "y x 2 1"),
        (r"\renewcommand{\vec}[1]{\mathbf{#1}}\vec v", r"\mathbf { v }"),
        (r"a\DeclareMathOperator{\tr}{tr}\tr A", r"a \operatorname { t r } A"),
    ],
)
def test_a_formula_may_define_its_own(formula, expected):
    assert " ".join(normalize(formula)) == expected


@pytest.mark.parametrize(
    "formula, reason",
    [
        (r"\def\a{\a}\a", "macro_expansion"),
        (r"\def\a{\a\a}\a", "macro_expansion"),
        (r"\def\a{\b}\def\b{\a}\a", "macro_expansion"),
        (
            "".join(rf"\def\{b}{{{(chr(92) + a) * 10}}}" for a, b in zip("abcdefg", "bcdefgh", strict=True))
            + r"\h",
        )
        + ("macro_expansion",),
        (r"\newcommand{\a}[1]{" + "#1" * 5000 + r"}\a{" + "x" * 5000 + "}", "macro_expansion"),
        (r"\def\a#1{x}{\a}", "missing_argument"),
        (r"\def\a#1{x}\a", "missing_argument"),
        (r"\def\a#1{x}\a{y", "unbalanced_braces"),
        (r"\def\a(#1){x}\a(1)", "bad_definition"),
        (r"\newcommand\x{" * 2000, "bad_definition"),
    ],
)
def test_bombs_and_broken_definitions_are_refused(formula, reason):
    with pytest.raises(LatexError) as caught:
        normalize(formula)
    assert caught.value.reason == reason


def test_nothing_to_expand_changes_nothing():
    assert expand_macros(r"\alpha % x") == r"\alpha % x"


def test_a_broken_source_ends_the_reading():
    assert collect_macros(r"\newcommand\x{" * 5000).skipped <= 200
