from __future__ import annotations

import pytest

from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.parser import parse
from im2latex_fairseq.latex.token_cursor import MAX_DEPTH
from im2latex_fairseq.latex.tree import (
    Command,
    Environment,
    Fenced,
    Group,
    Infix,
    Leaf,
    Raw,
    Row,
    Scripts,
    Text,
)


def cell(formula):
    """The one cell of a formula of one row."""
    ((row,),) = ([*parse(formula)],)
    (only,) = row.cells
    return only


def test_scripts_in_any_order_with_primes():
    expected = Scripts(
        Leaf("x"), sub=Group([Leaf("i")]), sup=Group([Leaf(r"\prime"), Leaf(r"\prime"), Leaf("2")])
    )
    for formula in ["x''^2_i", "x_i''^{2}", "x''_i^2", r"x\sb i''\sp2"]:
        assert cell(formula) == [expected]


@pytest.mark.parametrize(
    "formula, tree",
    [
        (r"\frac12", [Command(r"\frac", [Group([Leaf("1")]), Group([Leaf("2")])])]),
        (r"\sqrt[3]x", [Command(r"\sqrt", [Group([Leaf("x")])], [Group([Leaf("3")])])]),
        (r"\root3\of x", [Command(r"\sqrt", [Group([Leaf("x")])], [Group([Leaf("3")])])]),
        (r"\hspace{1cm}", [Command(r"\hspace", [Raw(["1", "c", "m"])])]),
        (r"\kern-.5em x", [Command(r"\kern", [Raw(["-", ".", "5", "e", "m"])]), Leaf("x")]),
        (r"\hskip 1cm plus 1fil x", [Command(r"\hskip", [Raw(["1", "c", "m"])]), Leaf("x")]),
        (r"\big{(}x", [Command(r"\big", [Raw(["("])]), Leaf("x")]),
        (r"a\over b", [Infix(r"\over", [Leaf("a")], [Leaf("b")])]),
        (r"a\above1pt b", [Infix(r"\above", [Leaf("a")], [Leaf("b")], thickness=["1", "p", "t"])]),
        (r"\left(x\right.", [Fenced("(", [Leaf("x")], ".")]),
        (r"\int\limits_0", [Scripts(Leaf(r"\int"), sub=Group([Leaf("0")]), limits=r"\limits")]),
        (r"\mbox{a b}", [Text(r"\mbox", [Leaf("a"), Leaf("~"), Leaf("b")])]),
        ("'", [Leaf("'")]),
        (r"\foo{a}b", [Leaf(r"\foo"), Group([Leaf("a")]), Leaf("b")]),  # what isn't known takes nothing
    ],
)
def test_trees(formula, tree):
    assert cell(formula) == tree


def test_rows_and_their_rules_and_gaps():
    (environment,) = cell(r"\begin{array}[t]{lc}\hline a&b\\[2mm]\hline\end{array}")
    assert environment == Environment(
        "array",
        [Row([[Leaf("a")], [Leaf("b")]], rules=[r"\hline"], gap=["2", "m", "m"])],
        option=["t"],
        columns=["l", "c"],
        rules_below=[r"\hline"],
    )


def test_plain_alignments_read_as_environments():
    assert cell(r"\matrix{a&b\cr c\cr}") == [
        Environment("matrix", [Row([[Leaf("a")], [Leaf("b")]]), Row([[Leaf("c")]])])
    ]


def test_a_formula_may_have_rows_of_its_own():
    assert parse(r"a&b\\c") == [Row([[Leaf("a")], [Leaf("b")]]), Row([[Leaf("c")]])]


@pytest.mark.parametrize(
    "formula, reason, position",
    [
        ("{a", "unbalanced_braces", 0),
        ("a}b", "unbalanced_braces", 1),
        (r"x^", "missing_argument", 2),
        (r"\frac{1}", "missing_argument", 8),
        (r"\frac{1}&", "missing_argument", 8),
        ("x^^2", "missing_argument", 2),
        ("x^2^3", "double_superscript", 5),
        ("x^2'", "double_superscript", 3),
        ("x_2_3", "double_subscript", 4),
        (r"\left(x", "unbalanced_fences", 0),
        (r"x\right)", "unbalanced_fences", 1),
        (r"\left x\right)", "bad_delimiter", 0),
        (r"\left(x\right", "bad_delimiter", 7),
        (r"\big x", "bad_delimiter", 5),
        (r"\begin{array}{c}x", "unbalanced_environments", 0),
        (r"x\end{array}", "unbalanced_environments", 1),
        (r"\begin{array}{c}x\end{matrix}", "unbalanced_environments", 17),
        (r"\begin{tikzpicture}\end{tikzpicture}", "unsupported_environment", 0),
        (r"a\xymatrix{A\ar[r]&B}", "unsupported_command", 1),
        (r"{a&b}", "misplaced_alignment", 2),
        (r"\sqrt[3x", "unbalanced_brackets", 5),
        (r"a\over b\over c", "double_infix", 15),
        ("a$b", "stray_dollar", 1),
        ("a#1", "stray_parameter", 1),
        (r"\kern x", "bad_dimension", 6),
        (r"\mbox{a&b}", "rows_in_text", 7),
        (r"\mbox{a$b}", "unbalanced_dollars", 7),
        (r"\mbox", "missing_argument", 5),
        (r"\matrix a", "missing_argument", 0),
        (r"\root 3", "missing_argument", 0),
    ],
)
def test_refusals_say_where(formula, reason, position):
    with pytest.raises(LatexError) as caught:
        parse(formula)
    assert (caught.value.reason, caught.value.position) == (reason, position)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "opening",
    [
        "{",
        r"\bar",
        r"\left(",
        r"\mbox{",
        r"\begin{array}{c}",
        r"{\over",
        r"\root",
        r"\buildrel",
        r"\cases{",
        "x^{",
    ]
    + [r"\frac", r"\sqrt[", r"\mbox{$", r"\substack{"],
)
@pytest.mark.parametrize("times", [MAX_DEPTH + 1, 3_000])
def test_deep_nesting_is_refused_not_followed(opening, times):
    with pytest.raises(LatexError) as caught:
        parse(opening * times)
    assert caught.value.reason in ("nesting_too_deep", "unbalanced_brackets", "missing_argument")


def test_nesting_up_to_the_bound_is_read():
    depth = MAX_DEPTH - 1
    assert len(parse("{" * depth + "x" + "}" * depth)) == 1
