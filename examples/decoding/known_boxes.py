r"""Formulas drawn so that the box of each token's ink is known, to the pixel of the picture.

TeX says where it puts each token's glyphs and rules (`images.coloured_tokens`), but those boxes are the fonts': they
are wider or higher than the ink. The ink itself comes from a drawing at a higher resolution. A mark of known place in
front of the formula, taken away afterwards, tells which of its pixels belong to which box.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from im2latex_fairseq.images.coloured_tokens import TypesetFormula, typeset_formulas
from im2latex_fairseq.images.renderer import (
    GreyImage,
    RenderResult,
    RenderSettings,
    finish_image,
    render_formulas,
)
from im2latex_fairseq.latex.tokenizer import detokenize
from im2latex_fairseq.metrics.symbol_boxes import SCALED_POINTS, token_symbols
from im2latex_fairseq.metrics.token_colours import colour_tokens

Box = tuple[int, int, int, int]

# An opening symbol: what follows is set as at the beginning.
_MARK = r"\mathopen{\rule{4pt}{4pt}}\hspace{30pt} "
_POINTS_AN_INCH = 72.27
# Glyphs reach beyond their fonts' boxes by a little.
_OVERSHOOT_PT = 0.4
# A piece of ink belongs to a token when so much of it lies in the token's box.
_INSIDE = 0.7
# A pixel of the picture is a token's when the token's ink covers so much of it.
_COVERED = 0.06


@dataclass(frozen=True)
class KnownFormula:
    """A drawn formula.

    Attributes:
        tokens: Its tokens.
        picture: (H, W), uint8, 255 = paper.
        boxes: Token -> (top, left, bottom, right) of its ink in the picture, bottom and right exclusive.
    """

    tokens: tuple[str, ...]
    picture: GreyImage
    boxes: dict[int, Box]


def draw_known(formulas: Sequence[Sequence[str]], settings: RenderSettings) -> list[KnownFormula | str]:
    """Draw formulas in Computer Modern.

    Args:
        formulas: Tokens of each.
        settings: How; oversampled, so that there is ink to measure.

    Returns:
        Of each formula its picture and boxes, or why it has none.

    Raises:
        RenderError: TeX or dvipng is missing.
    """
    fine = RenderSettings(size_pt=settings.size_pt, dpi=settings.dpi * settings.oversampling, margin_px=0)
    drawn = render_formulas([_MARK + detokenize(tokens) for tokens in formulas], fine)
    typeset = typeset_formulas(
        [(_MARK, *colour_tokens(tokens).parts) for tokens in formulas], size_pt=settings.size_pt
    )
    return [
        _known(tuple(tokens), result, inks, settings)
        for tokens, result, inks in zip(formulas, drawn, typeset, strict=True)
    ]


def _known(
    tokens: tuple[str, ...], drawn: RenderResult, typeset: TypesetFormula, settings: RenderSettings
) -> KnownFormula | str:
    problem = drawn.error or typeset.error or typeset.uncoloured
    if problem or drawn.image is None or typeset.colours is None:
        return problem or "not_drawn"
    mark_width, mark_bottom = _mark_of(drawn.image)
    page = drawn.image.copy()
    page[:, :mark_width] = 255
    picture = finish_image(page, settings)
    if picture is None:
        return "blank"
    indices, boxes = _font_boxes(typeset, tokens, mark_bottom, settings.dpi * settings.oversampling)
    ink = page < 255
    corner = int(np.flatnonzero(ink.any(axis=1))[0]), int(np.flatnonzero(ink.any(axis=0))[0])
    found = {}
    for index, own in zip(indices, _ink_of_boxes(ink, boxes, settings), strict=True):
        box = None if own is None else _reduced_box(own[corner[0] :, corner[1] :], settings)
        if box is not None:
            found[index] = box
    return KnownFormula(tokens, picture, found)


def _mark_of(page: GreyImage) -> tuple[int, int]:
    """Width of the mark, which is the first ink, and the row where its baseline is."""
    ink = page < 255
    width = int(np.flatnonzero(~ink.any(axis=0))[0])
    return width, int(np.flatnonzero(ink[:, :width].any(axis=1))[-1]) + 1


def _font_boxes(
    typeset: TypesetFormula, tokens: Sequence[str], mark_bottom: int, dpi: int
) -> tuple[list[int], NDArray[np.float64]]:
    """Tokens that draw, and (n, 4) their boxes by the fonts: top, left, bottom, right in pixels of the page."""
    assert typeset.colours is not None
    mark, *inks = typeset.inks
    formula = dataclasses.replace(typeset, inks=tuple(inks), colours=typeset.colours[1:])
    symbols = token_symbols(formula, tokens)
    left = (min(ink.x for ink in inks) - mark.x) / SCALED_POINTS
    top = (min(ink.y - ink.height for ink in inks) - mark.y) / SCALED_POINTS
    own = [place for place, token in enumerate(symbols.tokens) if token >= 0]
    points = symbols.boxes[own][:, [1, 0, 3, 2]] + np.array([top, left, top, left])
    pixels = points * dpi / _POINTS_AN_INCH + np.array([mark_bottom, 0, mark_bottom, 0])
    return [symbols.tokens[place] for place in own], pixels


def _ink_of_boxes(
    ink: NDArray[np.bool_], boxes: NDArray[np.float64], settings: RenderSettings
) -> list[NDArray[np.bool_] | None]:
    """The ink of each box, (H, W): the pieces of which it is the tightest box, or else what is in it."""
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    overshoot = _OVERSHOOT_PT * settings.dpi * settings.oversampling / _POINTS_AN_INCH
    windows = []
    for top, left, bottom, right in boxes + overshoot * np.array([-1, -1, 1, 1]):
        windows.append(
            (
                slice(max(int(top), 0), max(int(np.ceil(bottom)), 0)),
                slice(max(int(left), 0), max(int(np.ceil(right)), 0)),
            )
        )
    inside = np.stack(
        [np.bincount(labels[window].ravel(), minlength=count + 1) for window in windows]
        or [np.zeros(count + 1)]
    )
    areas = np.array([labels[window].size for window in windows] or [1])
    fits = np.where(inside >= _INSIDE * sizes, sizes / np.maximum(areas, 1)[:, None], 0.0)
    fits[:, 0] = 0.0
    owner = fits.argmax(axis=0)
    found: list[NDArray[np.bool_] | None] = []
    for number, window in enumerate(windows):
        own = (owner == number) & (fits[number] > 0)
        part = own[labels[window]] if own.any() else ink[window]
        whole = np.zeros_like(ink)
        whole[window] = part
        found.append(whole if part.any() else None)
    return found


def _reduced_box(ink: NDArray[np.bool_], settings: RenderSettings) -> Box | None:
    """The box of fine ink, from the corner of all ink on, in the finished picture."""
    factor, margin_px = settings.oversampling, settings.margin_px
    height, width = (-(-side // factor) for side in ink.shape)
    padded = np.zeros((height * factor, width * factor), dtype=np.float32)
    padded[: ink.shape[0], : ink.shape[1]] = ink
    covered = padded.reshape(height, factor, width, factor).mean(axis=(1, 3)) > _COVERED
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if not rows.size:
        return None
    return (
        int(rows[0]) + margin_px,
        int(columns[0]) + margin_px,
        int(rows[-1]) + 1 + margin_px,
        int(columns[-1]) + 1 + margin_px,
    )
