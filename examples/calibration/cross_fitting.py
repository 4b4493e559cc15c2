"""Confidences of readings by a calibration that hasn't seen them, and how good they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from im2latex_fairseq.decoding.calibration_fitting import JudgedReading, fit_calibration
from im2latex_fairseq.decoding.calibration_measures import (
    Outcomes,
    area_under_roc,
    brier_score,
    error_of_chance,
    expected_calibration_error,
    halves,
)
from im2latex_fairseq.decoding.confidence import Calibration, FloatArray


@dataclass(frozen=True)
class Cases:
    """Tokens or formulas, with what was said of them and what is true.

    Attributes:
        kind: What they are.
        before: What the confidences before calibration are, name -> (N) in [0, 1].
        after: (N) in [0, 1].
        outcomes: (N), whether each is right.
    """

    kind: str
    before: dict[str, FloatArray]
    after: FloatArray
    outcomes: Outcomes


@dataclass(frozen=True)
class Quality:
    """How good confidences are; see `calibration_measures`."""

    name: str
    calibration_error: float
    error_of_chance: float
    brier: float
    area_under_roc: float


def cross_fit(readings: Sequence[JudgedReading], seed: int, *, with_lead: bool) -> tuple[Cases, Cases]:
    """Cut pictures into two halves, fit to each and apply it to the other.

    Args:
        readings: Of different pictures.
        seed: Of the cut.
        with_lead: Tell the formula's confidence how far the reading leads the next one.

    Returns:
        All tokens, ends included, and all formulas.
    """
    token_parts: list[tuple[FloatArray, FloatArray, Outcomes]] = []
    formula_parts: list[tuple[FloatArray, FloatArray, FloatArray, Outcomes]] = []
    first, second = halves(len(readings), seed)
    for fit, test in ((first, second), (second, first)):
        calibration = fit_calibration([readings[i] for i in fit])
        for reading in (readings[i] for i in test):
            own = np.exp(np.minimum(np.array(reading.log_probabilities), 0.0))
            token_parts.append(
                (
                    own,
                    np.array(calibration.token_confidences(reading.log_probabilities)),
                    np.array(reading.tokens_right),
                )
            )
        formula_parts.append(_formulas(calibration, [readings[i] for i in test], with_lead))
    own, after, outcomes = (np.concatenate(parts) for parts in zip(*token_parts, strict=True))
    mean, product, formula_after, right = (
        np.concatenate(parts) for parts in zip(*formula_parts, strict=True)
    )
    return (
        Cases("tokens", {"the decoder's own": own}, after, outcomes),
        Cases("formulas", {"mean of tokens": mean, "product of tokens": product}, formula_after, right),
    )


def qualities(cases: Cases) -> list[Quality]:
    """Before calibration and after it."""
    return [
        Quality(
            name,
            expected_calibration_error(confidences, cases.outcomes),
            error_of_chance(confidences),
            brier_score(confidences, cases.outcomes),
            area_under_roc(confidences, cases.outcomes),
        )
        for name, confidences in (*cases.before.items(), ("calibrated", cases.after))
    ]


def _formulas(
    calibration: Calibration, readings: Sequence[JudgedReading], with_lead: bool
) -> tuple[FloatArray, FloatArray, FloatArray, Outcomes]:
    sums = np.array([math.fsum(reading.log_probabilities) for reading in readings])
    lengths = np.array([len(reading.log_probabilities) for reading in readings])
    after = [
        calibration.formula_confidence(r.log_probabilities, lead=r.lead if with_lead else None)
        for r in readings
    ]
    return (
        np.exp(sums / lengths),
        np.exp(sums),
        np.array(after),
        np.array([reading.is_right for reading in readings]),
    )
