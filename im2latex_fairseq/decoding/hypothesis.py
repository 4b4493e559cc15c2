"""What decoding returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a program that runs without torch reads hypotheses too
    import torch


@dataclass(frozen=True)
class DecodedHypothesis:
    """One reading of a picture, as ids.

    Attributes:
        ids: Of the dictionary, T of them, without the end.
        score: Sum of the log-probabilities / (T + 1) ** length_penalty, the end counted, as fairseq's.
        token_log_probabilities: T + 1 of them: one a token, then that of the end.
        attention: Where each token and the end looked, (T + 1, S) float32, the mean over layers and heads;
            zero on cells without ink. None unless asked for.
        grid_size: (H', W') of those S cells, row-major, those of its batch; with attention.
    """

    ids: tuple[int, ...]
    score: float
    token_log_probabilities: tuple[float, ...]
    attention: torch.Tensor | None = None
    grid_size: tuple[int, int] | None = None
