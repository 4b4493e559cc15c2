r"""Formulas with each token in a colour of its own: where TeX puts the ink of each token.

TeX sets every formula twice. The plain page says where each glyph and rule stands. On the second page a
``\special{color ...}`` comes before each token, so that every glyph carries the colour of its token; but a special
between two letters keeps TeX from kerning them, so places are never taken from that page. Both pages list the same
glyphs in the same order, which carries the colours over to the plain page: colouring can't change the layout. Where
the lists differ the formula is reported as not coloured, with the reason.

Colours are read from TeX's own page description (`dvi_pages`), not from pixels: they are exact, however many there
are, and ink that other ink covers isn't lost. The set-up is that of the renderer, with its confinement; only formulas
that can share a process with others are coloured, since the rest could take the colour command apart.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .batch_queue import Batch, run_batches
from .dvi_pages import Ink
from .formula_screening import needs_own_process, why_unreadable
from .renderer import LINE_WIDTHS_PT
from .tex_faces import FACES
from .tex_process import engine_for

#: A piece of LaTeX, or the colour that what follows shall have (0, 1, 2, ...).
Part: TypeAlias = "str | int"

MAX_COLOURS = 2000
_FACE = "computer_modern"
_GOLDEN_RATIO = 0.6180339887498949
# Glyphs of the text fonts that stand for several characters, which a special would part.
_LIGATURES = {
    0x0B: (0x66, 0x66),  # ff
    0x0C: (0x66, 0x69),
    0x0D: (0x66, 0x6C),
    0x0E: (0x66, 0x66, 0x69),
    0x0F: (0x66, 0x66, 0x6C),
    0x22: (0x27, 0x27),  # closing quotes
    0x5C: (0x60, 0x60),
    0x7B: (0x2D, 0x2D),  # dashes
    0x7C: (0x2D, 0x2D, 0x2D),
    0x3C: (0x21, 0x60),  # turned marks
    0x3E: (0x3F, 0x60),
}
_FONTS_WITH_LIGATURES = re.compile(r"cm(r|bx|bxti|bxsl|b|ti|sl|ss|ssi|ssbx|ssdc|dunh|u)\d+")
# Where specials change a size, TeX may take another variant of a fence, a root or a wide accent, of more or fewer
# pieces. Font without its size -> characters that have variants: all of cmex but the big operators, and the smallest
# fences and root.
_GROWING = {
    "cmex": frozenset(range(128)) - frozenset(range(0x46, 0x62)),
    "cmsy": frozenset((*range(0x62, 0x6C), 0x6E, 0x70)),
    "cmr": frozenset(map(ord, "()[]/")),
}
# amsmath's \dots looks at what follows, and a special is no operator: dots on the line instead of raised ones.
_DOTS = (("cmmi", 0x3A), ("cmsy", 0x01))


@dataclass(frozen=True)
class TypesetFormula:
    """What became of one formula.

    Attributes:
        inks: Its glyphs and rules, as TeX sets it without colours (ligatures taken apart); their own `colour` is "".
        colours: The colour of each ink, None before the first; None as a whole if the formula can't be coloured.
        uncoloured: Why it can't, "slug: detail"; "" if it is coloured.
        error: Why TeX doesn't set it at all, "slug: detail"; "" if it does. With an error there are no inks.
    """

    inks: tuple[Ink, ...] = ()
    colours: tuple[int | None, ...] | None = None
    uncoloured: str = ""
    error: str = ""


def typeset_formulas(
    formulas: Sequence[Sequence[Part]],
    *,
    size_pt: int = 12,
    timeout_s: float = 3.0,
    batch_size: int = 200,
) -> list[TypesetFormula]:
    """Set formulas as displays in Computer Modern, and tell where the ink of each colour is.

    Args:
        formulas: Parts, put together as they are; without the colours they are the plain formula.
        size_pt: Size of the text: 10, 11 or 12 points.
        timeout_s: Processor seconds for a batch in TeX; a formula that makes it run longer fails with "timeout".
        batch_size: Formulas a process.

    Returns:
        A result for each formula, in order.

    Raises:
        RenderError: TeX is missing, or can't be set up on this machine.
    """
    if not formulas:
        return []
    plain = ["".join(part for part in parts if isinstance(part, str)) for parts in formulas]
    errors: dict[int, str] = {}
    uncoloured: dict[int, str] = {}
    ordinary: list[int] = []
    alone: list[int] = []
    for index, formula in enumerate(plain):
        unreadable = why_unreadable(formula)
        if unreadable is not None:
            errors[index] = unreadable
        elif needs_own_process(formula):
            alone.append(index)
            uncoloured[index] = "redefines: it could change what TeX's commands mean"
        else:
            ordinary.append(index)

    engine = engine_for(FACES[_FACE], size_pt, LINE_WIDTHS_PT[size_pt])

    def run(texts: Sequence[str], batch: list[int]) -> Batch[list[Ink]]:
        return engine.typeset([(index, texts[index]) for index in batch], display=True, timeout_s=timeout_s)

    pages = run_batches(ordinary, alone, batch_size, lambda batch: run(plain, batch))
    errors.update(pages.errors)
    coloured_texts = [_coloured_text(parts, engine.colour_command) for parts in formulas]
    to_colour: list[int] = []
    for index in ordinary:
        colours = {part for part in formulas[index] if isinstance(part, int)}
        if len(colours) > MAX_COLOURS:
            uncoloured[index] = f"too_many_tokens: {len(colours)}, at most {MAX_COLOURS} are coloured"
        elif colours and index in pages.pages:
            to_colour.append(index)
    coloured_pages = run_batches(to_colour, [], batch_size, lambda batch: run(coloured_texts, batch))
    for index, error in coloured_pages.errors.items():
        uncoloured[index] = error.replace(engine.colour_command, r"\color")  # a random name says nothing

    results = []
    for index, parts in enumerate(formulas):
        if index in errors:
            results.append(TypesetFormula(error=errors[index]))
            continue
        inks = tuple(_without_ligatures(pages.pages[index]))
        if index in uncoloured:
            results.append(TypesetFormula(inks, uncoloured=uncoloured[index]))
        elif index in coloured_pages.pages:
            results.append(_carry_over(inks, coloured_pages.pages[index], parts))
        elif inks:
            results.append(TypesetFormula(inks, uncoloured="no_colours: none was asked for"))
        else:
            results.append(TypesetFormula(colours=()))
    return results


def colour_of(number: int) -> str:
    """The colour with a number, as LaTeX's colour package writes it; different for all below `MAX_COLOURS`.

    Neighbours lie far apart on the wheel of colours, and all are dark enough to be seen on paper.
    """
    red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN_RATIO % 1.0, 1.0, 0.8)
    return f"rgb {red:.4f} {green:.4f} {blue:.4f}"


def _coloured_text(parts: Sequence[Part], command: str) -> str:
    return "".join(part if isinstance(part, str) else f"{command}{{{colour_of(part)}}}" for part in parts)


def _carry_over(inks: tuple[Ink, ...], coloured: list[Ink], parts: Sequence[Part]) -> TypesetFormula:
    """Give the plain page's inks the colours that they have on the coloured page."""
    numbers = {colour_of(part): part for part in parts if isinstance(part, int)}
    runs, other_runs = _runs(inks), _runs(list(_without_ligatures(coloured)))
    if len(runs) != len(other_runs):
        return TypesetFormula(
            inks,
            uncoloured=f"other_ink: {len(other_runs)} glyphs and rules with colours, {len(runs)} without",
        )
    colours: list[int | None] = []
    for run, other in zip(runs, other_runs, strict=True):
        names = _names_of_run(run, other)
        if names is None:
            return TypesetFormula(
                inks,
                uncoloured=f"other_ink: {other[0].font} {other[0].code} for {run[0].font} {run[0].code}",
            )
        colours += [numbers.get(name) for name in names]
    return TypesetFormula(inks, tuple(colours))


def _names_of_run(run: list[Ink], coloured: list[Ink]) -> list[str] | None:
    """The names of the colours of a run of inks, from the same run on the coloured page; None if that can't be told."""
    names = [ink.colour for ink in coloured]
    if len(run) == len(coloured):
        return names if all(map(_is_variant, run, coloured)) else None
    # Several fences side by side, one in more or fewer pieces: the others are at the ends.
    shorter = min(len(run), len(coloured))
    start = end = 0
    while start < shorter and _is_same(run[start], coloured[start]):
        start += 1
    while end < shorter - start and _is_same(run[-1 - end], coloured[-1 - end]):
        end += 1
    middle = names[start : len(names) - end]
    if len(run) > start + end and len(set(middle)) != 1:
        return None
    return names[:start] + middle[:1] * (len(run) - start - end) + names[len(names) - end :]


def _runs(inks: Sequence[Ink]) -> list[list[Ink]]:
    """Each ink by itself, but growing ones that follow each other together."""
    runs: list[list[Ink]] = []
    for ink in inks:
        if runs and _grows(ink) and _grows(runs[-1][-1]):
            runs[-1].append(ink)
        else:
            runs.append([ink])
    return runs


def _grows(ink: Ink) -> bool:
    return ink.code in _GROWING.get(_family(ink), ())


def _family(ink: Ink) -> str:
    """The font without its size: "cmr" for cmr12."""
    return ink.font.rstrip("0123456789")


def _is_same(one: Ink, other: Ink) -> bool:
    return (one.font, one.code) == (other.font, other.code)


def _is_variant(one: Ink, other: Ink) -> bool:
    """Whether both are the same character, as it may be drawn with and without specials around."""
    if _is_same(one, other) or (_grows(one) and _grows(other)):
        return True
    return all((_family(ink), ink.code) in _DOTS for ink in (one, other))


def _without_ligatures(inks: Sequence[Ink]) -> Iterator[Ink]:
    """Take ligatures apart into the characters that they stand for, each with its share of the width."""
    for ink in inks:
        codes = _LIGATURES.get(ink.code)
        if codes is None or not _FONTS_WITH_LIGATURES.fullmatch(ink.font):
            yield ink
            continue
        width = ink.width // len(codes)
        for place, code in enumerate(codes):
            yield ink._replace(code=code, x=ink.x + place * width, width=width)
