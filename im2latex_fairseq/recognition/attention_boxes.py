r"""Where in a picture each token was read: attention, snapped to the strokes under it.

Attention says it in cells of 8 x 8 pixels, about a letter's size, and the mean over layers and heads is diffuse: some
heads look at the symbol to be written, others at the one before or at the whole. Two things make boxes of it. Strokes
(connected ink) have edges, so the box of a token is that of whole strokes. And a stroke was drawn by one token: the
token with a peak on the letter, not its neighbours whose attention leaks there.

1. The claim of a token on a stroke is its attention on the stroke's pixels (the cells interpolated), divided by the
   number of pixels to the power `_AREA_POWER`: neither the largest stroke nor a dot under the peak wins by its size.
2. Tokens and strokes are paired one to one, so that the claims together, each as a share of the token's and of the
   stroke's largest, are greatest. A claim below `_LEAST_CLAIM` of the token's largest is no pair.
3. Strokes left over (the second line of an equals sign) go to whoever claims them most, and not below `_LEAST_SHARE`.
4. Tokens left over touch other symbols, so that several share a stroke: each gets the pixels on which its attention,
   as a share of its peak, is greatest.
5. What attention can't tell within one cell is told by what the tokens are: an accent is the low stroke next above
   its letter, and so is the dot of an i.

`examples/decoding/attention_overlap.py` measures the overlap with boxes that are known. Heads chosen for looking at
the right place gave no better boxes than the mean over all (steps 2 and 3 do that), so the mean is what is read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from im2latex_fairseq.latex.commands import ACCENTS
from im2latex_fairseq.metrics.token_colours import drawing_tokens

Box: TypeAlias = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels, bottom and right exclusive."""

Floats: TypeAlias = NDArray[np.float32]

_NEIGHBOURS = np.ones((3, 3), dtype=np.int8)
# Greys of cores and of their edges, which reach so far.
_CORE_BELOW = 192
_EDGE_BELOW = 232
_EDGE_PX = 1.5

_AREA_POWER = 0.3
_LEAST_CLAIM = 0.35
_LEAST_SHARE = 0.15
_NO_PAIR = -1e-3
_MARKED = ("i", "j")
_MARKS = ACCENTS | {r"\overline"}
# A mark stands at most so far above what it belongs to, and is no higher; dots are no wider than this.
_MARK_GAP_PX = 5
_MARK_HEIGHT_PX = 6
_DOT_SIDE_PX = 4


def token_boxes(
    attention: NDArray[np.floating],
    grid_size: tuple[int, int],
    stride: tuple[int, int],
    picture: NDArray[np.uint8],
    tokens: Sequence[str],
) -> tuple[Box | None, ...]:
    """The box of each token.

    Args:
        attention: (T, S) or (T + 1, S): where each token (and the end) looked, 0 or more; S = H' * W', row-major.
        grid_size: (H', W').
        stride: Pixels a cell, (vertical, horizontal).
        picture: (H, W), uint8, 255 = paper: the prepared picture that was read.
        tokens: T of them.

    Returns:
        A box a token, in pixels of `picture`; None for those that draw nothing themselves (braces, scripts, fonts,
        spaces), and where there is no ink.

    Raises:
        ValueError: The shapes don't fit.
    """
    _check_shapes(attention, grid_size, stride, picture, tokens)
    drawing = drawing_tokens(tokens)
    strokes = _Strokes(picture)
    boxes: list[Box | None] = [None] * len(tokens)
    if not drawing or not len(strokes):
        return tuple(boxes)
    maps = _Maps(np.asarray(attention, dtype=np.float32)[list(drawing)], grid_size, stride, picture.shape)
    claims = np.stack([strokes.sums(maps[row]) for row in range(len(drawing))])
    claims /= strokes.areas**_AREA_POWER
    owned = _share_out(claims)
    drawn = [tokens[index] for index in drawing]
    _give_marks_to_their_owners(owned, drawn, claims, strokes)
    for row, box in enumerate(_boxes(owned, claims, strokes, maps)):
        boxes[drawing[row]] = box
    return tuple(boxes)


def _check_shapes(
    attention: NDArray[np.floating],
    grid_size: tuple[int, int],
    stride: tuple[int, int],
    picture: NDArray[np.uint8],
    tokens: Sequence[str],
) -> None:
    cells = grid_size[0] * grid_size[1]
    if attention.ndim != 2 or attention.shape[1] != cells or len(attention) - len(tokens) not in (0, 1):
        raise ValueError(
            f"attention of shape {attention.shape} doesn't fit {len(tokens)} tokens and a grid of {grid_size}: "
            f"({len(tokens)} or one more, {cells}) is needed"
        )
    covered = grid_size[0] * stride[0], grid_size[1] * stride[1]
    if picture.ndim != 2 or covered[0] < picture.shape[0] or covered[1] < picture.shape[1]:
        raise ValueError(
            f"a grid of {grid_size} cells of {stride} pixels covers {covered}, less than the picture's "
            f"{picture.shape}"
        )


class _Strokes:
    """The connected pieces of ink of a picture, numbered from 0."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        self.labels, self._count = _strokes(picture)
        self._flat = self.labels.ravel()
        self.areas = np.bincount(self._flat, minlength=self._count + 1)[1:].astype(np.float32)
        self.places: list[tuple[slice, slice]] = ndimage.find_objects(self.labels)

    def __len__(self) -> int:
        return self._count

    def sums(self, values: Floats) -> Floats:
        """The sum of values (H, W) over the pixels of each stroke."""
        totals = np.bincount(self._flat, values.ravel(), minlength=self._count + 1)[1:]
        return totals.astype(np.float32)

    def box(self, stroke: int) -> Box:
        rows, columns = self.places[stroke]
        return rows.start, columns.start, rows.stop, columns.stop


def _strokes(picture: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Number the strokes of a picture: dark cores, each with the lighter edge around it, and what has no dark core.

    Edges of neighbours often touch, where cores don't.

    Returns:
        (H, W), 0 for paper, 1 and more for strokes; the number of strokes.
    """
    cores, count = ndimage.label(picture < _CORE_BELOW, _NEIGHBOURS)
    edge = (picture < _EDGE_BELOW) & (cores == 0)
    labels = cores
    if count:
        distance, nearest = ndimage.distance_transform_edt(cores == 0, return_indices=True)
        labels = np.where(edge & (distance < _EDGE_PX), cores[tuple(nearest)], cores)
    faint, more = ndimage.label(edge & (labels == 0), _NEIGHBOURS)
    return np.where(faint > 0, faint + count, labels).astype(np.int32), count + more


class _Maps:
    """Attention of tokens in pixels, made when asked for: all at once they would be large."""

    def __init__(
        self, cells: Floats, grid_size: tuple[int, int], stride: tuple[int, int], shape: tuple[int, ...]
    ) -> None:
        self._cells = cells.reshape(-1, *grid_size)
        self._stride = stride
        self._shape = shape

    def __getitem__(self, row: int) -> Floats:
        """(H, W) of one token, interpolated between the middles of the cells."""
        fine = ndimage.zoom(self._cells[row], self._stride, order=1, mode="nearest", grid_mode=True)
        pixels: Floats = fine[: self._shape[0], : self._shape[1]]
        return pixels


def _share_out(claims: Floats) -> list[list[int]]:
    """The strokes of each token, by steps 2 and 3.

    Args:
        claims: (tokens, strokes), 0 or more.
    """
    of_token = claims / np.maximum(claims.max(axis=1, keepdims=True), 1e-12)
    of_stroke = claims / np.maximum(claims.sum(axis=0, keepdims=True), 1e-12)
    worth = np.where(of_token >= _LEAST_CLAIM, of_token * of_stroke, _NO_PAIR)
    owned: list[list[int]] = [[] for _ in claims]
    for row, stroke in zip(*linear_sum_assignment(worth, maximize=True), strict=True):
        if of_token[row, stroke] >= _LEAST_CLAIM:
            owned[row].append(int(stroke))
    paired = {stroke for strokes in owned for stroke in strokes}
    for stroke, row in enumerate(claims.argmax(axis=0).tolist()):
        if stroke not in paired and of_token[row, stroke] >= _LEAST_SHARE:
            owned[row].append(stroke)
    return owned


def _give_marks_to_their_owners(
    owned: list[list[int]], tokens: Sequence[str], claims: Floats, strokes: _Strokes
) -> None:
    """Step 5; `owned` is changed."""
    for row, token in enumerate(tokens):
        if token in _MARKED and owned[row]:
            mark = _mark_above(_largest(owned[row], strokes), strokes, _DOT_SIDE_PX)
            if mark is not None:
                _take(owned, mark)
                owned[row].append(mark)
        elif token in _MARKS and row + 1 < len(tokens):
            _give_mark(owned, row, claims, strokes)


def _give_mark(owned: list[list[int]], row: int, claims: Floats, strokes: _Strokes) -> None:
    """The accent at `row` gets the mark above its letter, the letter what the accent had."""
    both = owned[row] + owned[row + 1]
    base = _largest(both, strokes) if both else int(claims[row + 1].argmax())
    mark = _mark_above(base, strokes)
    if mark is not None:
        _take(owned, mark)
        owned[row], owned[row + 1] = [mark], [stroke for stroke in both if stroke != mark]


def _largest(owned: Sequence[int], strokes: _Strokes) -> int:
    return max(owned, key=lambda stroke: strokes.areas[stroke])


def _take(owned: list[list[int]], stroke: int) -> None:
    for others in owned:
        if stroke in others:
            others.remove(stroke)


def _mark_above(base: int, strokes: _Strokes, most_width_px: float = math.inf) -> int | None:
    """The low stroke next above another one."""
    top, left, _, right = strokes.box(base)
    found = None
    for stroke in range(len(strokes)):
        mark = strokes.box(stroke)
        beside = mark[1] > right + 1 or mark[3] <= left
        if stroke == base or beside or not 0 <= top - mark[2] <= _MARK_GAP_PX:
            continue
        if mark[2] - mark[0] <= _MARK_HEIGHT_PX and mark[3] - mark[1] <= most_width_px:
            found = stroke if found is None or mark[2] > strokes.box(found)[2] else found
    return found


def _boxes(
    owned: Sequence[Sequence[int]], claims: Floats, strokes: _Strokes, maps: _Maps
) -> list[Box | None]:
    """The boxes of tokens with these strokes; those without share the one that they claim most."""
    wanted = [strokes_of or [int(claims[row].argmax())] for row, strokes_of in enumerate(owned)]
    sharing = {int(claims[row].argmax()) for row, strokes_of in enumerate(owned) if not strokes_of}
    parts: list[list[Box]] = [[] for _ in wanted]
    for row, strokes_of in enumerate(wanted):
        parts[row] += [strokes.box(stroke) for stroke in strokes_of if stroke not in sharing]
    for stroke in sharing:
        rows = [row for row, strokes_of in enumerate(wanted) if stroke in strokes_of]
        for row, box in zip(rows, _split(stroke, rows, strokes, maps), strict=True):
            if box is not None:
                parts[row].append(box)
    return [_around(boxes) if boxes else None for boxes in parts]


def _split(stroke: int, rows: Sequence[int], strokes: _Strokes, maps: _Maps) -> list[Box | None]:
    """The boxes of the parts of one stroke that several tokens get: step 4."""
    place = strokes.places[stroke]
    ink = strokes.labels[place] == stroke + 1
    shares = []
    for row in rows:
        pixels = maps[row]
        shares.append(pixels[place] / max(float(pixels.max()), 1e-12))
    winner = np.stack(shares).argmax(axis=0)
    return [_box_of(ink & (winner == number), place) for number in range(len(rows))]


def _box_of(ink: NDArray[np.bool_], place: tuple[slice, slice]) -> Box | None:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return None
    top, left = place[0].start, place[1].start
    return top + int(rows[0]), left + int(columns[0]), top + int(rows[-1]) + 1, left + int(columns[-1]) + 1


def _around(boxes: Sequence[Box]) -> Box:
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )
