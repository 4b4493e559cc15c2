"""Fits a `Calibration` to readings whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression, minimize

from im2latex_fairseq.decoding.confidence import (
    Calibration,
    FloatArray,
    FormulaWeights,
    checked_log_probabilities,
    evidence,
)

# Of a token to be sure of, among those at most so many of all tokens are below.
_SURE_QUANTILES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
# Bins of the token curve, the narrower the less probable: there the curve is steep.
_TOKEN_BINS = 32
# On standardised evidence: keeps the weights finite where right and wrong can be told apart without error.
_RIDGE = 1e-3


@dataclass(frozen=True)
class JudgedReading:
    """A reading and what is true of it.

    Attributes:
        log_probabilities: T + 1 of them, natural logarithms: one a token, then that of the end.
        tokens_right: Whether each of these is right; as many.
        is_right: Whether the formula is.
        lead: See `Calibration.formula_confidence`.

    Raises:
        ValueError: The lengths differ, or a number is no log-probability.
    """

    log_probabilities: tuple[float, ...]
    tokens_right: tuple[bool, ...]
    is_right: bool
    lead: float | None = None

    def __post_init__(self) -> None:
        checked_log_probabilities(self.log_probabilities)
        if len(self.log_probabilities) != len(self.tokens_right):
            raise ValueError(
                f"{len(self.log_probabilities)} log-probabilities and {len(self.tokens_right)} judgements of tokens"
            )


def fit_calibration(readings: Sequence[JudgedReading], *, fitted_on: str = "") -> Calibration:
    """Fit both confidences.

    Args:
        readings: The best of each picture, of pictures that the model wasn't trained on; some hundreds. With
            a lead in each, a model with it is fitted as well.
        fitted_on: Kept in the calibration, for people.

    Raises:
        ValueError: All formulas are right, or all are wrong, or there is none.
    """
    outcomes = np.array([reading.is_right for reading in readings], dtype=bool)
    if not 0 < outcomes.sum() < len(outcomes):
        raise ValueError(
            f"{outcomes.sum()} of {len(outcomes)} readings are right; a confidence can be fitted only where some "
            "are and some aren't"
        )
    logs = [np.minimum(np.array(reading.log_probabilities), 0.0) for reading in readings]
    tokens, tokens_right = np.concatenate(logs), np.concatenate([r.tokens_right for r in readings])
    leads = [reading.lead for reading in readings]
    sure, weights = _fit_formula(logs, [0.0] * len(logs), outcomes, np.quantile(tokens, _SURE_QUANTILES))
    with_lead = None
    if all(lead is not None for lead in leads):
        known = [lead for lead in leads if lead is not None]
        _, with_lead = _fit_formula(logs, known, outcomes, np.array([sure]))
    return Calibration(fit_token_curve(tokens, tokens_right), sure, weights, with_lead, fitted_on)


def fit_token_curve(
    log_probabilities: FloatArray, outcomes: npt.NDArray[np.bool_]
) -> tuple[tuple[float, float], ...]:
    """Knots of a non-decreasing curve: isotonic regression on bins of tokens of about the same log-probability.

    Args:
        log_probabilities: (N), at most 0.
        outcomes: (N), whether each token is right.
    """
    order = np.argsort(log_probabilities, kind="stable")
    cuts = np.unique(np.round(np.linspace(0, 1, _TOKEN_BINS + 1)[1:-1] ** 2 * len(order)).astype(int))
    bins = [rows for rows in np.split(order, cuts) if len(rows)]
    counts = np.array([len(rows) for rows in bins], dtype=np.float64)
    places = np.array([log_probabilities[rows].mean() for rows in bins])
    # Half a token more on either side, so that no confidence is 0 or 1.
    shares = (np.array([outcomes[rows].sum() for rows in bins]) + 0.5) / (counts + 1.0)
    curve = isotonic_regression(shares, weights=counts).x
    last = len(curve) - 1
    knots: list[tuple[float, float]] = []
    for i, (place, value) in enumerate(zip(places.tolist(), curve.tolist(), strict=True)):
        # Within a level stretch the inner knots say nothing.
        is_inner = 0 < i < last and curve[i - 1] == value == curve[i + 1]
        if math.isfinite(place) and not is_inner and (not knots or place > knots[-1][0]):
            knots.append((place, value))
    return tuple(knots)


def _fit_formula(
    logs: Sequence[FloatArray],
    leads: Sequence[float],
    outcomes: npt.NDArray[np.bool_],
    candidates: FloatArray,
) -> tuple[float, FormulaWeights]:
    """The most likely of the candidates for `sure`, and the weights with it."""
    best: tuple[float, float, FormulaWeights] | None = None
    for sure in candidates.tolist():
        features = np.array([evidence(log, sure, lead) for log, lead in zip(logs, leads, strict=True)])
        loss, weights = _fit_logistic(np.maximum(features, -1e3), outcomes)
        if best is None or loss < best[0]:
            best = loss, sure, weights
    assert best is not None
    return best[1], best[2]


def _fit_logistic(features: FloatArray, outcomes: npt.NDArray[np.bool_]) -> tuple[float, FormulaWeights]:
    """Logistic regression with weights of at least 0: the mean loss and the model."""
    centre, scale = features.mean(axis=0), features.std(axis=0)
    is_constant = scale < 1e-9
    scale = np.where(is_constant, 1.0, scale)
    standard = (features - centre) / scale
    sign = np.where(outcomes, 1.0, -1.0)

    def loss_and_slope(parameters: FloatArray) -> tuple[float, FloatArray]:
        margins = sign * (parameters[0] + standard @ parameters[1:])
        pull = -sign / (1.0 + np.exp(np.clip(margins, -500, 500))) / len(sign)
        loss = np.logaddexp(0.0, -margins).mean() + _RIDGE * (parameters[1:] ** 2).sum()
        return float(loss), np.concatenate([[pull.sum()], standard.T @ pull + 2 * _RIDGE * parameters[1:]])

    bounds = [(None, None)] + [(0.0, 0.0) if constant else (0.0, None) for constant in is_constant]
    found = minimize(loss_and_slope, np.zeros(len(bounds)), jac=True, bounds=bounds, method="L-BFGS-B")
    weights = found.x[1:] / scale
    intercept = float(found.x[0] - weights @ centre)
    return float(found.fun), FormulaWeights(intercept, *weights.tolist())
