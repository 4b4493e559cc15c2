r"""The automaton's stacks as numbers, and its moves as a table.

A state is a stack of frames and whether a token so far leaves ink (a formula without any draws nothing). Stacks are
numbered as they are met; what is found out of one (its moves, its mask, how far it is from the end) is kept, so that
a step of a search is a few lookups in arrays.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.latex.token_cursor import MAX_DEPTH as PARSER_DEPTH

from .frames import START, Frame, MathList, TextList
from .lists import goes_on
from .token_kinds import Role, TokenKind
from .transitions import NEVER, Transitions

#: Frames on the stack at most; a table's cell is two levels to the parser.
MAX_FRAMES = PARSER_DEPTH // 2 - 2
# No token adds more frames than that.
_MOST_ADDED = 6
_UNKNOWN = -1

Ints: TypeAlias = npt.NDArray[np.int64]
Moves: TypeAlias = npt.NDArray[np.int32]
Bools: TypeAlias = npt.NDArray[np.bool_]

_EMPTY_STACK, _FIRST_STACK = 0, 1


class _Costs(NamedTuple):
    """Of the frames that a token of each kind leaves in place of one, (kinds,).

    Attributes:
        costs: The fewest tokens that complete them; NEVER if the kind may not follow.
        longer: How many more if one of them has to leave ink.
        inks: Whether the token itself does.
    """

    costs: Moves
    longer: Moves
    inks: Bools


#: The state of a formula without tokens.
BEGIN = 2 * _FIRST_STACK


class StateTable:
    """States of the automaton of one dictionary: 2 * the number of the stack + 1 if there is ink.

    Args:
        kinds: The dictionary's kinds, each once, the end of the formula among them.

    Attributes:
        masks: The different masks met so far, (kinds,) bool each, True = may follow; they only ever get more.
    """

    def __init__(self, kinds: tuple[TokenKind, ...]) -> None:
        self.kinds = kinds
        self._end = next(number for number, kind in enumerate(kinds) if kind.role is Role.END_OF_FORMULA)
        self.clear()

    def clear(self) -> None:
        """Forget all stacks, and so all states but BEGIN, and all masks."""
        self.transitions = Transitions(self.kinds)
        self.masks: list[Bools] = []
        self._mask_numbers: dict[tuple[Frame | None, int, bool], int] = {}
        self._number_of_mask: dict[bytes, int] = {}
        self._numbers: dict[tuple[Frame, int], int] = {}
        self._frames: list[Frame | None] = []
        self._below: list[int] = []
        self._depths: list[int] = []
        self._distances_after: dict[int, Moves] = {}
        self._costs_after: dict[Frame, _Costs] = {}
        self._moves = np.full((256, len(self.kinds)), _UNKNOWN, dtype=np.int32)
        self._distances = np.zeros((256, 2), dtype=np.int32)  # without ink, with ink
        self._masks_of = np.zeros((256, 2), dtype=np.int64)
        self._add(None, _EMPTY_STACK)
        self._number(START, _EMPTY_STACK)

    def __len__(self) -> int:
        return len(self._frames)

    # By rows

    def move(self, states: Ints, kinds: Ints) -> Ints:
        """States (rows,) after a token of a kind each; only for kinds that may follow."""
        after: Ints = self._moves[states >> 1, kinds].astype(np.int64)
        for row in np.flatnonzero(after == _UNKNOWN):
            after[row] = self._find_move(int(states[row]) >> 1, int(kinds[row]))
        after |= states & 1
        return after

    def follow(self, state: int, kind: int) -> int | None:
        """The state after one token; None if the token may not follow."""
        stack, ink = state >> 1, state & 1
        if not self.masks[self._masks_of[stack, ink]][kind]:
            return None
        after = int(self._moves[stack, kind])
        return (self._find_move(stack, kind) if after == _UNKNOWN else after) | ink

    def distances(self, states: Ints) -> Moves:
        """The fewest tokens from each state to the end of the formula, (rows,), the end counted."""
        found: Moves = self._distances[states >> 1, states & 1]
        return found

    def mask_numbers(self, states: Ints) -> Ints:
        """Which of `masks` is each state's, (rows,)."""
        found: Ints = self._masks_of[states >> 1, states & 1]
        return found

    def distances_after(self, states: Ints) -> Moves:
        """The fewest tokens to the end that are left after a token of each kind.

        Args:
            states: (rows,).

        Returns:
            (rows, kinds); NEVER where a kind may not follow.
        """
        rows = [self._distances_after.get(state) for state in states.tolist()]
        for row, state in enumerate(states.tolist()):
            if rows[row] is None:
                rows[row] = self._distances_after[state] = self._find_distances_after(state >> 1, state & 1)
        return np.array(rows, dtype=np.int32)

    # By stack

    def _number(self, frame: Frame, below: int) -> int:
        """The number of a stack."""
        number = self._numbers.get((frame, below))
        if number is None:
            number = self._numbers[frame, below] = self._add(frame, below)
        return number

    def _add(self, frame: Frame | None, below: int) -> int:
        number = len(self._frames)
        if number == len(self._moves):
            self._moves = np.concatenate([self._moves, np.full_like(self._moves, _UNKNOWN)])
            self._distances = np.concatenate([self._distances, np.zeros_like(self._distances)])
            self._masks_of = np.concatenate([self._masks_of, np.zeros_like(self._masks_of)])
        self._frames.append(frame)
        self._below.append(below)
        self._depths.append(0 if frame is None else self._depths[below] + 1)
        self._distances[number] = (NEVER, 0) if frame is None else self._distances_with((frame,), below)
        for ink in (0, 1):
            self._masks_of[number, ink] = self._mask_number(frame, self._depths[number], bool(ink))
        return number

    def _distances_with(self, frames: tuple[Frame, ...], below: int) -> tuple[int, int]:
        """Distances of a stack with more frames on it: without ink so far, and with.

        Ink can come from any frame: from the one that it makes the least longer.
        """
        without, inked = (int(distance) for distance in self._distances[below])
        longer = without - inked
        for frame in frames:
            cost = self.transitions.cost(frame)
            longer = min(longer, self.transitions.cost(frame, ink=True) - cost)
            inked += cost
        return min(NEVER, inked + longer), min(NEVER, inked)

    def _find_move(self, stack: int, kind: int) -> int:
        """Twice the number of the stack after a token, plus 1 if the token leaves ink."""
        frame = self._frames[stack]
        move = None if frame is None else self.transitions.steps(frame)[kind]
        if move is None:
            raise ValueError(f"{self.kinds[kind]} can't follow here")
        after = self._below[stack]
        if move.seen is not None:
            around = self._frames[after]
            assert isinstance(around, MathList)  # what a group stands in
            after = self._number(goes_on(around, move.seen), self._below[after])
        for added in move.frames:
            after = self._number(added, after)
        self._moves[stack, kind] = 2 * after + move.ink
        return 2 * after + move.ink

    def _mask_number(self, frame: Frame | None, depth: int, inked: bool) -> int:
        room = min(MAX_FRAMES - depth, _MOST_ADDED)
        key = (frame, room, inked)
        number = self._mask_numbers.get(key)
        if number is None:
            mask = self._find_mask(frame, room, inked)
            number = self._number_of_mask.setdefault(mask.tobytes(), len(self.masks))
            if number == len(self.masks):
                self.masks.append(mask)
            self._mask_numbers[key] = number
        return number

    def _find_mask(self, frame: Frame | None, room: int, inked: bool) -> Bools:
        mask = np.zeros(len(self.kinds), dtype=bool)
        if frame is None:  # finished rows are still asked
            mask[self._end] = True
            return mask
        is_list = isinstance(frame, MathList | TextList)
        for kind, move in enumerate(self.transitions.steps(frame)):
            if move is not None and len(move.frames) - 1 <= room:
                # What a list can't complete is no kind of the dictionary; an argument can lead into a dead end.
                mask[kind] = is_list or self.transitions.cost_of_all(move.frames) < NEVER
        mask[self._end] &= inked
        return mask

    def _find_distances_after(self, stack: int, inked: int) -> Moves:
        frame, below = self._frames[stack], self._below[stack]
        if frame is None:
            return np.where(np.arange(len(self.kinds)) == self._end, 0, NEVER).astype(np.int32)
        added = self._costs_after.get(frame)
        if added is None:
            added = self._costs_after[frame] = self._find_costs_after(frame)
        distances = added.costs + self._distances[below, 1]
        if not inked:
            longer = self._distances[below, 0] - self._distances[below, 1]
            distances += np.where(added.inks, 0, np.minimum(added.longer, longer))
        near: Moves = np.minimum(distances, NEVER)
        return near

    def _find_costs_after(self, frame: Frame) -> _Costs:
        size = len(self.kinds)
        found = _Costs(np.full(size, NEVER, np.int32), np.full(size, NEVER, np.int32), np.zeros(size, bool))
        for kind, move in enumerate(self.transitions.steps(frame)):
            if move is not None:
                costs = [self.transitions.cost(added) for added in move.frames]
                extra = [
                    self.transitions.cost(added, ink=True) - cost
                    for added, cost in zip(move.frames, costs, strict=True)
                ]
                found.costs[kind] = min(NEVER, sum(costs))
                found.longer[kind] = min(NEVER, *extra, NEVER)
                found.inks[kind] = move.ink
        return found
