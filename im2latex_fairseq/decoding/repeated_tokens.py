r"""How much formulas repeat themselves: what tells a loop from a matrix of zeros.

A *unit* is a sequence of up to 32 tokens that is followed by itself. A token is *repeated* if three whole rounds of
some unit end with it, and the rounds so far fill more than 8 tokens: in `0 & 0 & 0 & 0 & 0 & 0` those from the ninth
on, in three `\ldots` none. None of the 145,257 formulas that the release model was trained on last
(examples/im2latex_100k/recipe_release.toml) has more than 29 of them, or 20 by units with a spacing command. Those of
people who pad with dozens of spaces (more than 10 in a row: 1 formula in 300) were left out there: a model that learns
them doesn't stop. Of 8,369 validate formulas the limits below cut 3: a row of sixty `~`, a drawing made of `\!`, and
the diagonal `1 , \ 1 , \ ...` of thirteen ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.latex.atom_classes import SPACE_SYMBOLS

SPACING_TOKENS = SPACE_SYMBOLS | {
    r"\hspace",
    r"\hspace*",
    r"\vspace",
    r"\hskip",
    r"\kern",
    r"\mkern",
    r"\mspace",
}

#: Lengths of units, in tokens.
UNIT_LENGTHS = np.arange(1, 33)
#: How many tokens up to one have to be equal to those a unit before, so that it is repeated; for each length.
EQUAL_TOKENS = np.maximum(2 * UNIT_LENGTHS, 9 - UNIT_LENGTHS)


@dataclass(frozen=True)
class RepetitionLimits:
    """How many repeated tokens a formula may have.

    Attributes:
        inked: Of units without a spacing command.
        spaced: Of units with one.

    Raises:
        ValueError: One is negative.
    """

    inked: int
    spaced: int

    def __post_init__(self) -> None:
        if min(self.inked, self.spaced) < 0:
            raise ValueError(f"limits of repeated tokens can't be negative, got {self}")


#: `learn_limits` of those 145,257 formulas.
DEFAULT_LIMITS = RepetitionLimits(inked=44, spaced=30)


def count_repeated_tokens(formulas: Iterable[Sequence[str]]) -> npt.NDArray[np.int64]:
    """Repeated tokens of each formula, (N, 2): of units without a spacing command, and of those with one.

    A token that is repeated by units of both kinds counts for both.
    """
    tokens, is_spacing, ends = _one_line(formulas)
    places = np.arange(len(tokens))
    last_spacing = np.maximum.accumulate(np.where(is_spacing, places, -1 - UNIT_LENGTHS[-1]))
    repeated = np.zeros((len(tokens) + 1, 2), dtype=np.int64)
    for length, least in zip(UNIT_LENGTHS.tolist(), EQUAL_TOKENS.tolist(), strict=True):
        differs = np.ones(len(tokens), dtype=bool)
        differs[length:] = tokens[length:] != tokens[:-length]
        equal = places - np.maximum.accumulate(np.where(differs, places, -1))
        has_spacing = places - last_spacing < length
        repeated[1:, 0] |= (equal >= least) & ~has_spacing
        repeated[1:, 1] |= (equal >= least) & has_spacing
    up_to = repeated.cumsum(axis=0)[ends + 1]
    return np.diff(up_to, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))


def learn_limits(formulas: Iterable[Sequence[str]], *, margin: float = 1.5) -> RepetitionLimits:
    """Allow what formulas do, and somewhat more.

    Args:
        formulas: Tokens of formulas without loops: references.
        margin: So many times the most seen are allowed; at least 1.

    Raises:
        ValueError: The margin is below 1, or there is no formula.
    """
    if not margin >= 1:
        raise ValueError(f"the margin must be at least 1, got {margin}")
    counts = count_repeated_tokens(formulas)
    if not len(counts):
        raise ValueError("limits can't be learned from no formulas")
    inked, spaced = counts.max(axis=0).tolist()
    return RepetitionLimits(math.ceil(margin * inked), math.ceil(margin * spaced))


def _one_line(
    formulas: Iterable[Sequence[str]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """All tokens as numbers, behind each formula a number of its own; which are spacing; where those numbers are."""
    number_of: dict[str, int] = {}
    numbers: list[int] = []
    ends: list[int] = []
    for tokens in formulas:
        numbers += [number_of.setdefault(token, len(number_of)) for token in tokens]
        ends.append(len(numbers))
        numbers.append(-len(ends))
    is_spacing = np.array([token in SPACING_TOKENS for token in number_of] or [False], dtype=bool)
    line = np.array(numbers, dtype=np.int64)
    return line, is_spacing[np.maximum(line, 0)] & (line >= 0), np.array(ends, dtype=np.int64)
