"""A token filter at work on the rows of a search."""

from __future__ import annotations

import numpy as np
import torch

from im2latex_fairseq.decoding.token_filter import TokenFilter, close_what_should_end


class FilteredRows:
    """The filter's state of each row; without a filter, nothing.

    Args:
        token_filter: Or None.
        rows: Rows at the beginning.
        max_len: Longest output, in tokens without the end.
        eos: Id of the end.
    """

    def __init__(self, token_filter: TokenFilter | None, rows: int, max_len: int, eos: int) -> None:
        self._filter = token_filter
        self._max_len = max_len
        self._eos = eos
        self._states = np.zeros(rows, dtype=np.int64)
        # Rows that nothing may follow hold no formula: the filter isn't asked about them any more.
        self._alive = np.ones(rows, dtype=bool)
        if token_filter is not None:
            self._states = token_filter.begin(rows, max_len)

    def forbid(self, log_probabilities: torch.Tensor, step: int) -> None:
        """Set what may not follow to minus infinity in (R, V), in place."""
        if self._filter is None:
            return
        states = self._states[self._alive]
        allowed = self._filter.allowed_array(states, step, self._max_len)
        if allowed is None:
            return
        all_alive = bool(self._alive.all())
        rows = torch.from_numpy(np.flatnonzero(self._alive)).to(log_probabilities.device)
        scores = log_probabilities if all_alive else log_probabilities[rows]
        close_what_should_end(
            self._filter,
            states,
            allowed,
            lambda: (scores[:, self._eos] >= scores.amax(dim=1)).cpu().numpy(),
            self._eos,
        )
        forbidden = torch.from_numpy(~allowed).to(log_probabilities.device)
        if all_alive:
            log_probabilities.masked_fill_(forbidden, float("-inf"))
        else:
            log_probabilities[rows] = scores.masked_fill(forbidden, float("-inf"))

    def advance(self, rows: np.ndarray, tokens: np.ndarray, alive: np.ndarray) -> None:
        """Continue rows with tokens, each (R,); those not alive, (R,) bool, have no score and hold no formula."""
        if self._filter is None:
            return
        states = self._states[rows]
        self._alive = alive
        if alive.all():
            self._states = self._filter.advance(states, tokens)
        else:
            states[alive] = self._filter.advance(states[alive], tokens[alive])
            self._states = states
