from __future__ import annotations

import numpy as np
import pytest

from im2latex_fairseq.report.choice import random_samples, worst_samples


@pytest.mark.parametrize(
    "scores, lengths, higher, expected",
    [
        ([90.0, 10.0, 50.0], [1, 1, 1], True, [1, 2, 0]),
        ([90.0, 10.0, 50.0], [1, 1, 1], False, [0, 2, 1]),  # an error rate
        ([0.0, 0.0, 0.0], [3, 9, 3], True, [1, 0, 2]),  # equally bad: the longer, then the earlier
        ([], [], True, []),
    ],
)
def test_the_worst_come_first(
    scores: list[float], lengths: list[int], higher: bool, expected: list[int]
) -> None:
    assert worst_samples(np.array(scores), np.array(lengths), 3, higher_is_better=higher) == expected


def test_no_more_than_wanted() -> None:
    assert worst_samples(np.array([1.0, 2.0, 3.0]), np.ones(3), 2) == [0, 1]


def test_the_random_sample_depends_on_its_seed_alone() -> None:
    first = random_samples(1000, 20, seed=1)
    assert first == random_samples(1000, 20, seed=1) == sorted(set(first))
    assert len(first) == 20 and set(first) <= set(range(1000))
    assert first != random_samples(1000, 20, seed=2)


def test_a_sample_of_all_is_all() -> None:
    assert random_samples(3, 20, seed=1) == [0, 1, 2]
