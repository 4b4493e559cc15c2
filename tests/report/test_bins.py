from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.metrics import registry
from im2latex_fairseq.report.bins import equal_bins, score_groups


def spans(values: list[float], most: int = 8, least: int = 2) -> list[tuple[float, float, list[int]]]:
    return [(part.low, part.high, part.rows.tolist()) for part in equal_bins(values, most, least)]


@pytest.mark.parametrize(
    "values, most, least, expected",
    [
        ([], 8, 2, []),
        ([float("nan")], 8, 2, []),  # nothing is known of any
        ([5.0], 8, 2, [(5, 5, [0])]),  # fewer than a bin should have
        ([3.0, 1.0, 2.0, 4.0], 8, 2, [(1, 2, [1, 2]), (3, 4, [0, 3])]),
        ([3.0, 1.0, 2.0, 4.0], 1, 2, [(1, 4, [0, 1, 2, 3])]),
        ([1.0, float("nan"), 2.0], 8, 1, [(1, 1, [0]), (2, 2, [2])]),  # unknown ones are in no bin
        ([7.0, 7.0, 7.0, 7.0], 8, 2, [(7, 7, [0, 1, 2, 3])]),  # equal values aren't parted
        ([1.0, 7.0, 7.0, 7.0], 8, 2, [(1, 1, [0]), (7, 7, [1, 2, 3])]),
        ([7.0, 7.0, 7.0, 9.0], 8, 2, [(7, 7, [0, 1, 2]), (9, 9, [3])]),
    ],
)
def test_bins_are_of_about_equal_size(
    values: list[float], most: int, least: int, expected: list[tuple[float, float, list[int]]]
) -> None:
    assert spans(values, most, least) == expected


def test_every_formula_is_in_one_bin() -> None:
    values = np.random.default_rng(0).integers(1, 40, 1000).astype(float)
    bins = equal_bins(values)
    assert len(bins) == 8
    assert sorted(np.concatenate([part.rows for part in bins]).tolist()) == list(range(1000))
    assert all(first.high < second.low for first, second in pairwise(bins))
    assert all(80 <= len(part.rows) <= 170 for part in bins)


def test_groups_are_scored_by_their_own_formulas() -> None:
    metric = registry.metric("exact_match")
    statistics = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    groups = [("first", np.array([0])), ("others", np.array([1, 2]))]
    first, others = score_groups(metric, statistics, groups, Resampling(resamples=50))
    assert (first.title, first.pairs, first.score, first.interval) == ("first", 1, 100.0, None)
    assert (others.pairs, others.score) == (2, 50.0)
    assert others.interval == (0.0, 100.0)


def test_without_resamples_there_are_no_intervals() -> None:
    metric = registry.metric("exact_match")
    (group,) = score_groups(metric, np.ones((5, 2)), [("all", np.arange(5))], Resampling(resamples=0))
    assert group.interval is None
