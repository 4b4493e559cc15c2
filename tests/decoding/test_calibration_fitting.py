"""A fitted calibration tells the truth about synthetic readings whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.decoding.calibration_fitting import JudgedReading, fit_calibration, fit_token_curve
from im2latex_fairseq.decoding.calibration_measures import (
    area_under_roc,
    brier_score,
    error_of_chance,
    expected_calibration_error,
)
from im2latex_fairseq.decoding.confidence import Calibration


def synthetic_readings(count: int, seed: int, *, with_lead: bool = False) -> list[JudgedReading]:
    """Readings of a decoder that says 0.88 where it is always right, and 0.4 where it is right in 7 of 10."""
    random = np.random.default_rng(seed)
    readings = []
    for _ in range(count):
        length = int(random.integers(3, 30))
        is_hard = random.random(length) < 0.08
        right = ~is_hard | (random.random(length) < 0.7)
        said = np.where(is_hard, np.log(0.4), np.log(0.88)) + random.normal(0, 0.02, length)
        lead = float(random.normal(0.3 if right.all() else 0.0, 0.1)) if with_lead else None
        readings.append(JudgedReading(tuple(said.tolist()), tuple(right.tolist()), bool(right.all()), lead))
    return readings


def formula_cases(calibration: Calibration, readings: list[JudgedReading]) -> tuple[np.ndarray, np.ndarray]:
    said = [calibration.formula_confidence(r.log_probabilities, lead=r.lead) for r in readings]
    return np.array(said), np.array([r.is_right for r in readings])


def token_cases(calibration: Calibration, readings: list[JudgedReading]) -> tuple[np.ndarray, np.ndarray]:
    said = [c for r in readings for c in calibration.token_confidences(r.log_probabilities)]
    return np.array(said), np.array([right for r in readings for right in r.tokens_right])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_errors_fall_on_readings_that_were_not_fitted(seed: int) -> None:
    calibration = fit_calibration(synthetic_readings(600, seed))
    test = synthetic_readings(600, seed + 100)
    for cases in (token_cases, formula_cases):
        before, after = cases(Calibration.none(), test), cases(calibration, test)
        assert expected_calibration_error(*after) < 0.5 * expected_calibration_error(*before)
        assert expected_calibration_error(*after) < 2.0 * error_of_chance(after[0])
        assert brier_score(*after) < brier_score(*before)
    assert area_under_roc(*formula_cases(calibration, test)) >= area_under_roc(
        *formula_cases(Calibration.none(), test)
    )


def test_the_token_curve_finds_the_shares() -> None:
    calibration = fit_calibration(synthetic_readings(1500, 5))
    sure, hard = calibration.token_confidences([np.log(0.88), np.log(0.4)])
    assert sure == pytest.approx(1.0, abs=0.01)
    assert hard == pytest.approx(0.7, abs=0.06)


def test_a_lead_that_tells_is_used() -> None:
    readings = synthetic_readings(600, 7, with_lead=True)
    calibration = fit_calibration(readings)
    test = synthetic_readings(600, 8, with_lead=True)
    assert calibration.formula_with_lead is not None and calibration.formula_with_lead.lead > 0
    blind = Calibration(calibration.token_knots, calibration.sure, calibration.formula)
    assert (
        area_under_roc(*formula_cases(calibration, test)) > area_under_roc(*formula_cases(blind, test)) + 0.02
    )


def test_one_reading_without_a_lead_leaves_it_out() -> None:
    readings = [*synthetic_readings(50, 9, with_lead=True), *synthetic_readings(50, 10)]
    assert fit_calibration(readings).formula_with_lead is None


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(-40, 0), st.booleans()), min_size=1, max_size=200))
def test_any_tokens_give_a_curve_that_never_falls(tokens: list[tuple[float, bool]]) -> None:
    knots = fit_token_curve(np.array([log for log, _ in tokens]), np.array([right for _, right in tokens]))
    assert knots
    calibration = Calibration(token_knots=knots)  # checks the order
    confidences = calibration.token_confidences([log for log, _ in sorted(tokens)])
    assert list(confidences) == sorted(confidences)
    assert all(0.0 <= c < 1.0 for c in confidences)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.floats(-40, 0), st.booleans()), min_size=1, max_size=6), st.booleans()
        ),
        min_size=2,
        max_size=30,
    )
)
def test_any_readings_give_a_calibration_or_a_reason(
    readings: list[tuple[list[tuple[float, bool]], bool]],
) -> None:
    judged = [
        JudgedReading(tuple(log for log, _ in tokens), tuple(right for _, right in tokens), is_right)
        for tokens, is_right in readings
    ]
    if len({is_right for _, is_right in readings}) < 2:
        with pytest.raises(ValueError, match="only where some are and some aren't"):
            fit_calibration(judged)
    else:
        assert fit_calibration(judged).is_fitted  # weights of at least 0, or it would not be one


def test_an_impossible_token_in_the_data_does_no_harm() -> None:
    readings = [*synthetic_readings(100, 3), JudgedReading((-0.1, -np.inf), (True, False), False)]
    calibration = fit_calibration(readings)
    assert calibration.formula_confidence([-0.1, -np.inf]) < 0.01


def test_what_a_reading_must_be() -> None:
    with pytest.raises(ValueError, match="2 log-probabilities and 1 judgements"):
        JudgedReading((-0.1, -0.2), (True,), True)
    with pytest.raises(ValueError, match="at most 0"):
        JudgedReading((0.7,), (True,), True)


def test_no_readings_are_refused() -> None:
    with pytest.raises(ValueError, match="0 of 0"):
        fit_calibration([])


def test_the_same_readings_give_the_same_numbers() -> None:
    readings = synthetic_readings(200, 4)
    assert fit_calibration(readings) == fit_calibration(readings)
    assert fit_calibration(readings, fitted_on="valid").fitted_on == "valid"
