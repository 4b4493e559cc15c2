"""Where colours may stand among tokens."""

from __future__ import annotations

import pytest

from im2latex_fairseq.metrics.token_colours import colour_tokens, count_visible


def written(line: str) -> str:
    """Parts with blanks between them; a colour is <its number>."""
    parts = colour_tokens(line.split()).parts
    return " ".join(f"<{part}>" if isinstance(part, int) else part.strip() for part in parts)


@pytest.mark.parametrize(
    "tokens, coloured",
    [
        ("x + y", "<0> x <1> + <2> y"),
        ("{ x }", "{ <1> x }"),  # braces have no ink
        ("x ^ { 2 } _ { i }", "<0> x ^ { <3> 2 <0> } _ { <7> i }"),  # none between a base and its scripts
        ("x ^ 2", "<0> x ^ { <2> 2 <0> }"),  # the colour alone would be the script
        (r"x ^ \frac { a } { b }", r"<0> x ^ { <2> \frac { <4> a <2> } { <7> b <2> } <0> }"),
        # What draws after its argument gets its colour again.
        (r"\frac { a } { b }", r"<0> \frac { <2> a <0> } { <5> b <0> }"),
        (r"\sqrt [ 3 ] { x }", r"<0> \sqrt [ <2> 3 <0> ] { <5> x <0> }"),
        (r"\left( x \right)", r"<0> \left( <1> x <2> \right)"),
        # The upper limit is written before its operator.
        (r"\sum \limits ^ { n } x ^ { 2 }", r"<0> \sum \limits ^ { <4> n <0> } <6> x ^ { <9> 2 <6> }"),
        ("{ x } ^ { 2 } ^ { 3 }", "{ <1> x } ^ { <5> 2 } ^ { <9> 3 }"),  # a group has no colour
        (r"\sum \limits _ { i }", r"<0> \sum \limits _ { <4> i }"),  # \limits clings
        ("x ^ { ' }", "<0> x ^ { <3> ' <0> }"),  # nothing that it could cling to
        ("x '", "<0> x '"),
        (r"x \, y \quad z", r"<0> x \, <2> y \quad <4> z"),
        ("x \\ y", "<0> x \\ <2> y"),
        # An accent that is all of a group is taken out of it.
        (r"{ { \dot { x } } } ^ { 2 }", r"<2> { { \dot { <4> x <2> } } } ^ { <10> 2 }"),
        (r"{ x \dot { y } }", r"{ <1> x <2> \dot { <4> y <2> } }"),
        # Arguments that aren't formulas.
        (r"\hspace { 1 c m } x", r"<0> \hspace { 1 c m } <6> x"),
        (r"\kern - 0 . 7 e x x", r"<0> \kern - 0 . 7 e x <7> x"),
        (r"\hskip 1 t r u e c m x", r"<0> \hskip 1 t r u e c m <8> x"),
        (r"\kern \myskip x", r"<0> \kern \myskip <2> x"),
        (r"\raise 2 p t \hbox { x }", r"<0> \raise 2 p t \hbox { <6> x }"),  # the box belongs to \raise
        (r"\hbox to 2 p t { x }", r"<0> \hbox to 2 p t { <6> x <0> }"),
        (r"\big ( x", r"<0> \big ( <2> x"),
        (r"\left ( x \right )", r"<0> \left ( <2> x <3> \right )"),  # not our tokens
        (r"\not = x", r"<0> \not = <2> x"),
        (r"\bm { x } y", r"<0> \bm { x } <4> y"),  # takes its argument apart
        (r"\mbox { \' e }", r"<0> \mbox { <2> \' e <0> }"),
        # Tables: TeX looks at what a row or a cell begins with.
        (
            r"\begin{array} [ t ] { c | c } \hline a & b \\ \end{array}",
            r"\begin{array} [ t ] { c | c } \noalign{ <9> } \hline <10> a & <12> b \\ \end{array}",
        ),
        (
            r"\begin{array} { c c } \multicolumn { 2 } { c } { x } \end{array}",
            r"\begin{array} { c c } \multicolumn { 2 } { c } { <13> x } \end{array}",
        ),
        (r"a \cr b", r"<0> a \cr <2> b"),
        (r"a \\ [ 2 p t ] b", r"<0> a \\ [ 2 p t ] <7> b"),
        (r"\begin{pmatrix} a \end{pmatrix}", r"<0> \begin{pmatrix} <1> a <0> \end{pmatrix}"),
        (r"\begin{pmatrix} a \\ \end{pmatrix}", r"<0> \begin{pmatrix} <1> a \\ \end{pmatrix}"),
        (r"\substack { a \\ b }", r"<0> \substack { <2> a \\ <4> b }"),
        (r"\begin{aligned} a & = b \end{aligned}", r"\begin{aligned} <1> a & <3> = <4> b \end{aligned}"),
        # What TeX will refuse has no colours, or is left to it.
        ("x }", "x }"),
        ("{ x", "{ x"),
        (r"\begin{array} { c } x \end{matrix}", r"\begin{array} { c } x \end{matrix}"),
        (r"\frac", r"<0> \frac"),
        ("", ""),
    ],
)
def test_colours_stand_where_tex_takes_an_atom(tokens, coloured):
    assert written(tokens) == coloured


@pytest.mark.parametrize(
    "line", [r"\genfrac { ( } { ) } { 0 p t } { } { a } { b }", r"\sqrt [ 3 ] { x }", "x ^ 2", "中"]
)
def test_every_token_is_written_once_and_in_order(line):
    tokens = line.split()
    parts = [part for part in colour_tokens(tokens).parts if isinstance(part, str)]
    braces = sum(part in "{}" for part in parts) - sum(token in "{}" for token in tokens)
    assert len(parts) - braces == len(tokens)


def test_a_blank_is_written_only_where_tex_skips_it():
    r"""In text others would show: ``\mbox { a b }`` is "ab"."""
    parts = colour_tokens(r"\mbox { \alpha b ~ \, \ c }".split()).parts
    assert "".join(part for part in parts if isinstance(part, str)) == "\\mbox {\\alpha b~\\,\\ c}"


def test_boxes_stand_for_characters_beyond_ascii():
    coloured = colour_tokens(["中", "x", "文"])
    assert coloured.stand_ins == 2 and coloured.parts[0] == 0 and r"\vrule" in str(coloured.parts[1])
    assert coloured.parts[2:4] == (1, "x")
    assert colour_tokens(["{", "中"]).parts == ("{", coloured.parts[1])
    assert coloured.parts[1] in colour_tokens([r"\bm", "{", "中", "}"]).parts


def test_nesting_without_end_has_no_colours():
    tokens = ["{"] * 5000 + ["x"] + ["}"] * 5000
    assert colour_tokens(tokens).parts == tuple(tokens)


@pytest.mark.parametrize(
    "tokens, count",
    [
        (r"\frac { a } { \mathbf { b } }", 3),  # the line and two letters
        (r"\operatorname { s i n } \, x", 4),
        (r"\begin{array} { c } x \\ \end{array}", 2),  # about: the column counts too
        ("", 0),
    ],
)
def test_visible_tokens_are_about_counted(tokens, count):
    assert count_visible(tokens.split()) == count
