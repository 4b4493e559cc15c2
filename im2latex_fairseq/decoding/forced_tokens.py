"""A filter that leaves one formula only: what a model makes of tokens that are given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from im2latex_fairseq.decoding.token_filter import TokenFilter


class ForcedTokens(TokenFilter):
    """Allows these ids one after the other, and then the end.

    A row's state is the number of tokens that it has.

    Args:
        ids: Of the formula, without the end.
        eos: Id of the end.
        vocabulary_size: V.

    Raises:
        ValueError: An id is no id of the dictionary, or that of the end.
    """

    def __init__(self, ids: Sequence[int], *, eos: int, vocabulary_size: int) -> None:
        wrong = [id_ for id_ in ids if not 0 <= id_ < vocabulary_size or id_ == eos]
        if wrong:
            raise ValueError(
                f"ids {wrong[:5]} can't be tokens of a formula: a dictionary of {vocabulary_size}, end {eos}"
            )
        self._next = np.array([*ids, eos], dtype=np.int64)
        self._vocabulary_size = vocabulary_size

    def begin(self, rows: int, max_len: int) -> np.ndarray:
        """See `TokenFilter.begin`."""
        return np.zeros(rows, dtype=np.int64)

    def allowed(self, states: np.ndarray, step: int, max_len: int) -> torch.Tensor:
        """See `TokenFilter.allowed`."""
        allowed = torch.zeros(len(states), self._vocabulary_size, dtype=torch.bool)
        allowed[torch.arange(len(states)), torch.from_numpy(self._next[states])] = True
        return allowed

    def advance(self, states: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """See `TokenFilter.advance`."""
        return states + 1
