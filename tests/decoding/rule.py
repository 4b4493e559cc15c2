"""A filter of tokens that a test says in a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from im2latex_fairseq.decoding.token_filter import TokenFilter


class Rule(TokenFilter):
    """A filter of a function of the tokens so far; a state is the place of a list of tokens."""

    def __init__(self, rule: Callable[[list[int]], Any], vocabulary: int) -> None:
        self.rule = rule
        self.vocabulary = vocabulary
        self.formulas: list[list[int]] = []

    def begin(self, rows: int, max_len: int) -> np.ndarray:
        self.formulas = [[]]
        return np.zeros(rows, dtype=np.int64)

    def allowed(self, states: np.ndarray, step: int, max_len: int) -> torch.Tensor:
        assert all(len(self.formulas[state]) == step for state in states)
        mask = torch.zeros(len(states), self.vocabulary, dtype=torch.bool)
        for row, state in enumerate(states):
            mask[row, self.rule(self.formulas[state])] = True
        return mask

    def advance(self, states: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        for state, token in zip(states, tokens, strict=True):
            assert self.vocabulary_allows(state, token)
            self.formulas.append([*self.formulas[state], int(token)])
        return np.arange(len(self.formulas) - len(states), len(self.formulas))

    def vocabulary_allows(self, state: int, token: int) -> bool:
        return bool(np.isin(token, np.arange(self.vocabulary)[self.rule(self.formulas[state])]))
