"""How far to trust a reading: probabilities that a token, and that a whole formula, is right.

A decoder's own probabilities say how it was trained rather than how often it is right (label smoothing keeps them
below 0.9 where it never errs), and their mean over a formula says little of the one token that is wrong. A
`Calibration` makes probabilities of them that were fitted to readings whose truth is known
(`calibration_fitting.fit_calibration`):

* of a token: a curve over its log-probability, non-decreasing, straight between its knots (isotonic regression);
* of a formula: logistic in what speaks for it. With l_i the log-probabilities of the tokens and the end, and s the
  log-probability of a token that the decoder is sure of,

      evidence   = (-sqrt(sum of max(0, s - l_i)), -log(1 - min l_i), asinh(100 * lead))
      confidence = 1 / (1 + exp(-(intercept + weights . evidence))),   no weight below 0

  The lead is the score of the reading less that of the best other one, where there are several.

So no confidence falls when a log-probability, or the lead, rises. Readings of what isn't a formula get low ones: a
decoder doubts many of their tokens or, if it falls into a loop, some very much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_LEAD_UNIT = 0.01


@dataclass(frozen=True)
class FormulaWeights:
    """The logistic model of a formula.

    Attributes:
        intercept: Log-odds without evidence.
        doubt: Weight of the first kind of evidence, what sums up; at least 0.
        worst: Of the second, the least sure token; at least 0.
        lead: Of the third; at least 0, and exactly 0 in a model that isn't told the lead.

    Raises:
        ValueError: A weight is negative or no finite number.
    """

    intercept: float
    doubt: float
    worst: float
    lead: float = 0.0

    def __post_init__(self) -> None:
        numbers = asdict(self)
        if not all(map(math.isfinite, numbers.values())) or min(self.doubt, self.worst, self.lead) < 0:
            raise ValueError(f"weights of a formula's confidence are finite and not negative, got {numbers}")


@dataclass(frozen=True)
class Calibration:
    """Makes confidences of log-probabilities; plain numbers.

    Attributes:
        token_knots: (log-probability, confidence) pairs of the curve of a token, both non-decreasing, the
            log-probabilities strictly. Above the last it is level; below the first it falls as the probability
            does. Empty: the decoder's own probability.
        sure: Log-probability from which on a token raises no doubt, at most 0.
        formula: Of a reading alone; None: the product of the decoder's own probabilities.
        formula_with_lead: Of a reading that is known to lead others; None: the lead isn't looked at.
        fitted_on: What it was fitted to and what "right" means there, for people.

    Raises:
        ValueError: The numbers are none of a calibration.
    """

    token_knots: tuple[tuple[float, float], ...] = ()
    sure: float = 0.0
    formula: FormulaWeights | None = None
    formula_with_lead: FormulaWeights | None = None
    fitted_on: str = ""

    def __post_init__(self) -> None:
        places = [place for place, _ in self.token_knots]
        values = [value for _, value in self.token_knots]
        if any(low >= high for low, high in pairwise(places)) or values != sorted(values):
            raise ValueError(f"the confidence of a token never falls, got the knots {self.token_knots}")
        if not all(math.isfinite(place) and place <= 0 for place in (*places, self.sure)):
            raise ValueError(
                f"log-probabilities are finite and at most 0, got {places} and sure = {self.sure}"
            )
        if not all(0.0 <= value <= 1.0 for value in values):
            raise ValueError(f"confidences are in [0, 1], got the knots {self.token_knots}")

    @classmethod
    def none(cls) -> Calibration:
        """What an uncalibrated model says: its own probabilities."""
        return cls()

    @property
    def is_fitted(self) -> bool:
        """Whether it was fitted, so that a confidence is meant as the share that is right."""
        return bool(self.token_knots) and self.formula is not None

    def token_confidences(self, token_log_probabilities: Sequence[float] | FloatArray) -> tuple[float, ...]:
        """Probability that each token is right.

        Args:
            token_log_probabilities: (T + 1), natural logarithms: one a token, then that of the end.

        Returns:
            As many, in [0, 1].

        Raises:
            ValueError: A log-probability is NaN or above 0.
        """
        given = checked_log_probabilities(token_log_probabilities)
        if not self.token_knots:
            return tuple(np.exp(given).tolist())
        places, values = np.array(self.token_knots).T
        below = np.exp(np.minimum(given - places[0], 0.0))
        return tuple((np.interp(given, places, values) * below).tolist())

    def formula_confidence(
        self, token_log_probabilities: Sequence[float] | FloatArray, *, lead: float | None = None
    ) -> float:
        """Probability that the whole formula is right.

        Args:
            token_log_probabilities: (T + 1), natural logarithms: one a token, then that of the end.
            lead: Score (mean log-probability) of this reading less that of the best other one; negative for
                any but the best. None if there is no other.

        Returns:
            In [0, 1].

        Raises:
            ValueError: A number is NaN, a log-probability above 0, or there is none.
        """
        given = checked_log_probabilities(token_log_probabilities)
        weights, known_lead = self.formula, 0.0
        if lead is not None and self.formula_with_lead is not None:
            if math.isnan(lead):
                raise ValueError("the lead over the best other reading is NaN")
            weights, known_lead = self.formula_with_lead, lead
        if weights is None:
            return float(np.exp(given.sum()))
        doubt, worst, leading = evidence(given, self.sure, known_lead)
        # Products by hand: 0 * -inf, a weight of 0 on an impossible token, is no evidence at all.
        parts = ((weights.doubt, doubt), (weights.worst, worst), (weights.lead, leading))
        log_odds = weights.intercept + sum(weight * value for weight, value in parts if weight)
        return float(1.0 / (1.0 + math.exp(-min(max(log_odds, -700.0), 700.0))))

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "token_knots": [list(knot) for knot in self.token_knots]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Calibration:
        """From what `to_dict` made.

        Raises:
            ValueError: It isn't that.
        """
        try:
            return cls(
                token_knots=tuple((float(place), float(value)) for place, value in content["token_knots"]),
                sure=float(content["sure"]),
                formula=_weights(content["formula"]),
                formula_with_lead=_weights(content["formula_with_lead"]),
                fitted_on=str(content["fitted_on"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the numbers of a calibration: {error!r}; fit it anew") from error


def checked_log_probabilities(given: Sequence[float] | FloatArray) -> FloatArray:
    """Log-probabilities as an array; a hair above 0, as rounding makes them, is 0.

    Raises:
        ValueError: There are none, or one is NaN or above 0.
    """
    array = np.asarray(given, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"log-probabilities are a list of one a token and that of the end; got the shape {array.shape}"
        )
    if not bool((array <= 1e-3).all()):
        raise ValueError(f"log-probabilities are at most 0, got {array.max()}; did the model diverge?")
    return np.minimum(array, 0.0)


def evidence(log_probabilities: FloatArray, sure: float, lead: float = 0.0) -> tuple[float, float, float]:
    """What speaks for a formula, as the module says; each rises with the decoder's certainty.

    Args:
        log_probabilities: (T + 1), at most 0.
        sure: Log-probability from which on a token raises no doubt.
        lead: See `Calibration.formula_confidence`.
    """
    doubt = -math.sqrt(float(np.maximum(sure - log_probabilities, 0.0).sum()))
    worst = -math.log1p(-float(log_probabilities.min()))
    return doubt, worst, math.asinh(lead / _LEAD_UNIT)


def _weights(content: Mapping[str, Any] | None) -> FormulaWeights | None:
    return None if content is None else FormulaWeights(**{name: float(w) for name, w in content.items()})
