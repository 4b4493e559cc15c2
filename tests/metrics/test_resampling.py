"""Intervals and comparisons: cases whose answer is known, and sacrebleu's own test as a check of ours."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest

from im2latex_fairseq.metrics import resampling
from im2latex_fairseq.metrics.bleu import MultiBleu
from im2latex_fairseq.metrics.edit_distance import EditDistance
from im2latex_fairseq.metrics.metric import Array, Metric, statistics_matrix
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.registry import TEXT_METRICS, metric
from im2latex_fairseq.metrics.resampling import (
    Comparison,
    Interval,
    approximate_randomisation,
    bootstrap_sums,
    confidence_interval,
    paired_bootstrap,
    percentile_interval,
)
from im2latex_fairseq.metrics.sacre_bleu import SacreBleu

Method = Callable[..., Comparison]

EXACT = metric("exact_match")
ERROR_RATE = EditDistance("error_rate")


def shares(*right: int) -> Array:
    """Statistics of an exact match: one row a pair, 1 if it is right."""
    return np.array([[float(value), 1.0] for value in right]).reshape(-1, 2)


def test_each_resample_has_as_many_pairs() -> None:
    sums = bootstrap_sums(np.ones((7, 2)), resamples=50)
    assert sums.shape == (50, 2)
    assert (sums == 7.0).all()


def test_resamples_are_drawn_evenly_and_with_replacement() -> None:
    counts = bootstrap_sums(np.eye(5), resamples=4000, seed=3)  # how often each pair was drawn
    assert counts.max() > 1
    assert counts.mean(axis=0) == pytest.approx([1.0] * 5, abs=0.06)  # standard error 0.014
    assert counts.var(axis=0) == pytest.approx([0.8] * 5, abs=0.08)  # binomial: 5 * 1/5 * 4/5


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    interval = confidence_interval(EXACT, shares(*[1] * 200, *[0] * 200), resamples=4000)
    half_width = 1.96 * 100 * math.sqrt(0.25 / 400)  # 4.9 percent
    assert interval.low == pytest.approx(50 - half_width, abs=0.6)
    assert interval.high == pytest.approx(50 + half_width, abs=0.6)
    narrower = confidence_interval(EXACT, shares(*[1] * 200, *[0] * 200), resamples=4000, confidence=0.5)
    assert interval.low < narrower.low < 50 < narrower.high < interval.high


def test_percentiles() -> None:
    assert percentile_interval(np.arange(101.0), 0.9) == pytest.approx((5.0, 95.0))


@pytest.mark.parametrize(
    "statistics, interval",
    [
        (shares(), Interval(100.0, 100.0)),  # no pairs: perfect, and nothing to draw
        (shares(0), Interval(0.0, 0.0)),  # one pair: always the same
        (shares(1, 1, 1), Interval(100.0, 100.0)),  # no pair differs
    ],
)
def test_intervals_without_width(statistics: Array, interval: Interval) -> None:
    assert confidence_interval(EXACT, statistics, resamples=20) == interval


def test_draws_depend_on_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    statistics = np.random.default_rng(0).integers(9, size=(11, 3)).astype(float)
    sums = bootstrap_sums(statistics, resamples=30, seed=5)
    first, second = shares(*[1, 0] * 5), shares(*[1, 1, 0, 0, 1] * 2)
    comparison = approximate_randomisation(EXACT, first, second, resamples=30)
    assert (bootstrap_sums(statistics, resamples=30, seed=5) == sums).all()
    assert (bootstrap_sums(statistics, resamples=30, seed=6) != sums).any()
    assert (bootstrap_sums(statistics, resamples=10, seed=5) == sums[:10]).all()
    monkeypatch.setattr(resampling, "_CHUNK_DRAWS", 40)  # three resamples at a time
    assert (bootstrap_sums(statistics, resamples=30, seed=5) == sums).all()
    assert approximate_randomisation(EXACT, first, second, resamples=30) == comparison


@pytest.mark.parametrize("method", [paired_bootstrap, approximate_randomisation])
def test_a_system_does_not_differ_from_itself(method: Method) -> None:
    statistics = np.random.default_rng(0).random((30, 2))
    comparison = method(EditDistance("mean_edit_distance"), statistics, statistics.copy(), resamples=50)
    assert comparison.difference == 0.0
    assert comparison.p_value == 1.0
    assert not comparison.is_significant()
    assert comparison.interval in (None, Interval(0.0, 0.0))
    assert comparison.second_is_better in (None, 0.5)


@pytest.mark.parametrize("method", [paired_bootstrap, approximate_randomisation])
def test_a_system_that_is_always_better(method: Method) -> None:
    worse, better = np.array([[2.0, 4.0]] * 40), np.array([[1.0, 4.0]] * 40)  # half and a quarter wrong
    comparison = method(ERROR_RATE, worse, better, resamples=99)
    assert (comparison.first, comparison.second, comparison.difference) == (50.0, 25.0, -25.0)
    assert comparison.p_value == 0.01  # none of 99
    assert comparison.is_significant()
    assert comparison.second_is_better in (None, 1.0)  # lower is better
    assert (comparison.metric, comparison.resamples, comparison.seed) == ("token_error_rate", 99, 1)


@pytest.mark.parametrize("method", [paired_bootstrap, approximate_randomisation])
def test_the_other_way_round(method: Method) -> None:
    random = np.random.default_rng(0)
    first, second = shares(*random.integers(2, size=50)), shares(*random.integers(2, size=50))
    there, back = method(EXACT, first, second, resamples=200), method(EXACT, second, first, resamples=200)
    assert there.p_value == back.p_value
    assert there.difference == -back.difference
    if there.second_is_better is not None:
        assert there.second_is_better == pytest.approx(1.0 - back.second_is_better)


def test_randomisation_of_two_pairs_by_hand() -> None:
    # Right and wrong against wrong and wrong: of the four ways to swap, each leaves a difference of 50.
    assert approximate_randomisation(EXACT, shares(1, 0), shares(0, 0), resamples=50).p_value == 1.0
    # Two right against none: swapping one makes it 0, neither or both leave 100: half of the ways.
    comparison = approximate_randomisation(EXACT, shares(0, 0), shares(1, 1), resamples=2000)
    assert comparison.p_value == pytest.approx(0.5, abs=0.05)


def test_the_bootstrap_of_two_pairs_by_hand() -> None:
    # Better on the first, equal on the second: a quarter of the draws say 0, half 50, a quarter 100.
    comparison = paired_bootstrap(EXACT, shares(0, 0), shares(1, 0), resamples=4000)
    assert comparison.difference == 50.0
    assert comparison.second_is_better == pytest.approx(0.75 + 0.25 / 2, abs=0.02)
    assert comparison.interval == Interval(0.0, 100.0)
    # Around a mean of about 50 (never exactly), one of the two ends is as far off as what was seen.
    assert 0.2 < comparison.p_value < 0.55


def test_randomisation_as_sacrebleu() -> None:
    random = np.random.default_rng(4)
    references = [" ".join(random.choice(list("abcdef"), size=9)) for _ in range(40)]

    def system(errors: float) -> list[str]:
        return [
            " ".join(token if random.random() > errors else "x" for token in line.split())
            for line in references
        ]

    first, second = system(0.10), system(0.14)
    library = PairedTest(
        [("first", first), ("second", second)],
        {"BLEU": BLEU(tokenize="none", force=True)},
        [references],
        test_type="ar",
        n_samples=2000,
    )
    expected = library()[1]["BLEU"][1]
    metric = SacreBleu("given")
    ours = approximate_randomisation(
        metric,
        *(
            statistics_matrix(metric, [make_pair("1", h, r) for h, r in zip(system, references, strict=True)])
            for system in (first, second)
        ),
        resamples=2000,
    )
    assert ours.second == pytest.approx(expected.score)
    assert ours.p_value == pytest.approx(expected.p_value, abs=0.05)  # other draws: standard error 0.011 each


@pytest.mark.parametrize("metric", TEXT_METRICS, ids=lambda metric: metric.name)
def test_every_metric_can_be_resampled(metric: Metric) -> None:
    first = statistics_matrix(metric, [make_pair("1", "a b c d", "a b c d"), make_pair("2", "", "x")])
    second = statistics_matrix(metric, [make_pair("1", "a b", "a b c d"), make_pair("2", "y", "x")])
    interval = confidence_interval(metric, first, resamples=20)
    assert np.isfinite(interval).all()
    assert interval.low <= interval.high
    for method in (paired_bootstrap, approximate_randomisation):
        assert 0.0 < method(metric, first, second, resamples=20).p_value <= 1.0


def test_no_pairs_at_all() -> None:
    for method in (paired_bootstrap, approximate_randomisation):
        comparison = method(MultiBleu(), np.zeros((0, 10)), np.zeros((0, 10)), resamples=5)
        assert (comparison.difference, comparison.p_value) == (0.0, 1.0)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"statistics are \(N, K\)"):
        bootstrap_sums(np.zeros(3))
    with pytest.raises(ValueError, match="resamples is 0"):
        bootstrap_sums(shares(1), resamples=0)
    with pytest.raises(ValueError, match="confidence is 95"):
        confidence_interval(EXACT, shares(1), confidence=95)
    with pytest.raises(ValueError, match="on the same pictures"):
        paired_bootstrap(EXACT, shares(1), shares(1, 0))
