"""What is said of a formula before TeX sees it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from im2latex_fairseq.images.formula_screening import needs_own_process, why_unreadable


@pytest.mark.parametrize(
    "formula",
    [
        r"\frac { a } { b }",
        r"\left\{ x \right.",  # escaped braces don't count
        r"a \\{ b }",  # a row's end, then a group
        "a % } a comment's brace doesn't count\n b",
        r"a \% { b }",  # an escaped percent sign opens no comment
        r"\begin{array}{c} a \end{array}",
        r"\begin { a r r a y } { c } a \end { a r r a y }",
        "a % \\begin{array}\n",
        r"x \ ",
        "x \\",  # the benchmark's control space at the end of a line
    ],
)
def test_readable(formula):
    assert why_unreadable(formula) is None


@pytest.mark.parametrize(
    "formula, slug",
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("{ a", "unbalanced_braces"),
        ("a }", "unbalanced_braces"),
        ("} a {", "unbalanced_braces"),
        (r"\\} {", "unbalanced_braces"),
        ("{ a % }", "unbalanced_braces"),
        (r"\begin{array}{c} a", "unbalanced_environment"),
        (r"a \end{array}", "unbalanced_environment"),
        (r"\begin{array}{c} a \end{matrix}", "unbalanced_environment"),
        ("%\\\n{", "unbalanced_braces"),  # the comment ends with its line, also behind a backslash
        ("x" * 20_001, "too_long"),
        ("{" * 101 + "}" * 101, "too_deep"),
        ("a\0b", "invalid_character"),
        ("a\udc80b", "invalid_character"),
    ],
)
def test_unreadable(formula, slug):
    reason = why_unreadable(formula)
    assert reason is not None and reason.split(":")[0] == slug


@given(st.text(alphabet="ab\\{}% \n", max_size=30))
@example("\\\\{\n\\\\}%\\")
def test_two_formulas_that_are_balanced_stay_so_side_by_side(text):
    """The law that batches rest on: no formula that passes takes in what stands on the next line."""
    if why_unreadable(text) is None:
        assert why_unreadable(text + "\n" + text) is None


@pytest.mark.parametrize(
    "formula",
    [
        r"\frac{a}{b}",
        r"\begin{array}{c} \hline a \end{array}",
        r"\begin { a l i g n * } a \end { a l i g n * }",
        r"\def\a{b} \a",  # local to the formula's group
        r"\hbox{if} \iff \input_\infty"[:17],
    ],
)
def test_ordinary(formula):
    assert not needs_own_process(formula)


@pytest.mark.parametrize(
    "formula",
    [
        r"\gdef\frac{}",
        r"\global\let\frac\relax",
        r"\begin{gdef}\frac{}\end{gdef}",
        r"\begin{unknown}\end{unknown}",
        r"\csname gdef\endcsname",
        r"\end",
        r"^^5cgdef",
        r"\catcode`\%=12",
        r"\shipout\hbox{}",
        r"\begingroup",
        r"\iffalse",
        r"\aftergroup\x",
    ],
)
def test_disturbing(formula):
    assert needs_own_process(formula)
