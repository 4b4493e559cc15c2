"""The automaton's moves and what it costs to complete a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .arguments import (
    argument_step,
    between_step,
    box_step,
    character_step,
    columns_step,
    delimiter_step,
    expected_step,
    label_step,
    length_step,
    letter_step,
    option_bracket,
    text_argument_step,
)
from .frames import (
    Argument,
    Between,
    Box,
    Character,
    Columns,
    Delimiter,
    Expected,
    Frame,
    Label,
    Length,
    Letter,
    MathList,
    Option,
    Step,
    TextArgument,
    TextList,
)
from .lists import math_step, text_step
from .token_kinds import Role, TokenKind

#: Cost of what can't be completed.
NEVER = 10_000
# No frame needs as many tokens; one that isn't complete by then can't be completed with the dictionary.
_MOST_TOKENS = 24


def _option_step(frame: Option, kind: TokenKind) -> Step | None:
    return option_bracket(frame) if kind.role is Role.OPEN_BRACKET else step(frame.behind, kind)


_STEPS: dict[type, Callable[[Any, TokenKind], Step | None]] = {
    MathList: math_step,
    TextList: text_step,
    Argument: argument_step,
    TextArgument: text_argument_step,
    Character: character_step,
    Option: _option_step,
    Expected: expected_step,
    Letter: letter_step,
    Length: length_step,
    Label: label_step,
    Delimiter: delimiter_step,
    Box: box_step,
    Columns: columns_step,
    Between: between_step,
}


def step(frame: Frame, kind: TokenKind) -> Step | None:
    """What a token of a kind makes of the frame on top of the stack; None if it can't follow."""
    return _STEPS[type(frame)](frame, kind)


class Transitions:
    """The moves that a dictionary has, and the fewest tokens that complete a frame with it.

    Args:
        kinds: The kinds that the dictionary has.
    """

    def __init__(self, kinds: Sequence[TokenKind]) -> None:
        self.kinds = tuple(kinds)
        self._steps: dict[Frame, tuple[Step | None, ...]] = {}
        self._costs: dict[tuple[Frame, bool], int] = {}
        self._too_few: dict[tuple[Frame, bool], int] = {}  # so many tokens are known not to do

    def steps(self, frame: Frame) -> tuple[Step | None, ...]:
        """The move of each kind."""
        found = self._steps.get(frame)
        if found is None:
            rule = _STEPS[type(frame)]
            found = self._steps[frame] = tuple([rule(frame, kind) for kind in self.kinds])
        return found

    def cost(self, frame: Frame, *, ink: bool = False) -> int:
        """The fewest tokens that complete a frame, the end of the formula among them.

        Args:
            frame: Any.
            ink: Ask for tokens of which at least one leaves ink.

        Returns:
            At least 1; NEVER if no tokens of the dictionary do.
        """
        known = self._costs.get((frame, ink))
        if known is not None:
            return known
        for budget in range(1, _MOST_TOKENS + 1):
            if self._is_done_within(frame, ink, budget):
                break
        else:
            self._costs[frame, ink] = NEVER
        return self._costs[frame, ink]

    def cost_of_all(self, frames: Sequence[Frame]) -> int:
        """The fewest tokens that complete several frames."""
        return min(NEVER, sum(self.cost(frame) for frame in frames))

    def _is_done_within(self, frame: Frame, ink: bool, budget: int) -> bool:
        """Whether `budget` tokens complete a frame; fewer are known not to, and the cost is noted if they do."""
        key = (frame, ink)
        known = self._costs.get(key)
        if known is not None:
            return known <= budget
        if budget <= self._too_few.get(key, 0):
            return False
        # A list is never completed faster by what opens another one.
        most_frames = 1 if isinstance(frame, MathList | TextList) else budget - 1
        for move in self.steps(frame):
            if move is None or len(move.frames) > min(most_frames, budget - 1):
                continue
            if self._are_done_within(move.frames, ink and not move.ink, budget - 1):
                self._costs[key] = budget
                return True
        self._too_few[key] = budget
        return False

    def _are_done_within(self, frames: tuple[Frame, ...], ink: bool, budget: int) -> bool:
        if not frames:
            return not ink
        if len(frames) == 1:
            return self._has_cost_within(frames[0], ink, budget)
        costs: list[int] = []
        for number, frame in enumerate(frames):
            others = len(frames) - number - 1
            if not self._has_cost_within(frame, False, budget - sum(costs) - others):
                return False
            costs.append(self._costs[frame, False])
        if not ink:
            return True
        left = budget - sum(costs)
        return any(
            self._has_cost_within(frame, True, cost + left) for frame, cost in zip(frames, costs, strict=True)
        )

    def _has_cost_within(self, frame: Frame, ink: bool, budget: int) -> bool:
        first = self._too_few.get((frame, ink), 0) + 1
        return any(self._is_done_within(frame, ink, tokens) for tokens in range(first, budget + 1)) or (
            self._costs.get((frame, ink), NEVER) <= budget
        )
