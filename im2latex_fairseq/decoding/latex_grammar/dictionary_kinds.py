"""A dictionary's symbols sorted into kinds; those that it can't complete are never allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .command_arguments import Refused
from .frames import START, Cell, Closer, Context, Frame, MathList, TextList
from .token_kinds import Role, TokenKind, kind_of
from .transitions import NEVER, Transitions

# Lists that between them take every token that opens something.
_LISTS: tuple[Frame, ...] = (
    START,
    MathList(Context(brackets=False), Closer.BRACE),
    MathList(Context(), Closer.RIGHT),
    MathList(Context(), Closer.TABLE, cell=Cell("matrix", 2)),
    TextList(Context()),
)
_NEVER_ALLOWED = TokenKind(Role.NEVER)


class DictionaryKinds:
    """The kinds of a dictionary's symbols.

    Args:
        symbols: In order of their ids.
        eos: Id of the end.
        special: Ids of other special symbols, which are never allowed.

    Attributes:
        kinds: The different kinds.
        kind_of_token: The number of each symbol's kind, (V,) int64.
        refused: Symbols that are never allowed, with the reason.
        horizon: No token makes the way to the end longer than this.

    Raises:
        ValueError: The dictionary lacks what every formula needs.
    """

    def __init__(self, symbols: Sequence[str], eos: int, special: set[int]) -> None:
        self.refused: dict[str, str] = {}
        found = [self._kind(token, symbol, eos, special) for token, symbol in enumerate(symbols)]
        _check_braces(found)
        while True:
            self.kinds = tuple(dict.fromkeys(found))
            transitions = Transitions(self.kinds)
            hopeless = frozenset(_never_completed(transitions))
            if not hopeless:
                break
            for token, kind in enumerate(found):
                if kind in hopeless:
                    found[token] = _NEVER_ALLOWED
                    self.refused[symbols[token]] = "the dictionary lacks what completes it"
        if transitions.cost(START, ink=True) >= NEVER:
            raise ValueError("the dictionary has no symbol that can be drawn; is it one of formulas?")
        numbers = {kind: number for number, kind in enumerate(self.kinds)}
        self.kind_of_token: npt.NDArray[np.int64] = np.array([numbers[kind] for kind in found])
        self.horizon = _longest_detour(transitions)

    def _kind(self, token: int, symbol: str, eos: int, special: set[int]) -> TokenKind:
        if token == eos:
            return TokenKind(Role.END_OF_FORMULA)
        if token in special:
            return _NEVER_ALLOWED
        try:
            return kind_of(symbol)
        except Refused as reason:
            self.refused[symbol] = str(reason)
            return _NEVER_ALLOWED


def _check_braces(kinds: Sequence[TokenKind]) -> None:
    roles = {kind.role for kind in kinds}
    lacking = [role.value for role in (Role.OPEN_BRACE, Role.CLOSE_BRACE) if role not in roles]
    if lacking:
        raise ValueError(
            f"the dictionary has no {' and no '.join(repr(brace) for brace in lacking)}: constrained decoding "
            "closes every group; decode without it, or with a dictionary of tokens as latex.tokenizer gives them"
        )


def _never_completed(transitions: Transitions) -> Iterator[TokenKind]:
    """Kinds that begin what no tokens of the dictionary complete."""
    for kind in transitions.kinds:
        for frame in _LISTS:
            move = transitions.steps(frame)[transitions.kinds.index(kind)]
            if move is not None and _added_cost(transitions, move.frames) >= NEVER:
                yield kind
                break


def _added_cost(transitions: Transitions, frames: tuple[Frame, ...]) -> int:
    """What a token adds to the way to the end; the list that it stands in, which may lack its end, doesn't count."""
    return transitions.cost_of_all(frames[1:])


def _longest_detour(transitions: Transitions) -> int:
    """The most tokens by which one token makes the way to the end longer."""
    longest = 0
    waiting, seen = list(_LISTS), set(_LISTS)
    while waiting:
        frame = waiting.pop()
        cost = transitions.cost(frame)
        for move in transitions.steps(frame):
            if move is None or (total := transitions.cost_of_all(move.frames)) >= NEVER:
                continue
            longest = max(longest, total - cost)
            for following in move.frames:
                if following not in seen and not isinstance(following, MathList | TextList):
                    seen.add(following)
                    waiting.append(following)
    return longest + 1  # ink can cost one more
