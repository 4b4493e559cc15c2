r"""Formulas in colours: where TeX puts the ink of each token."""

from __future__ import annotations

import numpy as np
import pytest

from im2latex_fairseq.images import coloured_tokens
from im2latex_fairseq.images.coloured_tokens import MAX_COLOURS, colour_of, typeset_formulas
from im2latex_fairseq.images.dvi_pages import Ink
from im2latex_fairseq.images.renderer import LINE_WIDTHS_PT
from im2latex_fairseq.images.tex_faces import FACES
from im2latex_fairseq.images.tex_process import engine_for

# Parts; as each number is followed by one piece, the colour of each glyph is known.
FRACTION = (0, r"\frac{", 1, "a", 0, "}{", 2, "b", 0, "}", 3, "+", 4, "V", 5, ",")
KERNED = (r"\mathrm{", 0, "A", 1, "V", 2, "f", 3, "f", 4, "i", "}^{", 5, "f", "}")
TABLE = (
    *(r"\left(\begin{array}{cc}", r"\noalign{", 0, r"}\hline ", 1, "a", "&", 2, "b", r"\\"),
    *(3, "c", "&", 4, "d", r"\end{array}", 5, r"\right)"),
)


def ink(code: int, font: str = "cmr10", colour: str = "") -> Ink:
    return Ink(font, 10, code, 0, 0, 12, 7, 0, colour)


# Without TeX


def test_colours_are_distinct_and_visible():
    names = [colour_of(number) for number in range(MAX_COLOURS)]
    assert len(set(names)) == MAX_COLOURS
    channels = np.array([[float(part) for part in name.split()[1:]] for name in names])
    assert channels.min() >= 0 and channels.max() <= 0.8
    assert (channels.min(axis=1) < 0.1).all()  # never near to white


def test_no_formulas_need_no_tex(monkeypatch):
    monkeypatch.setattr(coloured_tokens, "engine_for", None)
    assert typeset_formulas([]) == []


def test_ligatures_are_taken_apart():
    apart = list(coloured_tokens._without_ligatures([ink(0x0E), ink(0x0E, "cmmi10"), ink(0x61)]))
    assert [(i.code, i.x, i.width) for i in apart[:3]] == [(0x66, 0, 4), (0x66, 4, 4), (0x69, 8, 4)]
    assert [(i.font, i.code) for i in apart[3:]] == [("cmmi10", 0x0E), ("cmr10", 0x61)]


@pytest.mark.parametrize(
    "coloured, reason",
    [
        ([ink(1, colour=colour_of(7)), ink(2)], ""),
        ([ink(1, colour=colour_of(7)), ink(3)], "other_ink: cmr10 3 for cmr10 2"),
        ([ink(1), ink(2, "cmmi10")], "other_ink: cmmi10 2 for cmr10 2"),
        ([ink(1)], "other_ink: 1 glyphs and rules with colours, 2 without"),
    ],
)
def test_colours_are_carried_over_to_the_same_ink_only(coloured, reason):
    result = coloured_tokens._carry_over((ink(1), ink(2)), coloured, (7, "x"))
    assert result.uncoloured == reason
    assert result.colours == (None if reason else (7, None))


RED, BLUE = colour_of(0), colour_of(1)


@pytest.mark.parametrize(
    "plain, coloured, expected",
    [
        ([ink(1, "cmex10")], [ink(2, "cmex10", RED)], (0,)),
        # More or fewer pieces of one fence.
        ([ink(1, "cmex10")] * 3, [ink(2, "cmex10", RED)], (0, 0, 0)),
        ([ink(1, "cmex10")], [ink(2, "cmex10", RED)] * 3, (0,)),
        ([ink(0x70, "cmsy10"), ink(1)], [ink(0x74, "cmex10", RED)] * 2 + [ink(1, colour=BLUE)], (0, 1)),
        ([ink(0x28)], [ink(0, "cmex10", RED)], (0,)),  # the smallest parenthesis
        # Two fences side by side: only if there are as many pieces.
        ([ink(1, "cmex10")] * 2, [ink(2, "cmex10", RED), ink(2, "cmex10", BLUE)], (0, 1)),
        ([ink(1, "cmex10")] * 3, [ink(2, "cmex10", RED), ink(2, "cmex10", BLUE)], None),
        ([ink(1, "cmex10")] * 2 + [ink(0x28)], [ink(2, "cmex10", RED), ink(0x28, colour=BLUE)], (0, 0, 1)),
        ([ink(3, "cmex10")], [ink(3, "cmex10", RED), ink(2, "cmex10", RED)], (0,)),
        (
            [ink(0x58, "cmex10"), ink(1, "cmex10")],
            [ink(0x58, "cmex10", RED)] + [ink(2, "cmex10", BLUE)] * 2,
            (0, 1),
        ),
        # Raised dots and dots on the line.
        ([ink(1, "cmsy10")], [ink(0x3A, "cmmi12", RED)], (0,)),
        ([ink(1, "cmsy10")], [ink(0x3B, "cmmi12", RED)], None),
    ],
)
def test_variants_are_the_same_ink(plain, coloured, expected):
    result = coloured_tokens._carry_over(tuple(plain), coloured, (0, "x", 1, "y"))
    assert result.colours == expected and result.inks == tuple(plain)
    assert bool(result.uncoloured) == (expected is None)


# With TeX


def by_colour(formula) -> dict[int, str]:
    """Colour -> the characters in it; a rule is "_"."""
    assert not formula.error and not formula.uncoloured
    found: dict[int, str] = {}
    for one, colour in zip(formula.inks, formula.colours, strict=True):
        found[colour] = found.get(colour, "") + ("_" if one.is_rule else chr(one.code))
    return found


@pytest.mark.tex
def test_each_token_finds_its_ink():
    fraction, kerned, table = typeset_formulas([FRACTION, KERNED, TABLE])
    assert by_colour(fraction) == {0: "_", 1: "a", 2: "b", 3: "+", 4: "V", 5: ";"}  # cmmi has the comma there
    assert by_colour(kerned) == {0: "A", 1: "V", 2: "f", 3: "f", 4: "i", 5: "f"}
    assert {number: text for number, text in by_colour(table).items() if number in (1, 2, 3, 4)} == {
        1: "a",
        2: "b",
        3: "c",
        4: "d",
    }
    assert by_colour(table)[0] == "_"


@pytest.mark.tex
def test_the_layout_is_that_of_the_plain_formula():
    r"""A special between two letters keeps TeX from kerning them, and from dropping an italic correction."""
    formulas = [FRACTION, KERNED, TABLE]
    plain = ["".join(part for part in parts if isinstance(part, str)) for parts in formulas]
    for coloured, alone in zip(
        typeset_formulas(formulas), typeset_formulas([(text,) for text in plain]), strict=True
    ):
        assert coloured.inks == alone.inks and coloured.inks
        assert alone.colours is None and alone.uncoloured.startswith("no_colours")


@pytest.mark.tex
def test_the_coloured_page_has_the_ink_of_the_plain_one():
    """Drawn by dvipng, which reads the colours too: the same pixels, where no special parts two letters."""
    engine = engine_for(FACES["computer_modern"], 12, LINE_WIDTHS_PT[12])
    parts = (0, "x", "+", 1, r"\frac{", 2, "1", 1, "}{", 3, "2", 1, "}", 4, "=", 5, "0")
    texts = [
        (0, "".join(part for part in parts if isinstance(part, str))),
        (1, coloured_tokens._coloured_text(parts, engine.colour_command)),
    ]
    drawn = engine.run(texts, display=True, dpi=200, timeout_s=3, keep_recovered=False)
    plain, coloured = drawn.pages[0], drawn.pages[1]
    assert not np.array_equal(plain, coloured)
    assert np.array_equal(plain < 255, coloured < 255)


@pytest.mark.tex
def test_what_fails_says_why_and_costs_only_itself():
    formulas = [
        (0, "x"),
        (0, r"\foo "),
        (0, "{"),
        (r"x^", 0, "2"),  # the colour would be the superscript
        (0, r"\csname alpha\endcsname "),
        tuple(part for number in range(MAX_COLOURS + 1) for part in (number, "x")),
        (0, r"\quad "),
        (0, "x"),
    ]
    first, undefined, unbalanced, misplaced, redefining, long, blank, last = typeset_formulas(formulas)
    assert by_colour(first) == by_colour(last) == {0: "x"}
    assert undefined.error == r"undefined_control_sequence: \foo" and not undefined.inks
    assert unbalanced.error.startswith("unbalanced_braces")
    assert misplaced.error == "" and misplaced.uncoloured and len(misplaced.inks) == 2
    assert redefining.uncoloured.startswith("redefines") and len(redefining.inks) == 1
    assert long.uncoloured.startswith("too_many_tokens: 2001") and len(long.inks) == 2001
    assert blank.inks == () and blank.colours == ()


@pytest.mark.tex
def test_no_formula_gets_at_specials(monkeypatch):
    r"""`\special` is gone, and the colour command stands beside no formula that could spell it out."""
    engine = engine_for(FACES["computer_modern"], 12, LINE_WIDTHS_PT[12])
    seen: list[str] = []
    typeset = type(engine).typeset

    def watched(self, formulas, **options):
        seen.extend(text for _, text in formulas)
        return typeset(self, formulas, **options)

    monkeypatch.setattr(type(engine), "typeset", watched)
    spelling = (0, r"\def\x#1{\string#1}\x ", 1, "y")
    special, spelled, _ = typeset_formulas([(0, r"\special{color rgb 1 0 0}x"), spelling, (0, "z")])
    assert special.error.startswith("undefined_control_sequence")
    assert spelled.uncoloured.startswith("redefines")
    with_colours = [text for text in seen if engine.colour_command in text]
    assert len(with_colours) == 1 and with_colours[0].endswith("z")
