"""Which symbols stand in both: assignment, place and order, on symbols made by hand and on drawn formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.images.coloured_tokens import TypesetFormula
from im2latex_fairseq.images.dvi_pages import Ink
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.metrics.symbol_boxes import NO_SYMBOLS, Symbols
from im2latex_fairseq.metrics.symbol_counts import SymbolCounts
from im2latex_fairseq.metrics.symbol_match import (
    DrawnFormula,
    assign,
    compare_drawn,
    draw_formulas,
    match_symbols,
)

EM = 12.0


def symbols(*placed: tuple, elastic: str = "") -> Symbols:
    """From (look, x, y) in em, or (look, x, y, width, height); letters are half an em wide and high."""
    boxes = [
        (x * EM, y * EM, (x + (size[0] if size else 0.5)) * EM, (y + (size[1] if size else 0.5)) * EM)
        for _, x, y, *size in placed
    ]
    return Symbols(
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        tuple(look for look, *_ in placed),
        tuple("bar" if look in elastic else "" for look, *_ in placed),
        tuple(range(len(placed))),
    )


def line(letters: str, start: float = 0.0, height: float = 0.0) -> list[tuple[str, float, float]]:
    """Letters of half an em side by side."""
    return [(letter, start + 0.5 * index, height) for index, letter in enumerate(letters)]


def matched_looks(hypothesis: Symbols, reference: Symbols) -> str:
    pairs = match_symbols(hypothesis, reference)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
    return "".join(sorted(str(reference.looks[b]) for _, b in pairs))


def test_a_formula_matches_itself():
    one = symbols(*line("aabbab"), ("2", 3.2, -0.4))
    assert match_symbols(one, one) == [(index, index) for index in range(7)]


@pytest.mark.parametrize("other", [symbols(*line("ab")), NO_SYMBOLS])
def test_nothing_matches_nothing(other):
    assert match_symbols(other, NO_SYMBOLS) == [] and match_symbols(NO_SYMBOLS, other) == []


@pytest.mark.parametrize(
    "hypothesis, reference, matched",
    [
        ("abcd", "abcd", "abcd"),
        ("abcd", "abxd", "abd"),  # one wrong
        ("abd", "abcd", "abd"),  # one missing: the rest stands further left
        ("abccd", "abcd", "abcd"),  # one too many
        ("ba", "ab", "a"),  # the order counts: one of two
        ("bacd", "abcd", "acd"),
        ("xyz", "abc", ""),
        ("aaaa", "aa", "aa"),  # each of the reference's once
    ],
)
def test_lines_of_letters(hypothesis, reference, matched):
    found = matched_looks(symbols(*line(hypothesis)), symbols(*line(reference)))
    assert len(found) == len(matched)
    if hypothesis not in ("ba", "bacd"):  # which of two swapped ones stays is of no account
        assert found == matched


@pytest.mark.parametrize(
    "up, matched",
    [
        (0.1, "x2"),  # scripts of x_i^2 and of x_i differ so little
        (0.5, 1),  # x^2 and x_2
    ],
)
def test_heights_count(up, matched):
    found = matched_looks(symbols(("x", 0, 1), ("2", 0.5, 1)), symbols(("x", 0, 1), ("2", 0.5, 1 - up)))
    assert len(found) == (matched if isinstance(matched, int) else len(matched))


@pytest.mark.parametrize("gap, matched", [(0.3, 4), (2.0, 4), (4.5, 2)])
def test_spaces_dont_count_up_to_two_em(gap, matched):
    wide = symbols(*line("ab"), *line("cd", 1 + gap))
    assert len(match_symbols(wide, symbols(*line("abcd")))) == matched


def test_long_scripts_in_the_wrong_place_are_no_group_of_their_own():
    """Only symbols without a match can have moved others; here all have one."""
    right = symbols(*line("vxyz", 0, 1), *line("abc", 2, 0.6))
    wrong = symbols(*line("vxyz", 0, 1), *line("abc", 2, 1.4))
    assert matched_looks(wrong, right) == "vxyz"


def test_a_missing_row_moves_those_below_it():
    right = symbols(*line("abc", 0, 0), *line("xyz", 0, 1.5), *line("uvw", 0, 3))
    wrong = symbols(*line("abc", 0, 0), *line("uvw", 0, 1.5))
    assert matched_looks(wrong, right) == "abcuvw"


def test_swapped_cells_of_a_diagonal_dont_match():
    """Their order on a line says nothing, as they share none; their distance does."""
    right = symbols(("a", 0, 0), ("b", 1.4, 1.5))
    wrong = symbols(("a", 1.4, 0), ("b", 0, 1.5))
    assert len(match_symbols(wrong, right)) == 1


def test_what_is_missing_may_have_pushed_the_rest():
    """Four em of letters are missing; the end has moved by as much, and is too short to be a group."""
    right = symbols(*line("abcd"), *line("pqrstuvw", 2), *line("xy", 6))
    wrong = symbols(*line("abcd"), *line("xy", 2))
    assert matched_looks(wrong, right) == "abcdxy"


def test_elastic_symbols_match_in_any_size():
    right = symbols(("a", 0, 0), ("-", 0, 0.6, 2.0, 0.05), elastic="-")
    wrong = symbols(("a", 0, 0), ("=", 0, 0.6, 0.5, 0.05), elastic="=")
    assert len(match_symbols(wrong, right)) == 2
    rigid = symbols(("a", 0, 0), ("=", 0, 0.6, 0.5, 0.05))
    assert len(match_symbols(rigid, right)) == 1


def test_assignment_is_the_cheapest():
    """Against all assignments of a small case."""
    generator = np.random.default_rng(1)
    for _ in range(20):
        hypothesis, reference = (
            np.sort(generator.uniform(0, 40, (count, 2, 2)), axis=1).reshape(count, 4) for count in (4, 5)
        )
        same = generator.random((4, 5)) < 0.4
        place = np.abs(
            (hypothesis / np.tile(hypothesis[:, 2:].max(axis=0), 2))[:, None]
            - (reference / np.tile(reference[:, 2:].max(axis=0), 2))[None]
        ).mean(axis=2)
        in_sequence = same & (generator.random((4, 5)) < 0.5)
        cost = ~same + 0.05 * place + 0.15 * ~in_sequence
        best = min(cost[range(4), columns].sum() for columns in itertools.permutations(range(5), 4))
        assert cost[assign(same, in_sequence, hypothesis, reference)].sum() == pytest.approx(best)


PLACED = st.lists(
    st.tuples(st.sampled_from("abc"), st.floats(0, 20), st.floats(0, 3)), min_size=0, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(PLACED, PLACED)
def test_counts_are_sound_whatever_is_compared(first, second):
    one, other = symbols(*first), symbols(*second)
    pairs = match_symbols(one, other)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs) <= min(len(one), len(other))
    assert all(one.looks[a] == other.looks[b] for a, b in pairs)
    assert len(match_symbols(one, one)) == len(one)


# Bases of comparison


def drawn(tokens: str, *, uncoloured: str = "", error: str = "", stand_ins: int = 0) -> DrawnFormula:
    """Each token a glyph, side by side."""
    parts = tuple(tokens.split())
    inks = tuple(
        Ink("cmmi12", 12, ord(token[0]), 400_000 * place, 0, 390_000, 300_000, 0, "")
        for place, token in enumerate(parts)
    )
    if error:
        return DrawnFormula(parts, TypesetFormula(error=error), stand_ins)
    colours = None if uncoloured else tuple(range(len(parts)))
    return DrawnFormula(parts, TypesetFormula(inks, colours, uncoloured), stand_ins)


BLANK = DrawnFormula((), None)
NO_COLOURS = "other_ink: 2 for 3"
UNDEFINED = r"undefined_control_sequence: \foo"


@pytest.mark.parametrize(
    "hypothesis, reference, expected",
    [
        (drawn("a b"), drawn("a b"), SymbolCounts(2, 2, 2)),
        (drawn("a c"), drawn("a b"), SymbolCounts(1, 2, 2)),
        (BLANK, drawn("a b"), SymbolCounts(0, 0, 2)),
        (drawn("a b"), BLANK, SymbolCounts(0, 2, 0)),
        (BLANK, BLANK, SymbolCounts(0, 0, 0)),
        # Without colours each glyph counts, on both sides.
        (
            drawn("a b", uncoloured=NO_COLOURS),
            drawn("a b"),
            SymbolCounts(2, 2, 2, "glyphs", f"hypothesis_not_coloured/{NO_COLOURS}"),
        ),
        (
            drawn("a"),
            drawn("a b", uncoloured=NO_COLOURS),
            SymbolCounts(1, 1, 2, "glyphs", f"reference_not_coloured/{NO_COLOURS}"),
        ),
        # What can't be drawn matches nothing, and its tokens count.
        (
            drawn(r"\foo a b", error=UNDEFINED),
            drawn("a b"),
            SymbolCounts(0, 3, 2, "text", f"hypothesis_not_drawn/{UNDEFINED}"),
        ),
        (
            drawn("a b"),
            drawn(r"\foo a { b }", error=UNDEFINED),
            SymbolCounts(0, 2, 3, "text", f"reference_not_drawn/{UNDEFINED}"),
        ),
        (
            BLANK,
            drawn(r"\foo", error=UNDEFINED),
            SymbolCounts(0, 0, 1, "text", f"reference_not_drawn/{UNDEFINED}"),
        ),
        # But a formula is itself.
        (
            drawn(r"\foo a", error=UNDEFINED),
            drawn(r"\foo a", error=UNDEFINED),
            SymbolCounts(2, 2, 2, "text", f"hypothesis_not_drawn/{UNDEFINED}"),
        ),
        (drawn("a", stand_ins=1), drawn("a", stand_ins=2), SymbolCounts(1, 1, 1, stand_ins=3)),
    ],
)
def test_the_best_basis_there_is_counts(hypothesis, reference, expected):
    assert compare_drawn(hypothesis, reference) == expected


@pytest.mark.parametrize(
    "counts, recall, precision, f1, perfect",
    [
        (SymbolCounts(3, 3, 3), 1, 1, 1, True),
        (SymbolCounts(2, 2, 4), 0.5, 1, 2 / 3, False),
        (SymbolCounts(2, 4, 2), 1, 0.5, 2 / 3, False),
        (SymbolCounts(0, 3, 3), 0, 0, 0, False),
        (SymbolCounts(0, 0, 3), 0, 0, 0, False),  # a blank hypothesis: nothing of it is right
        (SymbolCounts(0, 3, 0), 0, 0, 0, False),
        (SymbolCounts(0, 0, 0), 1, 1, 1, True),  # two blank ones agree
    ],
)
def test_figures(counts, recall, precision, f1, perfect):
    assert (counts.recall, counts.precision, counts.is_perfect) == (recall, precision, perfect)
    assert counts.f1 == pytest.approx(f1)


# Drawn by TeX


def tokens(formula: str) -> list[str]:
    return normalize(formula) if formula else []


# (hypothesis, reference, matched, symbols of the hypothesis, symbols of the reference)
CASES = [
    ("x^2", "x^2", 2, 2, 2),
    ("x^2", "x_2", 1, 2, 2),
    ("x2", "x^2", 1, 2, 2),  # another size
    ("ba", "ab", 1, 2, 2),
    ("a+b=c", "a b=c", 4, 5, 4),
    (r"a \leq b", r"a \le b", 3, 3, 3),  # other names, the same look
    (r"{a \over b}", r"\frac{a}{b}", 3, 3, 3),
    (r"\sin x", r"\operatorname{sin} x", 4, 4, 4),
    (r"\mathbf{x}+y", "x+y", 2, 3, 3),
    (r"a \, b \quad c", "abc", 3, 3, 3),  # spaces aren't judged
    (r"\frac{ab}{c}", r"a\frac{b}{c}", 3, 4, 4),
    (r"\frac{a+b}{c}", r"\frac{b}{c}", 3, 5, 3),  # the line has another length
    (r"\left(\frac{a}{b}\right)", r"(\frac{a}{b})", 3, 5, 5),  # parentheses of another size
    (r"\left( x \right)", "( x )", 3, 3, 3),  # of the same size
    (r"\sqrt[3]{x+1}", r"\sqrt{x+1}", 4, 5, 4),
    (r"\sqrt{a+b+c+d}", r"\sqrt{a+b}", 4, 8, 4),  # the root reaches less far
    (r"\overbrace{a+b}^{n}", r"\overbrace{a+b}^{m}", 4, 5, 5),
    (r"\sum_{\substack{i<j\\ j<k}} a", r"\sum_{\substack{i<j\\ j<k}} a", 8, 8, 8),
    (r"\sum_{\substack{i<j\\ j<k}} a", r"\sum_{\substack{i<j\\ j<n}} a", 7, 8, 8),
    (r"\sum_{i=0}^{n} a", r"\sum_{i=0}^{n} a", 6, 6, 6),
    (r"\sum_{i=0}^{n} a", r"\sum_{i=0}^{m} a", 5, 6, 6),
    (
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        6,
        6,
        6,
    ),
    (
        r"\begin{pmatrix} a & b \\ c & e \end{pmatrix}",
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        5,
        6,
        6,
    ),
    # Two pieces of a line between columns, and a line between rows.
    (
        r"\begin{array}{c|c} a & b \\ \hline c & d \end{array}",
        r"\begin{array}{cc} a & b \\ c & d \end{array}",
        4,
        7,
        4,
    ),
    (
        r"\begin{aligned} a &= b \\ &= c \end{aligned}",
        r"\begin{aligned} a &= b \\ &= c \end{aligned}",
        5,
        5,
        5,
    ),
    (r"\begin{cases} a & b \\ c & d \end{cases}", r"\begin{cases} a & b \\ c & d \end{cases}", 5, 5, 5),
    (r"\quad", "", 0, 0, 0),  # both show nothing
    ("", "x", 0, 0, 1),
]


@pytest.mark.tex
def test_drawn_formulas():
    formulas = draw_formulas([tokens(formula) for case in CASES for formula in case[:2]])
    found = [compare_drawn(formulas[2 * number], formulas[2 * number + 1]) for number in range(len(CASES))]
    assert [counts.fallback for counts in found] == [""] * len(CASES)
    assert [(c.matched, c.hypothesis_symbols, c.reference_symbols) for c in found] == [c[2:] for c in CASES]


@pytest.mark.tex
def test_equal_formulas_are_drawn_once():
    first, second = draw_formulas([["x"], ["x"]])
    assert first is second
