"""Rules that say which tokens may follow: the hook of grammar and repetition."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import torch


class TokenFilter(Protocol):
    """Says at each step which tokens may follow.

    Filters are subclasses. They say `begin`, `allowed` (or, as an `ArrayFilter`, `allowed_array`) and `advance`,
    and those that know the way to the end, `closing_array`.

    A row is one beam of one picture, and has one state: an int that indexes what the filter keeps. States
    are values, without identity: the search selects and repeats rows with plain indexing. A token that may
    not follow gets log-probability minus infinity after the softmax, so that scores stay the model's own.
    """

    def begin(self, rows: int, max_len: int) -> np.ndarray:
        """States of rows without tokens, (rows,) int64; what an earlier decoding left may be forgotten.

        Args:
            rows: Number of rows.
            max_len: Longest output, in tokens without the end.
        """
        ...

    def allowed(self, states: np.ndarray, step: int, max_len: int) -> torch.Tensor | None:
        """Tokens that may follow, (rows, V) bool, True = may; None if every token may.

        Args:
            states: (rows,) int64.
            step: Tokens that each row has, 0 to max_len; at max_len only the end is chosen.
            max_len: As in `begin`.
        """
        ...

    def allowed_array(self, states: np.ndarray, step: int, max_len: int) -> np.ndarray | None:
        """What `allowed` says, as an array."""
        mask = self.allowed(states, step, max_len)
        return None if mask is None else mask.cpu().numpy()

    def closing_array(self, states: np.ndarray) -> np.ndarray | None:
        """Tokens after which the end is nearer, (rows, V) bool, at least one a row; None if it isn't known.

        Where the model is surest of the end and the filter doesn't allow it yet, only these tokens may follow. A
        model that has seen all of a picture has nothing to say but the end: left to itself it would go on with
        blanks, or begin anew, until the longest length is reached.
        """
        return None

    def advance(self, states: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """States after one more token, (rows,) int64; only called with tokens that were allowed.

        Args:
            states: (rows,) int64.
            tokens: (rows,) int64 ids, never the end.
        """
        ...


class ArrayFilter(TokenFilter, Protocol):
    """A filter that needs no torch, and answers where it isn't installed."""

    def allowed(self, states: np.ndarray, step: int, max_len: int) -> torch.Tensor | None:
        """`allowed_array` as a tensor."""
        # Imported here: the engine without torch asks for the array.
        import torch

        mask = self.allowed_array(states, step, max_len)
        return None if mask is None else torch.from_numpy(mask)

    @abstractmethod
    def allowed_array(self, states: np.ndarray, step: int, max_len: int) -> np.ndarray | None:
        """What `TokenFilter.allowed` says, as an array."""
        ...


class CombinedFilter(ArrayFilter):
    """What every one of several filters allows.

    Where nothing is left, the later ones give way: a filter then sees a token that it would have forbidden, and
    has to take it.

    Args:
        filters: At least one, the one that has to be obeyed first.
    """

    def __init__(self, filters: Sequence[TokenFilter]) -> None:
        if not filters:
            raise ValueError("a combined filter needs at least one filter")
        self._filters = tuple(filters)
        # A state is the place of a row of parts: one state of each filter.
        self._parts = np.zeros((0, len(self._filters)), dtype=np.int64)
        self._places: dict[tuple[int, ...], int] = {}

    def begin(self, rows: int, max_len: int) -> np.ndarray:
        """See `TokenFilter.begin`."""
        self._places = {}
        self._parts = np.zeros((0, len(self._filters)), dtype=np.int64)
        return self._places_of(np.stack([f.begin(rows, max_len) for f in self._filters], axis=1))

    def allowed_array(self, states: np.ndarray, step: int, max_len: int) -> np.ndarray | None:
        """`allowed` as an array, without torch if the filters can do without."""
        parts = self._parts[states]
        together: np.ndarray | None = None
        for number, token_filter in enumerate(self._filters):
            mask = token_filter.allowed_array(parts[:, number], step, max_len)
            if together is None or mask is None:
                together = mask if together is None else together
                continue
            both = together & mask
            together = np.where(both.any(axis=1, keepdims=True), both, together)
        return together

    def closing_array(self, states: np.ndarray) -> np.ndarray | None:
        """That of the first filter that knows it; None if none does."""
        parts = self._parts[states]
        for number, token_filter in enumerate(self._filters):
            closing = token_filter.closing_array(parts[:, number])
            if closing is not None:
                return closing
        return None

    def advance(self, states: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """See `TokenFilter.advance`."""
        parts = self._parts[states]
        return self._places_of(
            np.stack([f.advance(parts[:, n], tokens) for n, f in enumerate(self._filters)], axis=1)
        )

    def _places_of(self, parts: np.ndarray) -> np.ndarray:
        added: list[tuple[int, ...]] = []
        places = np.empty(len(parts), dtype=np.int64)
        for row, values in enumerate(map(tuple, parts.tolist())):
            place = self._places.setdefault(values, len(self._places))
            if place == len(self._parts) + len(added):
                added.append(values)
            places[row] = place
        if added:
            self._parts = np.concatenate([self._parts, np.array(added, dtype=np.int64)])
        return places


def close_what_should_end(
    token_filter: TokenFilter,
    states: np.ndarray,
    allowed: np.ndarray,
    would_end: Callable[[], np.ndarray],
    eos: int,
) -> None:
    """Leave rows that would end, and may not yet, the way to the end alone.

    Args:
        token_filter: That said what is allowed; one that doesn't know the way changes nothing.
        states: (rows,) int64.
        allowed: (rows, V) bool, changed in place.
        would_end: Says of which rows the model is surest of the end, (rows,) bool; asked where some may not end.
        eos: Id of the end.
    """
    may_end = allowed[:, eos]
    if may_end.all():
        return
    rows = np.flatnonzero(~may_end & would_end())
    closing = token_filter.closing_array(states[rows]) if len(rows) else None
    if closing is None:
        return
    # Where a way is forbidden by another filter or by the length, what is allowed stays.
    both = allowed[rows] & closing
    allowed[rows] = np.where(both.any(axis=1, keepdims=True), both, allowed[rows])
