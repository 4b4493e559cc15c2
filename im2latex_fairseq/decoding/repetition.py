r"""Endless repetition, recognised by how long a unit of tokens goes on, and ended.

A decoder may fall into a loop: `c c c c` in the columns of an array, `\, \, \,`, rows of `{ } & { } &`. But
formulas repeat themselves too: matrices of zeros, dots, rules drawn by spaces. What tells them apart is how long
it goes on (`unit_spans`). Where a unit and its repeats fill as many tokens as they may, the token that would go on
may not follow. Every other token may, and so may the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch

from im2latex_fairseq.decoding.unit_spans import DEFAULT_SPANS, SPACING_TOKENS, LongestSpans

Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

_NO_TOKEN = -1


@dataclass
class _Rows:
    """What is known of N rows, for units of 1 to K tokens.

    Attributes:
        history: (N, K) the last tokens, the newest first.
        equal: (N, K) at [:, p - 1] how many tokens up to the newest are equal to the one p tokens before.
        since_spacing: (N,) tokens after the last spacing command.
        cuts: (N,) loops that were cut.
        is_full: (N,) whether a unit fills as much as it may.
    """

    history: Ints
    equal: Ints
    since_spacing: Ints
    cuts: Ints
    is_full: Bools

    @classmethod
    def empty(cls, rows: int, units: int) -> _Rows:
        """Rows without tokens."""
        return cls(
            np.full((rows, units), _NO_TOKEN, dtype=np.int32),
            np.zeros((rows, units), dtype=np.int32),
            np.full(rows, units, dtype=np.int32),
            np.zeros(rows, dtype=np.int32),
            np.zeros(rows, dtype=bool),
        )

    def __len__(self) -> int:
        return len(self.cuts)

    def __getitem__(self, rows: np.ndarray) -> _Rows:
        return _Rows(*(getattr(self, field.name)[rows] for field in fields(self)))


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
        larger = _Rows.empty(capacity, self.rows.history.shape[1])
        for field in fields(_Rows):
            getattr(larger, field.name)[: self._used] = getattr(self.rows, field.name)[: self._used]
        self.rows = larger


class RepetitionFilter:
    """Ends endless repetition: a `TokenFilter` that forbids going on with a unit that fills too much already.

    It never forbids the end, nor a token that doesn't go on with a unit. Where it stands behind a grammar that
    leaves no other token, it isn't obeyed (see `CombinedFilter`), and goes on counting. A loop that was cut
    may begin anew after a token in between; so each cut halves what a unit may fill in that row, down to
    three times the unit.

    Args:
        symbols: Of the dictionary, in the order of their ids.
        spans: What a unit may fill.
    """

    def __init__(self, symbols: Sequence[str], spans: LongestSpans = DEFAULT_SPANS) -> None:
        self._vocabulary = len(symbols)
        self._is_spacing = np.array([symbol in SPACING_TOKENS for symbol in symbols], dtype=bool)
        self._lengths = np.arange(1, len(spans.inked) + 1, dtype=np.int32)
        self._inked = np.array(spans.inked, dtype=np.int32)
        self._spaced = np.array(spans.spaced, dtype=np.int32)
        self._archive = _Archive(_Rows.empty(0, len(self._lengths)))

    def begin(self, rows: int, max_len: int) -> npt.NDArray[np.int64]:
        """See `TokenFilter.begin`."""
        self._archive = _Archive(_Rows.empty(rows, len(self._lengths)))
        return np.arange(rows, dtype=np.int64)

    def allowed(self, states: np.ndarray, step: int, max_len: int) -> torch.Tensor | None:
        """See `TokenFilter.allowed`."""
        full = np.flatnonzero(self._archive.rows.is_full[states])
        if not full.size:
            return None
        rows = self._archive.rows[states[full]]
        row, unit = np.nonzero(self._filled(rows))
        # Going on with a unit of p tokens is to repeat the token that stands p back.
        forbidden = rows.history[row, unit].astype(np.int64)
        mask = torch.ones((len(states), self._vocabulary), dtype=torch.bool)
        mask[torch.from_numpy(full[row]), torch.from_numpy(forbidden)] = False
        return mask

    def advance(self, states: np.ndarray, tokens: np.ndarray) -> npt.NDArray[np.int64]:
        """See `TokenFilter.advance`."""
        before = self._archive.rows[states]
        goes_on = before.history == tokens[:, None]
        after = _Rows(
            history=np.concatenate([tokens[:, None].astype(np.int32), before.history[:, :-1]], axis=1),
            equal=np.where(goes_on, before.equal + 1, 0),
            since_spacing=np.where(self._is_spacing[tokens], 0, before.since_spacing + 1),
            cuts=before.cuts,
            is_full=before.is_full,
        )
        if before.is_full.any():
            is_cut = before.is_full & ~(self._filled(before) & goes_on).any(axis=1)
            after.cuts = before.cuts + is_cut
        after.is_full = np.asarray(self._filled(after).any(axis=1))
        return self._archive.add(after)

    def _filled(self, rows: _Rows) -> Bools:
        """(N, K): whether a unit of p tokens fills as much as it may, at [:, p - 1]."""
        has_spacing = rows.since_spacing[:, None] < self._lengths
        longest = np.where(has_spacing, self._spaced, self._inked)
        if rows.cuts.any():
            halved = np.maximum(longest >> np.minimum(rows.cuts, 30)[:, None], 3 * self._lengths)
            longest = np.minimum(longest, halved)
        filled: Bools = rows.equal + self._lengths >= longest
        return filled
