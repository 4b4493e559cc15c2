"""Measures of confidences, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from im2latex_fairseq.decoding.calibration_measures import (
    accept_above,
    accept_right,
    accept_share,
    area_under_roc,
    brier_score,
    error_of_chance,
    expected_calibration_error,
    halves,
    reliability_bins,
)

CASES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=30
)


def arrays(cases: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([c for c, _ in cases]), np.array([right for _, right in cases])


@given(CASES, st.integers(1, 20))
@example([(0.0, False)] * 15 + [(0.2, False)] * 5, 7)  # the mean of three 0.2 is rounded up, of two it is not
def test_bins_hold_every_case_once(cases: list[tuple[float, bool]], count: int) -> None:
    confidences, outcomes = arrays(cases)
    bins = reliability_bins(confidences, outcomes, count)
    sizes = [b.count for b in bins]
    assert sum(sizes) == len(cases) and max(sizes) - min(sizes) <= 1
    assert sum(b.count * b.right for b in bins) == pytest.approx(outcomes.sum())
    assert [b.confidence for b in bins] == sorted(b.confidence for b in bins)
    assert 0.0 <= expected_calibration_error(confidences, outcomes, count) <= 1.0


@pytest.mark.parametrize(
    "confidences, outcomes, bins, error, brier",
    [
        ([0.75, 0.75, 0.75, 0.75], [True, True, True, False], 1, 0.0, 0.1875),  # true on the whole
        ([1.0, 1.0], [False, False], 2, 1.0, 1.0),  # sure and wrong
        ([0.0, 1.0], [False, True], 2, 0.0, 0.0),  # sure and right
        ([0.2, 0.2, 0.8, 0.8], [True, False, True, True], 2, 0.25, 0.19),  # each bin off, by 0.3 and 0.2
    ],
)
def test_error_and_brier_of_known_cases(
    confidences: list[float], outcomes: list[bool], bins: int, error: float, brier: float
) -> None:
    said, right = np.array(confidences), np.array(outcomes)
    assert expected_calibration_error(said, right, bins) == pytest.approx(error)
    assert brier_score(said, right) == pytest.approx(brier)


@given(CASES)
def test_area_is_the_share_of_pairs_in_order(cases: list[tuple[float, bool]]) -> None:
    rights = [c for c, right in cases if right]
    wrongs = [c for c, right in cases if not right]
    area = area_under_roc(*arrays(cases))
    if not rights or not wrongs:
        assert np.isnan(area)
    else:
        pairs = [(r > w) + 0.5 * (r == w) for r in rights for w in wrongs]
        assert area == pytest.approx(sum(pairs) / len(pairs))


@given(CASES, st.floats(0.01, 1))
def test_accepting_a_share_accepts_it_and_ties(cases: list[tuple[float, bool]], share: float) -> None:
    confidences, outcomes = arrays(cases)
    found = accept_share(confidences, outcomes, share)
    assert found.accepted * len(cases) >= max(1, round(share * len(cases))) - 1e-9
    assert (confidences > found.threshold).sum() < max(1, round(share * len(cases)))
    assert found == accept_above(confidences, outcomes, found.threshold)


@given(CASES, st.floats(0, 1))
def test_accepting_for_a_rate_accepts_the_most(cases: list[tuple[float, bool]], right: float) -> None:
    confidences, outcomes = arrays(cases)
    possible = [a for c in set(confidences) if (a := accept_above(confidences, outcomes, c)).right >= right]
    found = accept_right(confidences, outcomes, right)
    if found is None:
        assert possible == []
    else:
        assert found.right >= right and found.accepted == max(a.accepted for a in possible)


def test_chance_falls_with_more_cases() -> None:
    few, many = np.full(50, 0.5), np.full(5000, 0.5)
    assert 0.0 < error_of_chance(many) < error_of_chance(few) < 0.5
    assert error_of_chance(np.ones(50)) == 0.0  # what is sure leaves nothing to chance


@given(st.integers(0, 50), st.integers(0, 5))
def test_halves_part_all_numbers(count: int, seed: int) -> None:
    first, second = halves(count, seed)
    assert sorted([*first, *second]) == list(range(count))
    assert 0 <= len(first) - len(second) <= 1
    assert all(np.array_equal(a, b) for a, b in zip(halves(count, seed), (first, second), strict=True))


def test_refuses_lists_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match="2 confidences and 1 outcomes"):
        brier_score(np.array([0.1, 0.2]), np.array([True]))
    with pytest.raises(ValueError, match="at least one"):
        expected_calibration_error(np.array([]), np.array([], dtype=bool))
