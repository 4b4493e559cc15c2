r"""Which symbols of a hypothesis stand where the reference has them: CDM's idea, from TeX's own pages.

Character Detection Matching (Wang et al. 2024, "CDM: A Reliable Metric for Fair and Accurate Formula Recognition
Evaluation") draws each token of both formulas in a colour of its own, matches the tokens' boxes by the Hungarian
method, drops matches that don't fit the others geometrically, and counts. So do we:

1. Symbols: `symbol_boxes` of formulas that `token_colours` and `images.coloured_tokens` had TeX set in colours.
2. Assignment: of least cost, where a pair costs 1 if the two look different, plus 0.05 times the distance of their
   boxes (mean over the four sides, as a share of the formula's width or height), plus 0.15 if the shortest way to
   turn one sequence of symbols into the other by deletions and insertions doesn't keep the pair.
3. Place: of the assigned pairs that look the same, the largest group that one shift takes from the reference to the
   hypothesis. Sideways the shift may differ by `_SPACE_EM` (spaces aren't judged) and by the widths of symbols that
   found no match and can have pushed the others; up and down by `_HEIGHT_EM` only. If symbols found no match, two
   further groups of at least three pairs may follow with shifts of their own: a wrong row moves those below it.
4. Order: pairs on one line whose order is reversed are dropped, the most entangled first, until none is left.
5. matched = what is left; recall = matched / reference's symbols, precision = matched / hypothesis's symbols,
   F1 = 2 matched / both; ExpRate = share of formulas with F1 = 1.

Differs from CDM: a symbol is known by its glyphs, not by its token's name, so that another font or size is another
symbol and `\le` is `\leq`; places come from TeX's page, not from pixels. In step 2, CDM (whose weights these are)
multiplies 0.15 with the distance in order as a share, which pairs the wrong ones of equal symbols where one formula is
longer. Step 3 tries every pair's shift where CDM draws samples (RANSAC), doesn't scale (both are drawn alike) and is
stricter, so that x^2 doesn't match x_2. Step 4 is ours. And nothing is left out: what can't be coloured or drawn counts
on another basis, and says so.

The bases, from best to worst. "tokens": as above. "glyphs": both formulas can be set but not both coloured; each
glyph and each rule is a symbol. "text": one can't be set; nothing matches, unless both are the same tokens, and
its symbols are counted from its tokens. A blank formula has no symbols; two blank ones agree.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import LCSseq
from scipy.optimize import linear_sum_assignment

from im2latex_fairseq.images.coloured_tokens import TypesetFormula, typeset_formulas
from im2latex_fairseq.metrics.symbol_boxes import (
    NO_SYMBOLS,
    Boxes,
    Symbols,
    glyph_symbols,
    token_symbols,
)
from im2latex_fairseq.metrics.symbol_counts import SymbolCounts
from im2latex_fairseq.metrics.token_colours import colour_tokens, count_visible

Tokens = Sequence[str]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

_SIZE_PT = 12
# Of CDM.
_LOOK_WEIGHT, _PLACE_WEIGHT, _ORDER_WEIGHT = 1.0, 0.05, 0.15
_GROUPS = 3
_MIN_LATER_GROUP = 3
# The widest of the usual spaces, \qquad.
_SPACE_EM = 2.0
# Scripts of x_i^2 and x_i differ by 0.08 em, those of x^2 and x_2 by 0.5 em.
_HEIGHT_EM = 0.2
# What TeX sets around a relation at most (two thick spaces): a symbol that is missing takes them along.
_SPACE_AROUND_EM = 10 / 18
# Symbols whose left sides are closer than this have no order.
_ORDER_EM = 0.05


@dataclass(frozen=True)
class DrawnFormula:
    """A formula as TeX set it.

    Attributes:
        tokens: Its tokens.
        typeset: Glyphs and colours; None for a formula without tokens, which is blank paper.
        stand_ins: Characters that boxes stand for.
    """

    tokens: tuple[str, ...]
    typeset: TypesetFormula | None
    stand_ins: int = 0

    @property
    def error(self) -> str:
        """Why TeX doesn't set it; "" if it does."""
        return self.typeset.error if self.typeset is not None else ""

    @property
    def uncoloured(self) -> str:
        """Why it can't be coloured; "" if it is."""
        return self.typeset.uncoloured if self.typeset is not None else ""

    def by_token(self) -> Symbols:
        """Its symbols, if it is coloured."""
        return NO_SYMBOLS if self.typeset is None else token_symbols(self.typeset, self.tokens)

    def by_glyph(self) -> Symbols:
        """Its glyphs and rules."""
        return NO_SYMBOLS if self.typeset is None else glyph_symbols(self.typeset)


def draw_formulas(formulas: Sequence[Tokens], *, timeout_s: float = 3.0) -> list[DrawnFormula]:
    """Have TeX set formulas in colours; equal ones once.

    Args:
        formulas: Tokens of each, best in normal form.
        timeout_s: Processor seconds that a batch may take.

    Raises:
        RenderError: TeX is missing, or can't be set up on this machine.
    """
    distinct = {tokens: colour_tokens(tokens) for tokens in map(tuple, formulas) if tokens}
    results = typeset_formulas(
        [coloured.parts for coloured in distinct.values()], size_pt=_SIZE_PT, timeout_s=timeout_s
    )
    drawn = {
        tokens: DrawnFormula(tokens, typeset, coloured.stand_ins)
        for (tokens, coloured), typeset in zip(distinct.items(), results, strict=True)
    }
    drawn[()] = DrawnFormula((), None)
    return [drawn[tuple(tokens)] for tokens in formulas]


def compare_drawn(hypothesis: DrawnFormula, reference: DrawnFormula) -> SymbolCounts:
    """Count the symbols of two formulas and those that stand in both, on the best basis there is."""
    stand_ins = hypothesis.stand_ins + reference.stand_ins
    sides = (("hypothesis", hypothesis), ("reference", reference))
    undrawn = [f"{side}_not_drawn/{drawn.error}" for side, drawn in sides if drawn.error]
    if undrawn:
        counts = [count_visible(drawn.tokens) if drawn.error else len(_symbols(drawn)) for _, drawn in sides]
        matched = counts[0] if hypothesis.tokens == reference.tokens else 0
        return SymbolCounts(matched, counts[0], counts[1], "text", undrawn[0], stand_ins)
    uncoloured = [f"{side}_not_coloured/{drawn.uncoloured}" for side, drawn in sides if drawn.uncoloured]
    if uncoloured:
        said, right = hypothesis.by_glyph(), reference.by_glyph()
        matched = len(match_symbols(said, right))
        return SymbolCounts(matched, len(said), len(right), "glyphs", uncoloured[0], stand_ins)
    said, right = hypothesis.by_token(), reference.by_token()
    return SymbolCounts(len(match_symbols(said, right)), len(said), len(right), stand_ins=stand_ins)


def _symbols(drawn: DrawnFormula) -> Symbols:
    return drawn.by_glyph() if drawn.uncoloured else drawn.by_token()


def match_symbols(hypothesis: Symbols, reference: Symbols) -> list[tuple[int, int]]:
    """Pairs (index in the hypothesis, index in the reference) of symbols that stand in both; see the module."""
    if hypothesis.looks == reference.looks and np.array_equal(hypothesis.boxes, reference.boxes):
        return [(index, index) for index in range(len(reference))]
    if not len(hypothesis) or not len(reference):
        return []
    looks, other_looks, kinds, other_kinds = _numbered(hypothesis, reference)
    same_kind = (kinds[:, None] == other_kinds[None, :]) & (kinds[:, None] > 0)
    same = (looks[:, None] == other_looks[None, :]) | same_kind
    in_sequence = _common_sequence(
        np.where(kinds > 0, kinds, looks), np.where(other_kinds > 0, other_kinds, other_looks)
    )
    said, right = assign(same, in_sequence, hypothesis.boxes, reference.boxes)
    alike = same[said, right]
    said, right = said[alike], right[alike]
    fits = _fitting(hypothesis, reference, said, right)
    said, right = said[fits], right[fits]
    ordered = _in_order(hypothesis.boxes[said], reference.boxes[right])
    return [(int(a), int(b)) for a, b in zip(said[ordered], right[ordered], strict=True)]


def _numbered(hypothesis: Symbols, reference: Symbols) -> tuple[Indices, Indices, Indices, Indices]:
    """Numbers for looks (of both sides) and for kinds of elastic symbols (of both; 0: not elastic)."""
    numbers: dict[Hashable, int] = {"": 0}

    def number(values: Sequence[Hashable]) -> Indices:
        return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.intp)

    return (
        number([("look", look) for look in hypothesis.looks]),
        number([("look", look) for look in reference.looks]),
        number(hypothesis.elastic),
        number(reference.elastic),
    )


def assign(same: Flags, in_sequence: Flags, hypothesis: Boxes, reference: Boxes) -> tuple[Indices, Indices]:
    """The assignment of least cost: step 2 of the module's list.

    Args:
        same: (n, m), whether two look the same.
        in_sequence: (n, m), whether two are a pair in both sequences.
        hypothesis: Boxes (n, 4), n >= 1.
        reference: Boxes (m, 4), m >= 1.

    Returns:
        Indices of both sides, of min(n, m) pairs.
    """
    place = np.abs(_shares(hypothesis)[:, None] - _shares(reference)[None, :]).mean(axis=2)
    cost = _LOOK_WEIGHT * ~same + _PLACE_WEIGHT * place + _ORDER_WEIGHT * ~in_sequence
    said, right = linear_sum_assignment(cost)
    return said, right


def _common_sequence(hypothesis: Indices, reference: Indices) -> Flags:
    """(n, m): which pairs belong to the longest common subsequence that was found."""
    kept = np.zeros((len(hypothesis), len(reference)), dtype=np.bool_)
    for block in LCSseq.opcodes(hypothesis.tolist(), reference.tolist()):
        if block.tag == "equal":
            kept[range(block.src_start, block.src_end), range(block.dest_start, block.dest_end)] = True
    return kept


def _shares(boxes: Boxes) -> Boxes:
    size = np.maximum(boxes.max(axis=0)[2:], 1e-6)
    shares: Boxes = boxes / np.tile(size, 2)
    return shares


def _fitting(hypothesis: Symbols, reference: Symbols, said: Indices, right: Indices) -> Flags:
    """Which of the assigned pairs fit one of the few shifts: step 3 of the module's list."""
    em = float(_SIZE_PT)
    unmatched = [
        np.delete(symbols.boxes, matched, axis=0)
        for symbols, matched in ((hypothesis, said), (reference, right))
    ]
    strange = np.concatenate(unmatched)
    pushed = float((strange[:, 2] - strange[:, 0]).sum()) + _SPACE_AROUND_EM * em * len(strange)
    ours, theirs = hypothesis.boxes[said], reference.boxes[right]
    shifts = _centres(ours) - _centres(theirs)
    # The centre of what has grown has moved by half of it.
    grown = np.abs(_sizes(ours) - _sizes(theirs)) / 2
    slack = grown + np.array([_SPACE_EM * em + pushed, _HEIGHT_EM * em])
    fits = np.zeros(len(said), dtype=np.bool_)
    for group in range(_GROUPS if len(strange) else 1):
        left = np.flatnonzero(~fits)
        if len(left) < (_MIN_LATER_GROUP if group else 1):
            break
        difference = np.abs(shifts[left][:, None] - shifts[left][None, :])
        within = (difference <= slack[left][None, :]).all(axis=2)
        best = int(within.sum(axis=1).argmax())
        if group and within[best].sum() < _MIN_LATER_GROUP:
            break
        fits[left[within[best]]] = True
    return fits


def _in_order(ours: Boxes, theirs: Boxes) -> Indices:
    """Indices of pairs that keep the order of lines: step 4 of the module's list."""
    keep = np.arange(len(ours))
    if len(keep) < 2:
        return keep
    on_one_line = _overlap(ours) & _overlap(theirs)
    # Left sides: the middle of a root moves past what is below it when that gets shorter.
    x, other_x = ours[:, 0], theirs[:, 0]
    steps, other_steps = x[:, None] - x[None, :], other_x[:, None] - other_x[None, :]
    near = _ORDER_EM * _SIZE_PT
    clear = (np.abs(steps) > near) & (np.abs(other_steps) > near)
    reversed_pairs = on_one_line & clear & (np.sign(steps) != np.sign(other_steps))
    while reversed_pairs.any():
        worst = int(reversed_pairs.sum(axis=1).argmax())
        keep = np.delete(keep, worst)
        reversed_pairs = np.delete(np.delete(reversed_pairs, worst, axis=0), worst, axis=1)
    return keep


def _overlap(boxes: Boxes) -> Flags:
    """(n, n): whether two boxes share some height."""
    top, bottom = boxes[:, 1], boxes[:, 3]
    overlap: Flags = np.minimum(bottom[:, None], bottom[None, :]) > np.maximum(top[:, None], top[None, :])
    return overlap


def _centres(boxes: Boxes) -> Boxes:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _sizes(boxes: Boxes) -> Boxes:
    return boxes[:, 2:] - boxes[:, :2]
