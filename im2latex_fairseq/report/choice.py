"""Which samples are shown with pictures: the worst, and a random sample."""

from __future__ import annotations

import numpy as np

from im2latex_fairseq.metrics.metric import Array


def worst_samples(
    scores: Array, reference_lengths: Array, count: int, *, higher_is_better: bool = True
) -> list[int]:
    """The rows of the worst scores, the worst first; of equally bad ones the longer, then the earlier.

    Args:
        scores: (N) Of each sample alone.
        reference_lengths: (N) Tokens.
        count: At most so many.
        higher_is_better: Of the scores.
    """
    badness = scores if higher_is_better else -scores
    order = np.lexsort((np.arange(len(scores)), -np.asarray(reference_lengths), badness))
    return [int(row) for row in order[:count]]


def random_samples(total: int, count: int, seed: int) -> list[int]:
    """`count` of `total` rows, each as likely as any other, in ascending order; all if there are no more."""
    if count >= total:
        return list(range(total))
    return sorted(int(row) for row in np.random.default_rng(seed).choice(total, count, replace=False))
