from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from im2latex_fairseq.decoding.latex_grammar import LatexGrammarFilter
from tests.decoding.latex_grammar.grammar_walks import (
    BOS,
    EOS,
    PAD,
    SPECIAL,
    SYMBOLS,
    UNK,
    ids_of,
    make_filter,
    refused_at,
)


@pytest.fixture(scope="module")
def grammar() -> LatexGrammarFilter:
    return make_filter()


@pytest.mark.parametrize(
    "formula",
    [
        "x",
        "x _ { 1 } ^ { 2 }",
        "x ^ { 2 } _ { 1 }",
        "^ { 2 } x",  # on an empty atom
        "x ^ { 2 } \\, ^ { 3 }",  # a space ends the atom
        "x _ { 1 } '",
        "{ \\bar { x } ^ { 2 } } _ { 1 }",
        "{ \\bar { x } ^ { 2 } + 1 } ^ { 2 }",
        "{ \\, \\bar { x } ^ { 2 } } ^ { 2 }",
        "{ x ^ { 2 } } ^ { 2 }",
        "\\frac { 1 } { \\bar { x } ^ { 2 } } ^ { 2 }",
        "x ' _ { 1 }",
        "\\frac { 1 } { 2 }",
        "\\frac 1 2",  # symbols that TeX takes without braces
        "\\sqrt [ 3 ] { x }",
        "\\sqrt { [ x ] }",
        "\\sqrt [ { [ n ] } ] { x }",  # braces hide the bracket
        "\\xrightarrow [ a ] { b }",
        "\\left( x \\right]",  # TeX pairs any two
        "\\left. \\frac { a } { b } \\right| _ { 0 }",
        "\\left\\{ \\begin{array} { c | c } { a } & { b } \\\\ \\hline { c } & { d } \\\\ \\end{array} \\right.",
        "\\begin{array} [ t ] { @ { \\, } l @ { ~ = ~ } r } { a } & { b } \\\\ \\end{array}",
        "\\begin{array} { c c } { a } \\\\ \\end{array}",  # a short row
        "\\begin{matrix} { a } & { b } \\\\ { c } & { d } \\\\ \\end{matrix}",
        "\\begin{cases} { a } & { b } \\\\ \\end{cases}",
        "\\begin{aligned} a & = b \\\\ c & = d \\end{aligned}",
        "\\sum _ { \\substack { i = 1 \\\\ j = 2 } }",
        "\\mathrm { f o r ~ a l l }",
        "\\textrm { f o r ~ a l l $ x ^ { 2 } $ }",
        "{ \\cal L } _ { \\mathrm { e f f } }",
        "\\sum \\limits _ { i }",
        "\\mathop { a } \\limits ^ { b }",
        "\\operatorname* { l i m } _ { x }",
        "\\hspace { - 0 . 5 c m } x",
        "\\hspace { 0 , 3 c m } x",
        "\\hspace { 1 . 5 t r u e c m } x",
        "\\raisebox { 1 e x } [ 2 p t ] { a }",
        "\\makebox [ 1 c m ] [ l ] { a }",
        "x \\raise 0 . 1 7 e x \\llap { / }",
        "\\not = \\not \\in \\not { D }",
        "{ n \\atop k }",
        "\\Big ( x \\Big )",
        "\\ref { e q : k a p p a _ { d e f } } x",
        "\\mathscr { L } \\mathbb { R } \\mathfrak { g }",
        "\\c C \\d x",
        "\\boldsymbol { { \\bf x } \\bar { y } _ { 1 } }",
    ],
)
def test_what_tex_takes_passes(grammar: LatexGrammarFilter, formula: str) -> None:
    assert refused_at(formula, grammar) is None


@pytest.mark.parametrize(
    "formula, token",
    [
        ("", ""),  # nothing
        ("{ }", ""),  # nothing to draw
        ("\\quad ~", ""),
        ("\\phantom { x }", ""),
        ("{ x", ""),  # left open
        ("x }", "}"),
        ("\\left( x", ""),
        ("\\left( { x \\right)", "\\right)"),  # across a brace
        ("\\right)", "\\right)"),
        ("x ^ { 1 } ^ { 2 }", "^"),  # twice
        ("x _ { 1 } ^ { 2 } _ { 3 }", "_"),
        ("x ^ { 2 } '", "'"),  # a prime is a superscript
        ("x ' '", "'"),  # the parser joins these; LaTeX doesn't, behind a blank
        ("x ' ^ { 2 }", "^"),
        ("x ' _ { 1 } ^ { 2 }", "^"),
        ("x ^ { 2 } \\bf ^ { 3 }", "^"),  # a switch is no atom
        ("{ \\bar { x } ^ { 2 } } ^", "^"),  # TeX takes a lone accent out of its group
        ("{ \\bf { \\mathrm { \\bar { x } _ { 2 } } } } _", "_"),
        ("5 \\mod { x ^ { 2 } } ^", "^"),  # has no braces in TeX
        ("x ^ }", "}"),
        ("x ^ ^", "^"),
        ("x ^ \\frac", "\\frac"),  # TeX takes the command alone
        ("\\frac { 1 } =", "="),  # the second argument is missing
        ("\\frac { 1 }", ""),
        ("\\frac { a \\atop b }", "\\atop"),  # amsmath's \frac has no braces of its own around it
        ("{ a \\atop b \\atop", "\\atop"),
        ("\\sqrt [ \\left[ x \\right]", "\\right]"),  # the option would end there
        ("\\sqrt [ \\sqrt [", "["),
        ("\\sqrt [ \\begin{array} [", "["),
        ("x &", "&"),
        ("x \\\\", "\\\\"),
        ("\\begin{array} { c c } a & b & c", "&"),  # a tab too many
        ("\\begin{cases} a & b &", "&"),
        ("\\begin{matrix}" + " a &" * 10, "&"),  # amsmath's limit
        ("\\begin{array} { }", "}"),  # no column
        ("\\begin{array} {" + " c" * 21, "c"),  # columns without end
        ("\\begin{array} { c } x \\end{matrix}", "\\end{matrix}"),
        ("\\begin{array} { c } { x & ", "&"),  # inside braces
        ("\\begin{array} { c } { x \\\\", "\\\\"),
        ("\\begin{array} { c } x \\hline", "\\hline"),  # not at the begin of a row
        ("\\begin{array} { c } x \\\\ [", "["),  # would be the gap between rows
        ("\\begin{aligned} [ x", "x"),  # would be the position
        ("\\textrm { x ^", "^"),  # text
        ("\\textrm { \\alpha", "\\alpha"),
        ("\\textrm { \\frac", "\\frac"),
        ("\\textrm { $ a \\atop", "\\atop"),
        ("\\textrm x", "x"),  # text needs braces
        ("x $", "$"),
        ("x \\limits", "\\limits"),
        ("\\sum \\limits \\limits", "\\limits"),
        ("\\sum _ { i } \\limits", "\\limits"),
        ("\\hspace { c", "c"),  # no number
        ("\\hspace { 1 }", "}"),  # no unit
        ("\\hspace { 1 x", "x"),
        ("\\hspace { 1 2 3", "3"),  # too large
        ("\\hspace { 1 2 c", "c"),
        ("\\raise 2 p t \\mathrm", "\\mathrm"),  # no box
        ("\\not }", "}"),
        ("{ \\not }", "}"),
        ("x \\not", ""),
        ("\\Big x", "x"),
        ("\\ref { }", "}"),
        ("\\mathscr { l", "l"),  # a font of capitals
        ("\\mathbb { b", "b"),
        ("\\mathfrak { \\Omega", "\\Omega"),
        ("\\boldsymbol { \\bf", "\\bf"),  # the package bm takes the argument apart
        ("\\boldsymbol { x \\bar x", "x"),
        ("\\boldsymbol { x \\bar { \\bf", "\\bf"),
        ("\\boldsymbol { \\boldsymbol", "\\boldsymbol"),
        ("\\begin{matrix} \\begin{array} [", "["),  # amsmath looks for the bracket right there
        ("\\begin{matrix} \\makebox [ 1 c m ] [", "["),
        ("\\phantom { \\phantom { \\phantom { \\phantom", "\\phantom"),  # TeX would set it 256 times
        ("{ \\sc \\mathrm { \\mathbb", "\\mathbb"),  # the font would go on behind its argument
        ("\\operatorname *", "*"),  # would be \\operatorname*
        ("\\Big .", ""),  # no ink
        ("\\c e", "e"),  # TeX's accent of text
        ("\\hline", "\\hline"),
    ],
)
def test_what_tex_or_the_parser_refuses_does_not(
    grammar: LatexGrammarFilter, formula: str, token: str
) -> None:
    assert refused_at(formula, grammar) == token


def test_special_symbols_are_never_allowed(grammar: LatexGrammarFilter) -> None:
    state = grammar.begin(1, 100)
    for token in ids_of("x _ { \\frac { 1 } { 2 } }"):
        allowed = grammar.allowed_array(state, 0, 100)[0]
        assert not allowed[[BOS, PAD, UNK]].any()
        state = grammar.advance(state, np.array([token]))
    assert grammar.allowed_array(state, 0, 100)[0, EOS]


def test_rows_are_independent(grammar: LatexGrammarFilter) -> None:
    states = grammar.advance(grammar.begin(3, 9), np.array(ids_of("{ x \\frac")))
    allowed = grammar.allowed(states, 1, 9)
    assert allowed.shape == (3, len(SPECIAL) + len(SYMBOLS))
    closing, end = ids_of("}")[0], EOS
    assert allowed[:, closing].tolist() == [True, False, False]
    assert allowed[:, end].tolist() == [False, True, False]
    reordered = grammar.allowed(states[[2, 0, 0]], 1, 9)
    assert reordered.tolist() == allowed[[2, 0, 0]].tolist()


@pytest.mark.parametrize(
    "formula, max_len, allowed, refused",
    [
        ("", 1, "x", "{ \\frac ~"),  # one token, which must draw something
        ("", 2, "x ~ \\bar", "{ \\frac"),
        ("", 3, "x { \\frac \\phantom", "\\hspace"),
        ("{", 2, "", "x }"),  # nothing would be drawn
        ("x ^", 4, "2 {", ""),
        ("x ^", 3, "2", "{"),
        ("\\begin{array}", 6, "{", "["),
        ("\\begin{array} { c", 6, "}", "c"),
        ("x", 1, "", "x {"),  # only the end is left
    ],
)
def test_what_cannot_be_closed_in_time_is_not_begun(
    grammar: LatexGrammarFilter, formula: str, max_len: int, allowed: str, refused: str
) -> None:
    state = grammar.begin(1, max_len)
    ids = ids_of(formula)
    for token in ids:
        state = grammar.advance(state, np.array([token]))
    mask = grammar.allowed_array(state, len(ids), max_len)[0]
    assert all(mask[ids_of(allowed)])
    assert not any(mask[ids_of(refused)])


def test_at_the_limit_only_the_end_is_left(grammar: LatexGrammarFilter) -> None:
    state = grammar.advance(grammar.begin(1, 1), np.array(ids_of("x")))
    assert np.flatnonzero(grammar.allowed_array(state, 1, 1)[0]).tolist() == [EOS]


def test_a_length_below_one_is_refused(grammar: LatexGrammarFilter) -> None:
    with pytest.raises(ValueError, match="max_len is 0"):
        grammar.begin(1, 0)


def test_a_token_that_cannot_follow_is_an_error(grammar: LatexGrammarFilter) -> None:
    with pytest.raises(ValueError, match="can't follow"):
        grammar.advance(grammar.begin(1, 9), np.array(ids_of("}")))


@pytest.mark.parametrize(
    "symbols, message",
    [
        (["x", "{"], "no '}'"),
        (["x", "}"], "no '{'"),
        (["x", "y"], "no '{' and no '}'"),
        (["{", "}", "~"], "no symbol that can be drawn"),
    ],
)
def test_a_dictionary_that_lacks_the_needful_says_what(symbols: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_filter(symbols)


def test_special_symbols_are_of_the_dictionary() -> None:
    with pytest.raises(ValueError, match="special symbol 7: the dictionary has 3 symbols"):
        LatexGrammarFilter(["{", "}", "x"], eos=7, pad=0, unk=0)


@pytest.mark.parametrize(
    "symbols, refused",
    [
        ("\\begin{matrix} &", "\\begin{matrix}"),  # no \end{matrix}
        ("\\left( \\left[", "\\left( \\left["),  # no \right
        ("\\hspace 1 t", "\\hspace"),  # no unit
        ("\\big \\Big", "\\big \\Big"),  # no delimiter
        ("\\begin{array} \\end{array} |", "\\begin{array}"),  # no column
        ("\\raise 1 p t", "\\raise"),  # no box
    ],
)
def test_what_the_dictionary_cannot_complete_is_never_allowed(symbols: str, refused: str) -> None:
    grammar = make_filter(["{", "}", "x", *symbols.split()])
    assert set(grammar.refused) == set(refused.split())
    assert set(grammar.refused.values()) == {"the dictionary lacks what completes it"}


@pytest.mark.parametrize(
    "symbol",
    [
        "%",
        "#",
        "\\label",
        "\\nonumber",
        "\\def",
        "\\newcommand",
        "\\input",
        "\\begin{align*}",
        "\\begin{tabular}",
        "\\[",
        "\\matrix",
        "\\multicolumn",
        "é",
        "madeupword0000",
        "\\left\\frac",
    ],
)
def test_what_is_no_part_of_a_formula_is_never_allowed(symbol: str) -> None:
    grammar = make_filter(["{", "}", "x", symbol])
    assert set(grammar.refused) == {symbol}


def test_an_unknown_command_is_a_symbol() -> None:
    symbols = ["{", "}", "\\authorsmacro"]
    assert refused_at("\\authorsmacro { \\authorsmacro }", make_filter(symbols), symbols) is None


def test_delimiters_may_be_tokens_of_their_own() -> None:
    symbols = ["{", "}", "x", "(", ")", "\\left", "\\right"]
    grammar = make_filter(symbols)
    assert refused_at("\\left ( x \\right )", grammar, symbols) is None
    assert refused_at("\\left x", grammar, symbols) == "x"


def test_many_states_are_forgotten_at_the_next_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = make_filter()
    monkeypatch.setattr("im2latex_fairseq.decoding.latex_grammar.latex_grammar_filter._MOST_STACKS", 30)
    for _ in range(3):
        state = grammar.begin(1, 100)
        for token in ids_of("\\left( { { { { \\frac { 1 } { \\sqrt [ 3 ] { x } } } } } } \\right)"):
            assert grammar.allowed_array(state, 0, 100)[0, token]
            state = grammar.advance(state, np.array([token]))
        assert grammar.allowed_array(state, 0, 100)[0, EOS]


def test_it_works_without_torch() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from im2latex_fairseq.decoding.latex_grammar import LatexGrammarFilter\n"
        "grammar = LatexGrammarFilter(['</s>', '<unk>', '{', '}', 'x'], eos=0, pad=1, unk=1)\n"
        "print(grammar.allowed_array(grammar.begin(1, 3), 0, 3)[0].tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[False, False, True, False, True]"
