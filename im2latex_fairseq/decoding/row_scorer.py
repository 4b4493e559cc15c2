"""Log-probabilities of the next token of each row, by one model or the mean of several."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from im2latex_fairseq.decoding.picture_memory import PictureMemory
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.decoding.stepper import DecoderStepper


class RowScorer:
    """Models at work on one group of pictures.

    Args:
        steppers: One a model; the probabilities of several are averaged, as fairseq does.
        memories: The pictures as each model's encoder sees them.
        settings: Temperature, precision, and whether attention is recorded.
        beams: Rows of a picture in most steps.
    """

    def __init__(
        self,
        steppers: Sequence[DecoderStepper],
        memories: Sequence[PictureMemory],
        settings: DecodingSettings,
        beams: int,
    ) -> None:
        self._temperature = settings.temperature
        self._models = [
            (stepper, stepper.begin(memory, beams, settings.precision, settings.attention))
            for stepper, memory in zip(steppers, memories, strict=True)
        ]
        self.device = memories[0].keys.device
        self._pictures = len(memories[0].counts)
        self._rows = 0

    def log_probabilities(self, tokens: np.ndarray, rows: np.ndarray | None) -> torch.Tensor:
        """Read a token a row and score the next.

        Args:
            tokens: (R,) int64, R a multiple of the number of pictures, the beams of a picture side by side.
            rows: Which row of the step before each row continues, (R,) int64; None: each its own.

        Returns:
            (R, V) float32.
        """
        self._rows = len(tokens)
        slots = self._models[0][1].pictures.slots
        idle = (slots - self._pictures) * (len(tokens) // self._pictures)
        if idle:
            # Rows of slots without a picture read the first symbol after the first row: what they say is cut off.
            nothing = np.zeros(idle, dtype=np.int64)
            tokens = np.concatenate([tokens, nothing])
            rows = None if rows is None else np.concatenate([rows, nothing])
        tokens_there = torch.from_numpy(tokens).to(self.device)
        rows_there = None if rows is None else torch.from_numpy(rows).to(self.device)
        scores = [
            self._log_softmax(stepper.step(state, tokens_there, rows_there))
            for stepper, state in self._models
        ]
        if len(scores) == 1:
            return scores[0][: self._rows]
        return (torch.logsumexp(torch.stack(scores), dim=0) - math.log(len(scores)))[: self._rows]

    def _log_softmax(self, logits: torch.Tensor) -> torch.Tensor:
        if self._temperature != 1.0:
            logits = logits / self._temperature
        return logits.log_softmax(dim=-1)

    def keep(self, slots: np.ndarray) -> None:
        """Keep the pictures of these slots, in this order."""
        self._pictures = len(slots)
        for _, state in self._models:
            state.keep(slots)

    def attention(self) -> torch.Tensor | None:
        """Where the rows looked in the last step, (R, S) float32 on the CPU, if recorded.

        Of several models there is none: their grids may differ.
        """
        looked = self._models[0][1].attention if len(self._models) == 1 else None
        return None if looked is None else looked[: self._rows].cpu()
