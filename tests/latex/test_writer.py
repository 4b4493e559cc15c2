from __future__ import annotations

import pytest

from im2latex_fairseq.latex.tree import (
    Command,
    Environment,
    Group,
    Infix,
    Leaf,
    Raw,
    Row,
    Scripts,
    append,
    rewrite,
)
from im2latex_fairseq.latex.writer import write_tokens


def leaves(text):
    return [Leaf(token) for token in text.split()]


@pytest.mark.parametrize(
    "sequence, expected",
    [
        ([Scripts(Leaf("x"), sub=Group(leaves("i")), sup=Group(leaves("2")))], "x _ { i } ^ { 2 }"),
        # an empty base is written only where another base would take its place
        ([Scripts(None, sup=Group(leaves("2")))], "^ { 2 }"),
        ([Leaf("x"), Scripts(None, sup=Group(leaves("2")))], "x { } ^ { 2 }"),
        ([Leaf("'")], "'"),
        ([Leaf("x"), Leaf("'")], r"x { } ^ { \prime }"),
        ([Command(r"\overline", [Group(leaves("x"))])], r"\overline { { x } }"),
        ([Command(r"\overline", [Group([Group([Group(leaves("x"))])])])], r"\overline { { x } }"),
        ([Command(r"\sqrt", [Group(leaves("x"))], [Group(leaves("3"))])], r"\sqrt [ 3 ] { x }"),
        ([Command(r"\sqrt", [Group(leaves("x"))], [Group(leaves("]"))])], r"\sqrt [ { ] } ] { x }"),
        ([Command(r"\Big", [Raw(["("])])], r"\Big ("),
        ([Command(r"\hspace", [Raw(list("1cm"))])], r"\hspace { 1 c m }"),
        (
            [Environment("array", [Row([leaves("a"), [Group(leaves("b"))]]), Row([[]])], columns=["l", "c"])],
            r"\begin{array} { l c } { a } & { b } \\ { } \\ \end{array}",
        ),
        # cells between relations stay open, and the last row has no end
        (
            [Environment("aligned", [Row([leaves("a"), leaves("= b")]), Row([leaves("*"), leaves("= d")])])],
            r"\begin{aligned} a & = b \\ { * } & = d \end{aligned}",
        ),
        (
            [
                Environment(
                    "array", [Row([leaves("a")], rules=[r"\hline"])], columns=["c"], rules_below=[r"\hline"]
                )
            ],
            r"\begin{array} { c } \hline { a } \\ \hline \end{array}",
        ),
        (
            [Environment("substack", [Row([leaves("a")]), Row([leaves("b")])], braced=True)],
            r"\substack { a \\ b }",
        ),
    ],
)
def test_written_forms(sequence, expected):
    assert " ".join(write_tokens(sequence)) == expected


def test_what_follows_an_infix_is_its_second_half():
    assert append([Infix(r"\over", leaves("a"), leaves("b"))], leaves("c")) == [
        Infix(r"\over", leaves("a"), leaves("b c"))
    ]
    assert append(leaves("a"), [Infix(r"\over", leaves("b"), leaves("c"))]) == [
        Infix(r"\over", leaves("a b"), leaves("c"))
    ]
    with pytest.raises(ValueError, match="two infix"):
        append([Infix(r"\over", [], [])], [Infix(r"\over", [], [])])


@pytest.mark.parametrize("outer_first, expected", [(False, ["inner", "outer"]), (True, ["outer", "inner"])])
def test_the_order_of_a_rewriting(outer_first, expected):
    seen = []

    def note(sequence):
        seen.append("outer" if isinstance(sequence[0], Group) else "inner")
        return sequence

    rewrite([Group(leaves("x"))], note, outer_first=outer_first)
    assert seen == expected


def test_a_base_that_becomes_scripts_gets_braces():
    def replace(sequence):
        return [Scripts(Leaf("y"), sup=Group([]))] if sequence == leaves("x") else sequence

    (node,) = rewrite([Scripts(Leaf("x"), sub=Group(leaves("1")))], replace)
    assert node.base == Group([Scripts(Leaf("y"), sup=Group([]))])
