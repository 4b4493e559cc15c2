r"""The symbols of a drawn formula: what each looks like, and where it stands.

A symbol is a token with its ink: a letter, an operator, the line of a fraction, a fence with all its pieces. Tokens
without ink (braces, fonts, spaces) are none. Two symbols look the same if they are made of the same glyphs of the
same fonts in the same arrangement: so ``\le`` is ``\leq``, but a bold x isn't an italic one, and a superscript isn't
its letter on the line. What grows with its surroundings (fences, roots, lines, wide accents) also looks the same as
its like of another size.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.images.coloured_tokens import TypesetFormula
from im2latex_fairseq.images.dvi_pages import Ink
from im2latex_fairseq.metrics.token_colours import is_stand_in

Boxes = npt.NDArray[np.float64]

SCALED_POINTS = 65536

_LINE = "horizontal rule"
_COLUMN_LINE = "vertical rule"
# What a token is that grows with its surroundings, and so draws rules of its own.
_ELASTIC = {
    **dict.fromkeys(r"\frac \dfrac \tfrac \cfrac \genfrac \over \above \overwithdelims".split(), "fraction"),
    **dict.fromkeys(r"\hline \hdashline \cline \overline \underline".split(), _LINE),
    **{
        command: command
        for command in r"""\sqrt \overbrace \underbrace \widehat \widetilde \widecheck \overrightarrow
        \overleftarrow \overleftrightarrow \underrightarrow \underleftarrow \underleftrightarrow \xrightarrow
        \xleftarrow \xmapsto \boxed \fbox \framebox \cancel""".split()
    },
}
_FENCES = (r"\left", r"\right", r"\middle")
_SAME_FENCES = {
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    r"\lbrack": "[",
    r"\rbrack": "]",
    r"\vert": "|",
    r"\lvert": "|",
    r"\rvert": "|",
    r"\Vert": r"\|",
    r"\lVert": r"\|",
    r"\rVert": r"\|",
    "<": r"\langle",
    ">": r"\rangle",
}


@dataclass(frozen=True)
class Symbols:
    """The symbols of a formula, in the order of its tokens.

    Attributes:
        boxes: (n, 4) float64: left, top, right, bottom in points, to the right and down; (0, 0) is the left upper
            corner of the whole.
        looks: What each is drawn with; equal if two look exactly the same.
        elastic: What grows with its surroundings, by kind; "" for all else.
        tokens: Index of each one's token; -1 for ink that no token owns, such as the lines between columns.
    """

    boxes: Boxes
    looks: tuple[Hashable, ...]
    elastic: tuple[str, ...]
    tokens: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.looks)


def token_symbols(formula: TypesetFormula, tokens: Sequence[str]) -> Symbols:
    """The symbols of a coloured formula.

    Args:
        formula: As typeset, with colours whose numbers are indices of tokens.
        tokens: The tokens.
    """
    assert formula.colours is not None
    owned: dict[int, list[Ink]] = {}
    ownerless: list[Ink] = []
    for ink, colour in zip(formula.inks, formula.colours, strict=True):
        if colour is None or (ink.is_rule and not _draws_rules(tokens[colour])):
            ownerless.append(ink)
        else:
            owned.setdefault(colour, []).append(ink)
    order = sorted(owned)
    groups = [owned[index] for index in order] + [[ink] for ink in ownerless]
    looks: list[Hashable] = []
    elastic: list[str] = []
    for index in order:
        token = tokens[index]
        looks.append(token if is_stand_in(token) else _look(owned[index]))
        elastic.append(_elastic_kind(token))
    looks += [_look([ink]) for ink in ownerless]
    elastic += [_rule_kind(ink) for ink in ownerless]
    return Symbols(_boxes(groups), tuple(looks), tuple(elastic), (*order, *[-1] * len(ownerless)))


def glyph_symbols(formula: TypesetFormula) -> Symbols:
    """The symbols of a formula whose tokens aren't known: each glyph and each rule is one."""
    groups = [[ink] for ink in formula.inks]
    return Symbols(
        _boxes(groups),
        tuple(_look(group) for group in groups),
        tuple(_rule_kind(ink) for ink in formula.inks),
        (-1,) * len(groups),
    )


NO_SYMBOLS = Symbols(np.zeros((0, 4)), (), (), ())


def _draws_rules(token: str) -> bool:
    return is_stand_in(token) or token in _ELASTIC or token == r"\rule"


def _elastic_kind(token: str) -> str:
    if token.startswith(_FENCES):
        for fence in _FENCES:
            token = token.removeprefix(fence)
        return _SAME_FENCES.get(token, token)
    if token.startswith(r"\begin{"):  # its fences
        return token
    return _ELASTIC.get(token, "")


def _rule_kind(ink: Ink) -> str:
    if not ink.is_rule:
        return ""
    return _LINE if ink.width > ink.height else _COLUMN_LINE


def _look(inks: Sequence[Ink]) -> Hashable:
    first = inks[0]
    if len(inks) == 1 and not first.is_rule:
        return (first.font, first.size, first.code)
    return tuple(
        (ink.font, ink.size, ink.code, ink.x - first.x, ink.y - first.y)
        if not ink.is_rule
        else (ink.width, ink.height, ink.x - first.x, ink.y - first.y)
        for ink in inks
    )


def _boxes(groups: Sequence[Sequence[Ink]]) -> Boxes:
    if not groups:
        return np.zeros((0, 4))
    boxes = np.array(
        [
            (
                min(ink.x for ink in group),
                min(ink.y - ink.height for ink in group),
                max(ink.x + ink.width for ink in group),
                max(ink.y + ink.depth for ink in group),
            )
            for group in groups
        ],
        dtype=np.float64,
    )
    boxes /= SCALED_POINTS
    boxes -= np.tile(boxes[:, :2].min(axis=0), 2)
    return boxes
