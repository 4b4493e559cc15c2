"""What beam search and greedy search have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis

MIN_LEN = 1  # tokens of a formula, fairseq's --min-len


class SearchLimits(NamedTuple):
    """Numbers and ids of a search.

    Attributes:
        beam: Rows of a picture.
        max_len: Most tokens, without the end.
        length_penalty: See `DecodingSettings`.
        begin: Id of what stands before the first token.
        eos: Id of the end.
        pad: Id that is never chosen.
    """

    beam: int
    max_len: int
    length_penalty: float
    begin: int
    eos: int
    pad: int


def forbid_tokens(log_probabilities: torch.Tensor, step: int, limits: SearchLimits) -> None:
    """Set what may not follow at a step to minus infinity in (R, V), in place: padding, an end that comes
    too soon, all but the end at the longest length."""
    if step == limits.max_len:
        ends = log_probabilities[:, limits.eos].clone()
        log_probabilities.fill_(float("-inf"))
        log_probabilities[:, limits.eos] = ends
        return
    log_probabilities[:, limits.pad] = float("-inf")
    if step < MIN_LEN:
        log_probabilities[:, limits.eos] = float("-inf")


def check_scores(totals: np.ndarray) -> None:
    """Refuse scores that are no numbers, which the best are then, whatever the others.

    Raises:
        ValueError: There are some.
    """
    if np.isnan(totals).any():
        raise ValueError(
            "the model's scores are NaN: its weights or the picture hold values that are no numbers; "
            "take an earlier checkpoint"
        )


def nothing_can_follow(found: Sequence[Sequence[DecodedHypothesis]], pictures: np.ndarray, step: int) -> None:
    """Refuse pictures that can't go on and have no hypothesis.

    Raises:
        ValueError: There are some: a filter allows no way to an end.
    """
    empty = [int(picture) for picture in pictures if not found[picture]]
    if empty:
        raise ValueError(
            f"picture {empty[0]} of the batch: after {step} tokens the filter of tokens allows nothing that leads "
            "to an end; a filter has to leave a way to it within the length limit"
        )


def slots_of_the_rest(finished: np.ndarray) -> np.ndarray:
    """Slots of the pictures that go on, in a new order that moves as few as can be.

    Args:
        finished: (P,) bool.

    Returns:
        (N,) int64: number i gets slot i. The last ones fill the places of those that leave.
    """
    count = int((~finished).sum())
    slots = np.arange(count)
    slots[finished[:count]] = count + np.flatnonzero(~finished[count:])
    return slots
