"""How good confidences are: figures and tables of confidences beside what turned out right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.decoding.confidence import FloatArray

Outcomes = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ReliabilityBin:
    """Cases of about the same confidence.

    Attributes:
        confidence: Their mean.
        right: Share that is right.
        count: How many.
    """

    confidence: float
    right: float
    count: int


@dataclass(frozen=True)
class Acceptance:
    """What comes of accepting all that is confident enough.

    Attributes:
        threshold: Least confidence that is accepted.
        accepted: Share of all cases, in [0, 1].
        right: Share of the accepted that is right, in [0, 1].
    """

    threshold: float
    accepted: float
    right: float


def reliability_bins(
    confidences: FloatArray, outcomes: Outcomes, bins: int = 15
) -> tuple[ReliabilityBin, ...]:
    """Cut cases, sorted by confidence, into bins of as many each, to one.

    Args:
        confidences: (N), in [0, 1].
        outcomes: (N), whether each case is right.
        bins: So many, or N if that is less.
    """
    _check(confidences, outcomes)
    order = np.argsort(confidences, kind="stable")
    return tuple(
        ReliabilityBin(_mean_of_sorted(confidences[rows]), float(outcomes[rows].mean()), len(rows))
        for rows in np.array_split(order, min(bins, len(order)))
    )


def _mean_of_sorted(values: FloatArray) -> float:
    """Within them: rounded, the mean of three 0.2 is more than 0.2."""
    return min(max(float(values.mean()), float(values[0])), float(values[-1]))


def expected_calibration_error(confidences: FloatArray, outcomes: Outcomes, bins: int = 15) -> float:
    """Mean over cases of |mean confidence of the bin - share of it that is right|, in [0, 1].

    Bins hold as many cases each ("equal mass", Nixon et al. 2019), not as much of [0, 1] each: where most
    confidences are above 0.9, bins of equal width would measure one bin.
    """
    found = reliability_bins(confidences, outcomes, bins)
    return sum(b.count * abs(b.confidence - b.right) for b in found) / len(confidences)


def error_of_chance(confidences: FloatArray, bins: int = 15, *, draws: int = 200, seed: int = 0) -> float:
    """The mean calibration error of confidences that are exactly true: what so few cases leave to chance."""
    random = np.random.default_rng(seed)
    errors = [
        expected_calibration_error(confidences, random.random(len(confidences)) < confidences, bins)
        for _ in range(draws)
    ]
    return float(np.mean(errors))


def brier_score(confidences: FloatArray, outcomes: Outcomes) -> float:
    """Mean squared difference of confidence and outcome (Brier 1950), in [0, 1]; less is better."""
    _check(confidences, outcomes)
    return float(((confidences - outcomes) ** 2).mean())


def area_under_roc(confidences: FloatArray, outcomes: Outcomes) -> float:
    """Probability that a right case is more confident than a wrong one, a tie counting half.

    NaN where all cases are right, or all are wrong.
    """
    _check(confidences, outcomes)
    right = int(outcomes.sum())
    wrong = len(outcomes) - right
    if not right or not wrong:
        return float("nan")
    _, place, count = np.unique(confidences, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2.0)[place]
    return float((ranks[outcomes].sum() - right * (right + 1) / 2.0) / (right * wrong))


def accept_share(confidences: FloatArray, outcomes: Outcomes, share: float) -> Acceptance:
    """Accept the most confident share of cases; cases as confident as the last of them are accepted too.

    Args:
        confidences: (N), in [0, 1].
        outcomes: (N), whether each case is right.
        share: In (0, 1].
    """
    _check(confidences, outcomes)
    wanted = min(max(round(share * len(confidences)), 1), len(confidences))
    return accept_above(confidences, outcomes, float(np.sort(confidences)[-wanted]))


def accept_above(confidences: FloatArray, outcomes: Outcomes, threshold: float) -> Acceptance:
    """Accept cases of at least that confidence; of none, all are right."""
    _check(confidences, outcomes)
    accepted = confidences >= threshold
    right = float(outcomes[accepted].mean()) if accepted.any() else 1.0
    return Acceptance(threshold, float(accepted.mean()), right)


def accept_right(confidences: FloatArray, outcomes: Outcomes, right: float) -> Acceptance | None:
    """Accept as many as possible of which at least that share is right; None if even the most confident aren't.

    Args:
        confidences: (N), in [0, 1].
        outcomes: (N), whether each case is right.
        right: In [0, 1].
    """
    _check(confidences, outcomes)
    order = np.argsort(-confidences, kind="stable")
    ordered = confidences[order]
    shares = np.cumsum(outcomes[order]) / np.arange(1, len(order) + 1)
    # A threshold can't part cases that are equally confident.
    is_last_of_equals = np.append(ordered[1:] != ordered[:-1], True)
    possible = np.flatnonzero((shares >= right) & is_last_of_equals)
    return accept_above(confidences, outcomes, float(ordered[possible[-1]])) if possible.size else None


def halves(count: int, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Two random halves of the numbers below `count`, each in order; the first has the odd one."""
    order = np.random.default_rng(seed).permutation(count)
    cut = (count + 1) // 2
    return np.sort(order[:cut]), np.sort(order[cut:])


def _check(confidences: FloatArray, outcomes: Sequence[bool] | Outcomes) -> None:
    if len(confidences) != len(outcomes) or not len(confidences):
        raise ValueError(
            f"{len(confidences)} confidences and {len(outcomes)} outcomes; there must be as many, at least one"
        )
