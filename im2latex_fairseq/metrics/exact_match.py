"""Exact match of token sequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def is_exact_match(hypothesis: Sequence[str], reference: Sequence[str]) -> bool:
    """Whether both are the same tokens in the same order; two empty ones are."""
    return list(hypothesis) == list(reference)


def exact_match(hypotheses: Iterable[Sequence[str]], references: Iterable[Sequence[str]]) -> float:
    """100 * matches / pairs, in [0, 100]; no pairs at all is perfect.

    Raises:
        ValueError: There are more of one than of the other.
    """
    matches = [is_exact_match(h, r) for h, r in zip(hypotheses, references, strict=True)]
    return 100.0 * sum(matches) / len(matches) if matches else 100.0
