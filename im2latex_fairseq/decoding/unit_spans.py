"""How long a unit of tokens goes on in formulas that are none but formulas: what tells a loop from a matrix.

A *unit* is any sequence of tokens that is followed by itself; its *span* is how many tokens it and its repeats
fill, the last one perhaps in part: `0 & 0 & 0` is the unit `0 &` with a span of 5. Units with a spacing command
are apart: people pile up spaces, and draw with them, as they do with no symbol.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class LongestSpans:
    """How many tokens a unit and its repeats may fill, by the length of the unit.

    Attributes:
        inked: At place p - 1 for units of p tokens, none of them a spacing command. Never decreasing, since a
            unit repeated is a unit too, and at least 2 * p: one repeat is always allowed.
        spaced: The same for units with a spacing command; as many.

    Raises:
        ValueError: The numbers are not such.
    """

    inked: tuple[int, ...]
    spaced: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.inked or len(self.inked) != len(self.spaced):
            raise ValueError(
                f"{len(self.inked)} longest spans of inked units and {len(self.spaced)} of spaced ones; "
                "there must be as many, at least one"
            )
        for spans in (self.inked, self.spaced):
            if list(spans) != sorted(spans) or any(span < 2 * p for p, span in enumerate(spans, 1)):
                raise ValueError(f"longest spans never decrease and leave room for one repeat; got {spans}")


#: `learn_longest_spans` of the 105,929 formulas that examples/im2latex_100k trains on.
DEFAULT_SPANS = LongestSpans(
    inked=(
        *(35, 44, 44, 44, 44, 44, 44, 47, 53, 60, 60, 60, 60, 60, 68, 68),
        *(72, 75, 83, 83, 83, 83, 84, 84, 84, 99, 120, 125, 125, 125, 125, 125),
    ),
    spaced=(120,) * 32,
)


def measure_longest_spans(
    formulas: Iterable[Sequence[str]], longest_unit: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The longest span of each length of a unit.

    Args:
        formulas: Tokens.
        longest_unit: Length of the longest units to look for, in tokens.

    Returns:
        Those of units without and with a spacing command, at place p - 1 for units of p tokens; 0 if no unit
        of that length repeats itself as a whole in any formula.
    """
    tokens, is_spacing = _one_line(formulas)
    places = np.arange(len(tokens))
    last_spacing = np.maximum.accumulate(np.where(is_spacing, places, -1 - longest_unit))
    inked, spaced = [0] * longest_unit, [0] * longest_unit
    for p in range(1, min(longest_unit, len(tokens) - 1) + 1):
        differs = np.ones(len(tokens), dtype=bool)
        differs[p:] = tokens[p:] != tokens[:-p]
        # How many tokens up to each place are equal to the one a unit before.
        equal = places - np.maximum.accumulate(np.where(differs, places, -1))
        has_spacing = places - last_spacing < p
        for longest, kind in ((inked, ~has_spacing), (spaced, has_spacing)):
            most = int(equal[kind].max(initial=0))
            longest[p - 1] = most + p if most >= p else 0
    return tuple(inked), tuple(spaced)


def learn_longest_spans(
    formulas: Iterable[Sequence[str]], *, longest_unit: int = 32, margin: float = 1.5
) -> LongestSpans:
    """Allow what formulas do, and somewhat more.

    Args:
        formulas: Tokens of formulas without loops: references.
        longest_unit: Length of the longest units to recognise, in tokens.
        margin: So many times the longest span seen may be filled; at least 1. Units that never repeat
            themselves in `formulas` may do so once.

    Raises:
        ValueError: A number is out of range.
    """
    if longest_unit < 1 or not margin >= 1:
        raise ValueError(f"longest_unit must be at least 1 and margin too, got {longest_unit} and {margin}")
    allowed = []
    for spans in measure_longest_spans(formulas, longest_unit):
        least = np.arange(1, longest_unit + 1) * 2
        allowed.append(
            np.maximum.accumulate(np.maximum(np.ceil(margin * np.array(spans)).astype(int), least))
        )
    return LongestSpans(*(tuple(spans.tolist()) for spans in allowed))


def _one_line(formulas: Iterable[Sequence[str]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """All tokens as numbers (N,), a number of its own between two formulas; and which are spacing commands."""
    number_of: dict[str, int] = {}
    numbers: list[int] = []
    for count, tokens in enumerate(formulas, 1):
        numbers += [number_of.setdefault(token, len(number_of)) for token in tokens]
        numbers.append(-count)
    is_spacing = np.array([token in SPACING_TOKENS for token in number_of] or [False], dtype=bool)
    line = np.array(numbers, dtype=np.int64)
    return line, is_spacing[np.maximum(line, 0)] & (line >= 0)
