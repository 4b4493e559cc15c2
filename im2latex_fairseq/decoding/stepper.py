"""What a search asks of a decoder: scores of the next token, one step at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from im2latex_fairseq.decoding.causal_window import CausalWindows
from im2latex_fairseq.decoding.picture_attention import PictureAttention
from im2latex_fairseq.decoding.picture_memory import PictureMemory


@dataclass
class StepperState:
    """What a decoder keeps between the steps: of rows (beams of pictures), and of pictures.

    Attributes:
        windows: The rows' recent inputs of each layer.
        pictures: Their keys and values, in the precision's type.
        precision: Of the products, one of `settings.PRECISIONS`.
        record: Keep where each step looks.
        position: Steps that were made.
        attention: Where the rows of the last step looked, (R, S) float32, if asked for.
    """

    windows: CausalWindows
    pictures: PictureAttention
    precision: str
    record: bool
    position: int = 0
    attention: torch.Tensor | None = None

    def keep(self, slots: np.ndarray) -> None:
        """See `PictureAttention.keep`."""
        self.pictures.keep(slots)


class DecoderStepper(Protocol):
    """A decoder with its weights prepared once.

    Attributes:
        vocabulary_size: V.
        max_positions: Most steps that it can go.
    """

    vocabulary_size: int
    max_positions: int

    def begin(self, memory: PictureMemory, beams: int, precision: str, attention: bool) -> StepperState:
        """Look at pictures.

        Args:
            memory: Their cells; it may be kept and written to.
            beams: Rows of a picture in most steps.
            precision: One of `settings.PRECISIONS`.
            attention: Record where each step looks.
        """
        ...

    def step(self, state: StepperState, tokens: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        """Read one token a row, and score the next.

        Args:
            state: Of this stepper's `begin`; is changed.
            tokens: (R,) int64, R a multiple of the number of pictures, the beams of a picture side by side.
            rows: Which row of the step before each row continues, (R,) int64; None: each its own.

        Returns:
            Logits, (R, V) float32.
        """
        ...


def check_finite(name: str, tensor: torch.Tensor) -> None:
    """Refuse weights that are no numbers: they would end in a search among NaN.

    Raises:
        ValueError: With the name of the weight.
    """
    if not bool(torch.isfinite(tensor).all()):
        count = int((~torch.isfinite(tensor)).sum())
        raise ValueError(
            f"weight {name}: {count} of {tensor.numel()} values are NaN or infinite; the model is damaged, or "
            "its training diverged: take an earlier checkpoint"
        )
