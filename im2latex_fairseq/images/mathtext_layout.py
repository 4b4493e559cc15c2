"""Pieces of a formula -> one picture: what TeX does for matrices and mathtext doesn't.

Pictures here are ink: uint8 (height, width), 0 = paper, 255 = ink, each with the row of its baseline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex_fairseq.images.mathtext_dialect import Delimited, Grid, Piece, Row, Scripted, Text

__all__ = ["Box", "draw_row"]

# In em, by the TeXbook: the axis, on which fractions and matrices are centred, and the strut of a row.
_AXIS_EM = 0.25
_STRUT_ASCENT_EM, _STRUT_DEPTH_EM = 0.84, 0.36
_SCRIPT_SIZE = 0.7
# What mathtext leaves between ink and ink, the signs' own side bearings included.
_THIN_EM, _MEDIUM_EM, _THICK_EM = 0.2, 0.38, 0.42
_SPACE_AFTER_EM = {
    **dict.fromkeys((",", ";"), _THIN_EM),
    **dict.fromkeys(("+", "-", r"\pm", r"\cdot", r"\times"), _MEDIUM_EM),
    **dict.fromkeys(("=", "<", ">", r"\leq", r"\neq", r"\approx", r"\equiv", r"\to"), _THICK_EM),
}


@dataclass(frozen=True)
class Box:
    """A picture with a baseline.

    Attributes:
        ink: (height, width), uint8, 0 = paper, 255 = ink.
        ascent_px: Rows above the baseline; the rest is below it. May exceed the height or be negative.
    """

    ink: NDArray[np.uint8]
    ascent_px: int

    @property
    def depth_px(self) -> int:
        """Rows below the baseline."""
        return int(self.ink.shape[0]) - self.ascent_px


DrawText = Callable[[str, float], Box]
"""Draws mathtext at a size relative to that of the formula, on its baseline."""


def draw_row(row: Row, em_px: float, draw_text: DrawText) -> Box:
    """Draw pieces side by side on one baseline.

    Args:
        row: The pieces.
        em_px: Size of the text in pixels.
        draw_text: Draws a piece of text.
    """
    boxes: list[Box] = []
    for place, piece in enumerate(row):
        boxes.append(_draw_piece(piece, em_px, draw_text))
        if place + 1 < len(row):
            last = piece.last if isinstance(piece, Text) else ""
            gap_px = round(_SPACE_AFTER_EM.get(last, 0.15) * em_px)
            boxes.append(_blank(gap_px))
    return _beside(boxes)


def _draw_piece(piece: Piece, em_px: float, draw_text: DrawText) -> Box:
    if isinstance(piece, Text):
        return draw_text(piece.source, 1.0)
    if isinstance(piece, Grid):
        return _draw_grid(piece, em_px, draw_text)
    if isinstance(piece, Delimited):
        return _draw_delimited(piece, em_px, draw_text)
    return _draw_scripted(piece, em_px, draw_text)


def _blank(width_px: int) -> Box:
    return Box(np.zeros((1, max(width_px, 0)), dtype=np.uint8), 1)


def _beside(boxes: list[Box]) -> Box:
    if not boxes:
        return _blank(0)
    ascent = max(box.ascent_px for box in boxes)
    depth = max(box.depth_px for box in boxes)
    ink = np.zeros((ascent + depth, sum(box.ink.shape[1] for box in boxes)), dtype=np.uint8)
    left = 0
    for box in boxes:
        height, width = box.ink.shape
        top = ascent - box.ascent_px
        ink[top : top + height, left : left + width] = box.ink
        left += width
    return Box(ink, ascent)


def _draw_grid(grid: Grid, em_px: float, draw_text: DrawText) -> Box:
    cells = [[draw_row(cell, em_px, draw_text) for cell in row] for row in grid.rows]
    count = len(grid.columns)
    widths = [max(row[place].ink.shape[1] for row in cells if place < len(row)) for place in range(count)]
    outer = round(grid.outer_em * em_px)
    starts = [outer]
    for place, gap_em in enumerate(grid.gaps_em):
        starts.append(starts[-1] + widths[place] + round(gap_em * em_px))
    ascents = [max([round(_STRUT_ASCENT_EM * em_px), *(box.ascent_px for box in row)]) for row in cells]
    depths = [max([round(_STRUT_DEPTH_EM * em_px), *(box.depth_px for box in row)]) for row in cells]
    for place, extra_em in enumerate(grid.extra_em):
        depths[place] = max(depths[place] + round(extra_em * em_px), 0)
    height = sum(ascents) + sum(depths)
    ink = np.zeros((height, starts[-1] + widths[-1] + outer), dtype=np.uint8)
    top = 0
    for row, ascent, depth in zip(cells, ascents, depths, strict=True):
        for place, box in enumerate(row):
            room = widths[place] - box.ink.shape[1]
            left = starts[place] + {"l": 0, "c": room // 2, "r": room}[grid.columns[place]]
            _lay(ink, box.ink, top + ascent - box.ascent_px, left)
        top += ascent + depth
    return Box(ink, (height + 1) // 2 + round(_AXIS_EM * em_px))


def _lay(paper: NDArray[np.uint8], ink: NDArray[np.uint8], top: int, left: int) -> None:
    """Put ink on paper; what a negative line space moves off the paper is cut."""
    first = max(-top, 0)
    rows = min(ink.shape[0] - first, paper.shape[0] - max(top, 0))
    if rows > 0:
        place = paper[max(top, 0) : max(top, 0) + rows, left : left + ink.shape[1]]
        np.maximum(place, ink[first : first + rows], out=place)


def _draw_delimited(piece: Delimited, em_px: float, draw_text: DrawText) -> Box:
    inside = draw_row(piece.inside, em_px, draw_text)
    axis_px = round(_AXIS_EM * em_px)
    reach_px = max(inside.ascent_px - axis_px, inside.depth_px + axis_px)
    # The TeXbook, rule 19: \delimiterfactor 901 and \delimitershortfall 5 pt.
    height_px = round(max(2 * reach_px * 0.901, 2 * reach_px - 0.5 * em_px))
    gap = _blank(round(0.1 * em_px))
    boxes = [inside]
    if piece.left != ".":
        boxes = [_draw_delimiter(piece.left, True, height_px, axis_px, draw_text), gap, *boxes]
    if piece.right != ".":
        boxes = [*boxes, gap, _draw_delimiter(piece.right, False, height_px, axis_px, draw_text)]
    return _beside(boxes)


# mathtext makes a delimiter as large as what stands between, ink or not.
_DELIMITER_BODIES = tuple(rf"\phantom{{{body}}}" for body in ("A", r"\frac{A}{A}", r"\dfrac{A}{A}"))


def _draw_delimiter(sign: str, is_left: bool, height_px: int, axis_px: int, draw_text: DrawText) -> Box:
    name = f"{sign} " if sign[-1].isalpha() else sign
    chosen: NDArray[np.uint8] | None = None
    for body in _DELIMITER_BODIES:
        ink = draw_text(rf"\left{name}{body}\right." if is_left else rf"\left.{body}\right{name}", 1.0).ink
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        if chosen is None or ink.shape[0] <= height_px:
            chosen = ink
    assert chosen is not None
    stretched = _stretch(chosen, sign, height_px)
    return Box(stretched, (stretched.shape[0] + 1) // 2 + axis_px)


def _stretch(ink: NDArray[np.uint8], sign: str, height_px: int) -> NDArray[np.uint8]:
    """Make a delimiter taller as TeX does: by repeating its straight part, so that strokes keep their width."""
    height, width = ink.shape
    missing = height_px - height
    if missing <= 0:
        return ink
    if sign in (r"\langle", r"\rangle", "<", ">", "/", r"\backslash") or "arrow" in sign:
        return np.asarray(
            Image.fromarray(ink).resize((width, height_px))
        )  # no straight part; PIL: (width, height)
    # A brace has its point in the middle and a straight part on each side of it.
    places = [height // 4, 3 * height // 4] if sign in (r"\{", r"\}") else [height // 2]
    repeats = np.ones(height, dtype=np.intp)
    for order, place in enumerate(places):
        repeats[place] += (missing + order) // len(places)
    return np.repeat(ink, repeats, axis=0)


def _draw_scripted(piece: Scripted, em_px: float, draw_text: DrawText) -> Box:
    base = _draw_piece(piece.base, em_px, draw_text)
    gap_px = round(0.05 * em_px)
    # The TeXbook, rule 18: sup_drop and sub_drop of Computer Modern.
    boxes = [
        (draw_text(script, _SCRIPT_SIZE), shift_px)
        for script, shift_px in (
            (piece.sup, base.ascent_px - round(0.39 * em_px)),
            (piece.sub, -(base.depth_px + round(0.05 * em_px))),
        )
        if script
    ]
    ascent = max(base.ascent_px, *(box.ascent_px + shift for box, shift in boxes))
    depth = max(base.depth_px, *(box.depth_px - shift for box, shift in boxes))
    width = base.ink.shape[1] + gap_px + max(box.ink.shape[1] for box, _ in boxes)
    ink = np.zeros((ascent + depth, width), dtype=np.uint8)
    _lay(ink, base.ink, ascent - base.ascent_px, 0)
    for box, shift in boxes:
        _lay(ink, box.ink, ascent - shift - box.ascent_px, base.ink.shape[1] + gap_px)
    return Box(ink, ascent)
