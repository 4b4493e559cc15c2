from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.tokenizer import Token, detokenize, tokenize, tokenize_with_positions


@pytest.mark.parametrize(
    "formula, tokens",
    [
        ("", ""),
        ("  \t\n", ""),
        (r"x^2_{ij}", "x ^ 2 _ { i j }"),
        (r"\alpha x\beta1", r"\alpha x \beta 1"),
        (r"\{\,\|\;\_\%", r"\{ \, \| \; \_ \%"),
        # fences carry their delimiter, however they are spaced
        (r"\left ( a \right\}", r"\left( a \right\}"),
        (r"\left\langle a\middle|b\right .", r"\left\langle a \middle| b \right."),
        (r"\left\lvert x\right\rVert", r"\left\lvert x \right\rVert"),
        (r"\leftarrow\rightarrow(", r"\leftarrow \rightarrow ("),
        (r"\bigl( \Big\{", r"\bigl ( \Big \{"),
        # environments carry their name
        (r"\begin{array}{cc}a&b\\\end {array}", r"\begin{array} { c c } a & b \\ \end{array}"),
        (r"\begin { align* } x \end{ align*}", r"\begin{align*} x \end{align*}"),
        # stars belong to some commands only
        (
            r"\operatorname*{lim}\hspace*{1cm}a*b\alpha*",
            r"\operatorname* { l i m } \hspace* { 1 c m } a * b \alpha *",
        ),
        (r"\operatorname *{x}\hspace * { 1 c m }", r"\operatorname* { x } \hspace* { 1 c m }"),
        # comments
        ("a%b\nc", "a c"),
        (r"50\%x", r"5 0 \% x"),
        ("a\\\\%b", r"a \\"),
        # text keeps its blanks
        (r"\mbox{for all $x y$ in}", r"\mbox { f o r ~ a l l ~ $ x y $ ~ i n }"),
        (r"\text{a  b}\,c d", r"\text { a ~ b } \, c d"),
        (r"\mbox{\small x {a b}}", r"\mbox { \small x ~ { a ~ b } }"),
        (r"\raisebox{1 pt}{a b}", r"\raisebox { 1 p t } { a ~ b }"),
        (r"\makebox[2 cm][l]{a b}", r"\makebox [ 2 c m ] [ l ] { a ~ b }"),
        (r"\hbox to 2cm{a b}", r"\hbox t o 2 c m { a ~ b }"),
        (r"\mbox a b", r"\mbox a b"),
        # unless it is written as tokens
        (r"\textrm { f o r ~ a l l }", r"\textrm { f o r ~ a l l }"),
        (r"\mbox { a $ x $ }", r"\mbox { a $ x $ }"),
        (r"\text {a b}", r"\text { a ~ b }"),
        # no-break spaces are what TeX calls ~
        ("a\u00a0b", "a ~ b"),
    ],
)
def test_tokens(formula, tokens):
    assert tokenize(formula) == tokens.split(" " if tokens else None)
    assert [token.text for token in tokenize_with_positions(formula)] == tokenize(formula)


def test_the_control_space_is_a_lone_backslash():
    assert tokenize("\\ a\\  b\\") == ["\\", "a", "\\", "b", "\\"]
    assert detokenize(["\\", "\\", "a", "\\"]) == "\\ \\ a\\ "
    assert tokenize("\\ \\ a\\ ") == ["\\", "\\", "a", "\\"]


def test_positions_are_those_of_the_text():
    assert tokenize_with_positions("a \\left ( \\mbox{b c}") == [
        Token("a", 0, 1),
        Token("\\left(", 2, 9),
        Token("\\mbox", 10, 15),
        Token("{", 15, 16),
        Token("b", 16, 17),
        Token("~", 17, 18),
        Token("c", 18, 19),
        Token("}", 19, 20),
    ]


@pytest.mark.parametrize(
    "tokens, text",
    [
        (r"\alpha x", r"\alpha x"),
        (r"\alpha 1 \beta \gamma", r"\alpha1\beta\gamma"),
        (r"\mbox { f o r ~ a l l }", r"\mbox{for~all}"),
        (r"\operatorname* { x }", r"\operatorname*{x}"),
        (r"\frac { 1 } { \sqrt x }", r"\frac{1}{\sqrt x}"),
    ],
)
def test_detokenize_writes_the_fewest_blanks(tokens, text):
    assert detokenize(tokens.split()) == text


@pytest.mark.parametrize(
    "formula, reason, position",
    [
        ("a\x00b", "control_character", 1),
        ("ab\x1b", "control_character", 2),
        ("a\x9fb", "control_character", 1),  # Windows-1252 read as ISO-8859-1
        ("x\ud800", "lone_surrogate", 1),
        (r"x \begin y", "bad_environment_name", 2),
        (r"\end{a b}", "bad_environment_name", 0),
        (r"\mbox{a}\begin{1}", "bad_environment_name", 8),
    ],
)
def test_what_no_formula_holds_is_refused(formula, reason, position):
    with pytest.raises(LatexError) as caught:
        tokenize(formula)
    assert (caught.value.reason, caught.value.position) == (reason, position)


FRAGMENTS = st.sampled_from(
    r"""\alpha \mbox \text \raisebox \makebox \hbox \left \right \middle \leftarrow \begin{array} \end{array}
    \begin{align*} \operatorname \hspace \tag \\ \{ \} \| \, \% \langle { } [ ] ( ) ^ _ & $ ~ * . 1 a bc to cm é
    ∑ - -- ' " # @ / | < > =""".split()
    + [" ", "  ", "\t", "\n", "\\ ", "\\", "\u2028", "\u00a0", "%x\n"]
)


def test_a_no_break_space_after_a_backslash_is_a_control_space():
    """Not the accent \\~, which takes an argument."""
    assert tokenize("a\\\xa0b") == tokenize("a\\ b") == ["a", "\\", "b"]
    assert tokenize("a\\\\\xa0b") == ["a", "\\\\", "~", "b"]
    assert tokenize("a\xa0b") == ["a", "~", "b"]


@settings(max_examples=200, deadline=None)
@given(st.lists(FRAGMENTS, max_size=30).map("".join))
def test_round_trip(formula):
    tokens = tokenize_or_nothing(formula)
    assert tokenize(detokenize(tokens)) == tokens
    assert " ".join(tokens).split() == tokens


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAGMENTS, max_size=30).map("".join))
@example("\\left%x\n\\{")  # a comment inside a token
@example("\\\xa0")
def test_positions_grow_and_lie_in_the_text(formula):
    tokenize_or_nothing(formula)
    end = 0
    try:
        tokens = tokenize_with_positions(formula)
    except LatexError:
        return
    for token in tokens:
        assert end <= token.start < token.end <= len(formula)
        end = token.end
        written = re.sub(r"(?<!\\)%[^\n]*", "", formula[token.start : token.end])
        written = "".join(written.split())
        assert token.text in (written, "~")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(formula):
    tokens = tokenize_or_nothing(formula)
    assert tokenize(detokenize(tokens)) == tokens


def tokenize_or_nothing(formula: str) -> list[str]:
    try:
        return tokenize(formula)
    except LatexError:
        return []


@pytest.mark.parametrize(
    "formula",
    [
        "{" * 100_000,
        "x^2+" * 20_000,
        "\\mbox{a b}" * 2_000,
        "\\mbox { " * 2_000,
        "\\" * 50_001,
        "\\mbox[" * 2_000,
    ],
)
def test_long_lines_take_linear_time(formula):
    tokens = tokenize(formula)
    assert tokenize(detokenize(tokens)) == tokens
