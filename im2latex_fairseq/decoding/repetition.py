r"""Endless repetition, recognised by how much a formula repeats itself, and ended.

A decoder may fall into a loop: `c c c c` in the columns of an array, `\, \, \,`, rows of `{ } & { } &`. But
formulas repeat themselves too: matrices of zeros, dots, rules drawn by spaces. What tells them apart is how much:
`repeated_tokens` counts it, and knows how much of it formulas have. Once a row has as many repeated tokens as it may
have, none may follow that would be one more. Every other token may, and so may the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.decoding.repeated_tokens import (
    DEFAULT_LIMITS,
    EQUAL_TOKENS,
    SPACING_TOKENS,
    UNIT_LENGTHS,
    RepetitionLimits,
)
from im2latex_fairseq.decoding.token_filter import ArrayFilter

Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

_UNITS = len(UNIT_LENGTHS)
_NO_TOKEN = -1


@dataclass
class _Rows:
    """What is known of N rows; K lengths of units.

    Attributes:
        history: (N, K) the last tokens, the newest first.
        equal: (N, K) at [:, p - 1] how many tokens up to the newest are equal to the one p tokens before.
        since_spacing: (N,) tokens after the last spacing command.
        repeated: (N, 2) repeated tokens, of units without a spacing command and with one.
        is_bound: (N,) whether some token may not follow.
    """

    history: Ints
    equal: Ints
    since_spacing: Ints
    repeated: Ints
    is_bound: Bools

    @classmethod
    def empty(cls, rows: int) -> _Rows:
        """Rows without tokens."""
        return cls(
            np.full((rows, _UNITS), _NO_TOKEN, dtype=np.int32),
            np.zeros((rows, _UNITS), dtype=np.int32),
            np.full(rows, _UNITS, dtype=np.int32),
            np.zeros((rows, 2), dtype=np.int32),
            np.zeros(rows, dtype=bool),
        )

    def __len__(self) -> int:
        return len(self.is_bound)

    def __getitem__(self, rows: np.ndarray) -> _Rows:
        return _Rows(*(getattr(self, field.name)[rows] for field in fields(self)))

    def has_spacing(self) -> Bools:
        """(N, K) whether the last p tokens hold a spacing command, at [:, p - 1]."""
        return np.less(self.since_spacing[:, None], UNIT_LENGTHS)


class _Archive:
    """Rows that are kept; a row's place is its state. States stay valid while rows are added.

    Args:
        first: Rows to begin with.
    """

    def __init__(self, first: _Rows) -> None:
        self.rows = first
        self._used = len(first)

    def add(self, rows: _Rows) -> npt.NDArray[np.int64]:
        """Places of `rows`, (N,)."""
        end = self._used + len(rows)
        if end > len(self.rows):
            self._grow(max(end, 2 * len(self.rows)))
        for field in fields(_Rows):
            getattr(self.rows, field.name)[self._used : end] = getattr(rows, field.name)
        places = np.arange(self._used, end, dtype=np.int64)
        self._used = end
        return places

    def _grow(self, capacity: int) -> None:
        larger = _Rows.empty(capacity)
        for field in fields(_Rows):
            getattr(larger, field.name)[: self._used] = getattr(self.rows, field.name)[: self._used]
        self.rows = larger


class RepetitionFilter(ArrayFilter):
    """Ends endless repetition: forbids repeated tokens once there are too many.

    It never forbids the end, nor a token that isn't repeated. Where it stands behind a grammar that leaves no other
    token, it isn't obeyed (see `CombinedFilter`), and goes on counting. What was counted stays, so that a loop
    that was cut doesn't begin anew after a token in between.

    Args:
        symbols: Of the dictionary, in the order of their ids.
        limits: How many repeated tokens a formula may have.
    """

    def __init__(self, symbols: Sequence[str], limits: RepetitionLimits = DEFAULT_LIMITS) -> None:
        self._vocabulary = len(symbols)
        self._is_spacing = np.array([symbol in SPACING_TOKENS for symbol in symbols], dtype=bool)
        self._limits = np.array([limits.inked, limits.spaced], dtype=np.int32)
        self._archive = _Archive(_Rows.empty(0))

    def begin(self, rows: int, max_len: int) -> npt.NDArray[np.int64]:
        """See `TokenFilter.begin`."""
        self._archive = _Archive(_Rows.empty(rows))
        return np.arange(rows, dtype=np.int64)

    def allowed_array(self, states: np.ndarray, step: int, max_len: int) -> Bools | None:
        """See `ArrayFilter.allowed_array`."""
        bound = np.flatnonzero(self._archive.rows.is_bound[states])
        if not bound.size:
            return None
        rows = self._archive.rows[states[bound]]
        row, unit = np.nonzero(self._bound_units(rows))
        # Going on with a unit of p tokens is to repeat the token that stands p back.
        forbidden = rows.history[row, unit].astype(np.int64)
        mask = np.ones((len(states), self._vocabulary), dtype=bool)
        mask[bound[row], forbidden] = False
        return mask

    def advance(self, states: np.ndarray, tokens: np.ndarray) -> npt.NDArray[np.int64]:
        """See `TokenFilter.advance`."""
        before = self._archive.rows[states]
        after = _Rows(
            history=np.concatenate([tokens[:, None].astype(np.int32), before.history[:, :-1]], axis=1),
            equal=np.where(before.history == tokens[:, None], before.equal + 1, 0),
            since_spacing=np.where(self._is_spacing[tokens], 0, before.since_spacing + 1),
            repeated=before.repeated,
            is_bound=np.zeros(len(before), dtype=bool),
        )
        is_repeated = after.equal >= EQUAL_TOKENS
        if is_repeated.any():
            has_spacing = after.has_spacing()
            kinds = (is_repeated & ~has_spacing, is_repeated & has_spacing)
            after.repeated = before.repeated + np.stack([kind.any(axis=1) for kind in kinds], axis=1)
        if (after.repeated >= self._limits).any():
            after.is_bound = np.asarray(self._bound_units(after).any(axis=1))
        return self._archive.add(after)

    def _bound_units(self, rows: _Rows) -> Bools:
        """(N, K): whether going on with the unit of p tokens would be a repeated token too many, at [:, p - 1]."""
        is_used_up = rows.repeated >= self._limits
        would_be_repeated = rows.equal + 1 >= EQUAL_TOKENS
        bound: Bools = would_be_repeated & np.where(rows.has_spacing(), is_used_up[:, 1:], is_used_up[:, :1])
        return bound
