"""Laws of confidences: in range, never falling with certainty, plain numbers."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.decoding.confidence import Calibration, FormulaWeights

WEIGHTS = st.builds(
    FormulaWeights, st.floats(-20, 20), st.floats(0, 50), st.floats(0, 50), st.just(0.0)
) | st.builds(FormulaWeights, st.floats(-20, 20), st.floats(0, 50), st.floats(0, 50), st.floats(0, 5))


@st.composite
def knots(draw: st.DrawFn) -> tuple[tuple[float, float], ...]:
    places = sorted(draw(st.lists(st.floats(-30, 0), min_size=1, max_size=6, unique=True)))
    values = sorted(draw(st.lists(st.floats(0, 1), min_size=len(places), max_size=len(places))))
    return tuple(zip(places, values, strict=True))


CALIBRATIONS = st.builds(
    Calibration, knots(), st.floats(-2, 0), WEIGHTS, st.none() | WEIGHTS, st.text()
) | st.just(Calibration.none())
LOGS = st.lists(st.floats(-50, 0) | st.just(-math.inf), min_size=1, max_size=12)
LEADS = st.none() | st.floats(-3, 3)


@given(CALIBRATIONS, LOGS, LEADS)
def test_confidences_are_probabilities(
    calibration: Calibration, logs: list[float], lead: float | None
) -> None:
    tokens = calibration.token_confidences(logs)
    assert len(tokens) == len(logs)
    assert all(0.0 <= confidence <= 1.0 for confidence in tokens)
    assert 0.0 <= calibration.formula_confidence(logs, lead=lead) <= 1.0


@given(CALIBRATIONS, LOGS, LEADS, st.data())
def test_certainty_never_lowers_a_confidence(
    calibration: Calibration, logs: list[float], lead: float | None, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(logs) - 1))
    surer = list(logs)
    surer[place] = data.draw(st.floats(max(logs[place], -50), 0))
    before, after = calibration.token_confidences(logs), calibration.token_confidences(surer)
    assert after[place] >= before[place] - 1e-12
    assert after[:place] == before[:place]
    formula = calibration.formula_confidence(logs, lead=lead)
    assert calibration.formula_confidence(surer, lead=lead) >= formula - 1e-12
    if lead is not None:
        assert calibration.formula_confidence(logs, lead=lead + 0.5) >= formula - 1e-12


@given(CALIBRATIONS, LOGS, LEADS)
def test_an_unsure_token_more_never_raises_it(
    calibration: Calibration, logs: list[float], lead: float | None
) -> None:
    longer = [*logs, calibration.sure - 0.7]
    assert (
        calibration.formula_confidence(longer, lead=lead)
        <= calibration.formula_confidence(logs, lead=lead) + 1e-12
    )


@given(CALIBRATIONS, LOGS, LEADS)
def test_comes_back_from_json(calibration: Calibration, logs: list[float], lead: float | None) -> None:
    again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
    assert again == calibration
    assert again.formula_confidence(logs, lead=lead) == calibration.formula_confidence(logs, lead=lead)


@given(LOGS)
def test_without_calibration_they_are_the_models_own(logs: list[float]) -> None:
    none = Calibration.none()
    assert not none.is_fitted
    assert none.token_confidences(logs) == pytest.approx([math.exp(log) for log in logs])
    assert none.formula_confidence(logs) == pytest.approx(math.exp(sum(logs)))


@given(knots(), st.floats(-50, 0))
def test_the_token_curve_goes_through_its_knots_and_stays_between(
    curve: tuple[tuple[float, float], ...], log: float
) -> None:
    calibration = Calibration(token_knots=curve)
    at_knots = calibration.token_confidences([place for place, _ in curve])
    assert at_knots == pytest.approx([value for _, value in curve])
    (confidence,) = calibration.token_confidences([log])
    assert confidence <= curve[-1][1] + 1e-12
    if log < curve[0][0]:
        assert confidence == pytest.approx(curve[0][1] * math.exp(log - curve[0][0]))


def test_a_lead_counts_only_where_it_was_fitted() -> None:
    alone = FormulaWeights(0.0, 1.0, 1.0)
    told = FormulaWeights(0.0, 1.0, 1.0, 2.0)
    logs = [-0.1, -0.2]
    blind = Calibration(formula=alone)
    assert blind.formula_confidence(logs, lead=1.0) == blind.formula_confidence(logs)
    seeing = Calibration(formula=alone, formula_with_lead=told)
    assert seeing.formula_confidence(logs) == blind.formula_confidence(logs)
    assert seeing.formula_confidence(logs, lead=-0.1) < 0.1 < 0.9 < seeing.formula_confidence(logs, lead=1.0)


def test_one_bad_token_tells_more_than_the_mean() -> None:
    """20 tokens with the same sum: once spread evenly, once all in one."""
    calibration = Calibration(sure=-0.25, formula=FormulaWeights(3.0, 2.0, 1.0))
    assert calibration.formula_confidence([-0.2] * 20) > 0.9
    assert calibration.formula_confidence([-0.01] * 19 + [-3.81]) < 0.4


@pytest.mark.parametrize(
    "logs, message",
    [
        ([], "one a token and that of the end"),
        ([[-1.0]], "one a token and that of the end"),
        ([-0.1, 0.5], "at most 0"),
        ([-0.1, math.nan], "did the model diverge"),
    ],
)
def test_refuses_what_is_no_log_probability(logs: list[float], message: str) -> None:
    for calibration in (Calibration.none(), Calibration(formula=FormulaWeights(0, 1, 1))):
        with pytest.raises(ValueError, match=message):
            calibration.formula_confidence(logs)
        with pytest.raises(ValueError, match=message):
            calibration.token_confidences(logs)


def test_refuses_a_lead_that_is_no_number() -> None:
    weights = FormulaWeights(0, 1, 1, 1)
    with pytest.raises(ValueError, match="lead"):
        Calibration(formula=weights, formula_with_lead=weights).formula_confidence([-1.0], lead=math.nan)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"token_knots": [[-1.0, 0.9], [-0.5, 0.2]]}, "never falls"),
        ({"token_knots": [[-0.5, 0.2], [-0.5, 0.9]]}, "never falls"),
        ({"token_knots": [[-1.0, 1.2]]}, r"in \[0, 1\]"),
        ({"token_knots": [[0.5, 1.0]]}, "at most 0"),
        ({"token_knots": [[-1.0]]}, "fit it anew"),
        ({"sure": 0.5}, "at most 0"),
        ({"sure": "high"}, "fit it anew"),
        ({"formula": {"intercept": 0, "doubt": -1, "worst": 0, "lead": 0}}, "not negative"),
        ({"formula": {"intercept": math.nan, "doubt": 1, "worst": 0, "lead": 0}}, "finite"),
        ({"formula": {"intercept": 0, "slope": 1}}, "fit it anew"),
        ({"formula": 3}, "fit it anew"),
    ],
)
def test_refuses_numbers_of_no_calibration(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Calibration.from_dict({**Calibration.none().to_dict(), **change})


def test_refuses_a_dictionary_that_lacks_something() -> None:
    with pytest.raises(ValueError, match="sure"):
        Calibration.from_dict({"token_knots": []})
