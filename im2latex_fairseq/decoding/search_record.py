"""Which token each row took at each step, and which row it came from: hypotheses are read from it backwards."""

from __future__ import annotations

import numpy as np
import torch

from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis


class SearchRecord:
    """Back-pointers of all pictures, so that no step copies the tokens before it.

    Args:
        pictures: P.
        beam: Rows of a picture.
        max_len: Most tokens of a hypothesis.
    """

    def __init__(self, pictures: int, beam: int, max_len: int) -> None:
        shape = (max_len, pictures, beam)
        self._tokens = np.zeros(shape, dtype=np.int32)
        self._parents = np.zeros(shape, dtype=np.int32)
        self._totals = np.zeros(shape, dtype=np.float32)
        self._looked: list[tuple[torch.Tensor, np.ndarray]] = []

    def add(
        self, step: int, pictures: np.ndarray, tokens: np.ndarray, parents: np.ndarray, totals: np.ndarray
    ) -> None:
        """Keep a step.

        Args:
            step: From 0.
            pictures: Numbers of those that go on, (N,).
            tokens: (N, beam) ids.
            parents: (N, beam), the row of the same picture that each continues.
            totals: (N, beam), log-probability of all tokens so far.
        """
        self._tokens[step, pictures] = tokens
        self._parents[step, pictures] = parents
        self._totals[step, pictures] = totals

    def add_attention(self, weights: torch.Tensor | None, pictures: np.ndarray) -> None:
        """Keep where a step looked.

        Args:
            weights: (N * rows of a picture, S), or None where nobody asked.
            pictures: Numbers of the pictures in their order there, (N,).
        """
        if weights is not None:
            slots = np.full(self._tokens.shape[1], -1)
            slots[pictures] = np.arange(len(pictures))
            self._looked.append((weights.view(len(pictures), -1, weights.shape[1]), slots))

    def hypothesis(
        self, picture: int, row: int, step: int, total: float, length_penalty: float
    ) -> DecodedHypothesis:
        """The formula of a row that ended.

        Args:
            picture: Its number.
            row: That chose the end.
            step: At which it did: the number of tokens.
            total: Log-probability of the tokens and the end.
            length_penalty: See `DecodingSettings`.
        """
        rows = np.empty(step + 1, dtype=np.int64)
        rows[step] = row
        parents = self._parents[:step, picture].tolist()
        for before in range(step - 1, -1, -1):
            rows[before] = row = parents[before][row]
        # rows[t] is the row that was scored at step t; token t lies in the row that it went to, t + 1.
        steps = np.arange(step)
        totals = np.empty(step + 1, dtype=np.float32)
        totals[:step] = self._totals[steps, picture, rows[1:]]
        totals[step] = total
        return DecodedHypothesis(
            ids=tuple(self._tokens[steps, picture, rows[1:]].tolist()),
            score=float(totals[step] / np.float32((step + 1) ** length_penalty)),
            token_log_probabilities=tuple(np.diff(totals, prepend=np.float32(0)).tolist()),
            attention=self._attention_of(picture, rows),
        )

    def _attention_of(self, picture: int, rows: np.ndarray) -> torch.Tensor | None:
        if not self._looked:
            return None
        looked = [
            weights[slots[picture], row]
            for (weights, slots), row in zip(self._looked, rows.tolist(), strict=True)
        ]
        # Later steps may see fewer cells: those of pictures that have left.
        return torch.stack([weights[: len(looked[-1])] for weights in looked])
