"""Symbols of typeset formulas, made here without TeX."""

from __future__ import annotations

import numpy as np
import pytest

from im2latex_fairseq.images.coloured_tokens import TypesetFormula
from im2latex_fairseq.images.dvi_pages import Ink
from im2latex_fairseq.metrics.symbol_boxes import NO_SYMBOLS, glyph_symbols, token_symbols

PT = 65536


def glyph(code="x", x=0.0, y=0.0, font="cmmi12", size=12 * PT):
    return Ink(font, size, ord(code), round(x * PT), round(y * PT), 6 * PT, 5 * PT, 1 * PT, "")


def rule(x=0.0, y=0.0, width=10.0, height=0.4):
    return Ink("", 0, -1, round(x * PT), round(y * PT), round(width * PT), round(height * PT), 0, "")


def formula(*inks, colours):
    return TypesetFormula(inks, tuple(colours))


def test_boxes_are_in_points_from_the_corner_of_the_whole():
    drawn = formula(glyph(x=100, y=50), glyph(x=107, y=46), colours=[0, 3])
    symbols = token_symbols(drawn, ["x", "^", "{", "x", "}"])
    # 5 high and 1 deep; the script is 4 higher.
    np.testing.assert_allclose(symbols.boxes, [[0, 4, 6, 10], [7, 0, 13, 6]])
    assert symbols.tokens == (0, 3) and len(symbols) == 2


def test_a_token_is_one_symbol_however_many_glyphs_it_has():
    dots = [glyph(".", x) for x in (0, 8, 16)]
    symbols = token_symbols(formula(*dots, colours=[0, 0, 0]), [r"\cdots"])
    assert len(symbols) == 1 and symbols.boxes.tolist() == [[0, 0, 22, 6]]


def test_symbols_come_in_the_order_of_tokens():
    """TeX writes a numerator before the line below it."""
    drawn = formula(glyph("a"), rule(y=2), glyph("b", y=9), colours=[2, 0, 5])
    symbols = token_symbols(drawn, r"\frac { a } { b }".split())
    assert symbols.tokens == (0, 2, 5) and symbols.elastic == ("fraction", "", "")


@pytest.mark.parametrize(
    "one, other, same",
    [
        ([glyph(x=1)], [glyph(x=9, y=4)], True),  # wherever they stand
        ([glyph("x")], [glyph("y")], False),
        ([glyph(font="cmmi12")], [glyph(font="cmbx12")], False),  # bold
        ([glyph()], [glyph(size=8 * PT)], False),
        ([glyph("a"), glyph("b", 7)], [glyph("a", 20), glyph("b", 27)], True),
        ([glyph("a"), glyph("b", 7)], [glyph("a"), glyph("b", 8)], False),  # of other parts' distance
        ([glyph("a"), glyph("b", 7)], [glyph("a")], False),
        ([rule(width=10)], [rule(width=11)], False),
    ],
)
def test_two_look_the_same_if_they_are_made_of_the_same_glyphs(one, other, same):
    first = token_symbols(formula(*one, colours=[0] * len(one)), [r"\rule"])
    second = token_symbols(formula(*other, colours=[0] * len(other)), [r"\rule"])
    assert (first.looks == second.looks) is same


def test_rules_that_no_token_draws_are_symbols_of_their_own():
    """The line between two columns comes behind whatever was coloured last."""
    drawn = formula(glyph("a"), rule(x=8, width=0.4, height=14), glyph("b", 12), rule(), colours=[0, 0, 2, 3])
    symbols = token_symbols(drawn, ["a", "&", "b", r"\hline"])
    assert symbols.tokens == (0, 2, 3, -1)
    assert symbols.elastic == ("", "", "horizontal rule", "vertical rule")


def test_ink_before_any_colour_is_kept():
    symbols = token_symbols(formula(glyph("a"), glyph("b", 9), colours=[None, 0]), ["b"])
    assert symbols.tokens == (0, -1)


@pytest.mark.parametrize(
    "one, other",
    [
        (r"\left(", "("),
        (r"\left(", r"\middle("),
        (r"\left\lbrace", r"\right\{"),
        (r"\left|", r"\right\vert"),
        (r"\frac", r"\dfrac"),
        (r"\overline", r"\hline"),
    ],
)
def test_elastic_symbols_have_a_kind(one, other):
    first, second = (token_symbols(formula(glyph(), colours=[0]), [token]) for token in (one, other))
    assert first.elastic == second.elastic or other == "("
    assert first.elastic != ("",)


def test_a_stand_in_looks_like_its_character():
    first, second = (token_symbols(formula(rule(), colours=[0]), [token]) for token in ("中", "文"))
    assert first.looks == ("中",) and second.looks == ("文",) and first.tokens == (0,)


def test_glyphs_alone():
    symbols = glyph_symbols(TypesetFormula((glyph("a"), rule(), glyph("b", 9)), None, "why: not"))
    assert symbols.tokens == (-1, -1, -1) and symbols.elastic == ("", "horizontal rule", "")


def test_blank_paper_has_no_symbols():
    assert len(glyph_symbols(TypesetFormula())) == len(token_symbols(formula(colours=[]), [])) == 0
    assert len(NO_SYMBOLS) == 0 and NO_SYMBOLS.boxes.shape == (0, 4)
