"""Evaluation, its parts merged, and two of them compared, on pairs small enough to work out by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from im2latex_fairseq.evaluation.comparison import Comparison, Verdict, compare
from im2latex_fairseq.evaluation.counts import PairCounts
from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.evaluation import Evaluation, evaluate, merge
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.metrics.pair import FormulaPair, make_pair
from im2latex_fairseq.metrics.registry import TEXT_METRICS, metric

NAMES = ("bleu_multi", "token_edit_accuracy", "token_error_rate", "exact_match")
METRICS = [metric(name) for name in NAMES]


def pairs_of(*texts: tuple[str | None, str]) -> list[FormulaPair]:
    return [make_pair(f"f{number}", *text) for number, text in enumerate(texts)]


PAIRS = pairs_of(
    ("a + b + c", "a + b + c"),  # right
    ("a + b - c", "a + b + c"),  # one token off
    (None, "x"),  # missing
    ("", "x y"),  # empty
    ("x _ {", "x _ { 1 }"),  # no formula
    ("", ""),  # right: nothing was there
)


def test_counts_follow_from_the_pairs() -> None:
    evaluation = evaluate(PAIRS, METRICS)
    assert evaluation.counts == PairCounts(
        references=6, hypotheses=5, missing=1, empty=2, empty_references=1, unnormal_hypotheses=1
    )


def test_scores() -> None:
    evaluation = evaluate(PAIRS, METRICS)
    # Distances 0, 1, 1, 2, 2, 0; longer lengths 5, 5, 1, 2, 5, 0.
    assert evaluation.score("token_edit_accuracy") == pytest.approx(100 * (1 - 6 / 18))
    assert evaluation.score("exact_match") == pytest.approx(100 * 2 / 6)
    np.testing.assert_allclose(evaluation.per_sample("token_edit_accuracy"), [100, 80, 0, 0, 60, 100])
    assert evaluation.statistics["exact_match"].shape == (6, 2)


def test_no_pairs_are_no_mistake() -> None:
    evaluation = evaluate([], METRICS)
    assert evaluation.counts == PairCounts()
    for name in NAMES:
        assert np.isfinite(evaluation.score(name))
    assert evaluation.per_sample("exact_match").shape == (0,)
    assert Resampling().intervals(evaluation) == {}


def test_an_unknown_metric_is_refused_with_those_there_are() -> None:
    evaluation = evaluate(PAIRS, METRICS[:1], left_out={"symbol_f1": "there is no TeX"})
    with pytest.raises(KeyError, match="'exact_match' wasn't computed; there are bleu_multi"):
        evaluation.score("exact_match")
    with pytest.raises(KeyError, match="'symbol_f1' wasn't computed: there is no TeX"):
        evaluation.score("symbol_f1")


def test_nothing_counts_twice() -> None:
    with pytest.raises(ValueError, match="sample 'f0' comes twice"):
        evaluate([*PAIRS, PAIRS[0]], METRICS)
    with pytest.raises(ValueError, match="metric 'exact_match' comes twice"):
        evaluate(PAIRS, [METRICS[3], METRICS[3]])
    half = evaluate(PAIRS[:3], METRICS)
    with pytest.raises(ValueError, match="sample 'f0' comes twice"):
        merge([half, half])


def test_two_halves_merged_score_as_the_whole() -> None:
    whole = evaluate(PAIRS, TEXT_METRICS)
    for cut in range(len(PAIRS) + 1):
        merged = merge([evaluate(PAIRS[:cut], TEXT_METRICS), evaluate(PAIRS[cut:], TEXT_METRICS)])
        assert merged.pairs == whole.pairs
        assert merged.counts == whole.counts
        for one in TEXT_METRICS:
            assert merged.score(one.name) == whole.score(one.name)
            assert merged.interval(one.name) == whole.interval(one.name)


def test_the_order_of_pairs_changes_no_score() -> None:
    whole = evaluate(PAIRS, TEXT_METRICS)
    shuffled = random.Random(1).sample(PAIRS, len(PAIRS))
    for one in TEXT_METRICS:
        assert evaluate(shuffled, TEXT_METRICS).score(one.name) == pytest.approx(whole.score(one.name), 1e-12)


def test_merging_leaves_out_what_a_part_lacks() -> None:
    merged = merge([evaluate(PAIRS[:3], METRICS), evaluate(PAIRS[3:], METRICS[1:], left_out={"x": "no TeX"})])
    assert [m.name for m in merged.metrics] == list(NAMES[1:])
    assert merged.left_out == {"x": "no TeX", "bleu_multi": "1 of 2 parts lack it"}
    with pytest.raises(ValueError, match="nothing to merge"):
        merge([])


def test_intervals_are_those_of_each_metric_alone() -> None:
    evaluation = evaluate(PAIRS, METRICS)
    drawn = Resampling(confidence=0.9, resamples=50, seed=3).intervals(evaluation)
    for name in NAMES:
        assert drawn[name] == pytest.approx(evaluation.interval(name, 0.9, 50, 3))
        low, high = drawn[name]
        assert low <= evaluation.score(name) <= high
    assert Resampling(resamples=0).intervals(evaluation) == {}


@pytest.mark.parametrize("settings", [{"confidence": 1.0}, {"confidence": 0.0}, {"resamples": -1}])
def test_resampling_refuses_what_makes_no_sense(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Resampling(**settings)  # type: ignore[arg-type]


# -- two systems ---------------------------------------------------------------------------------------


def system(right: Sequence[bool]) -> Evaluation:
    return evaluate(pairs_of(*(("a + b" if ok else "a - c", "a + b") for ok in right)), METRICS)


def verdicts(comparison: Comparison) -> dict[str, Verdict]:
    return {item.metric.name: item.verdict for item in comparison.items}


def test_the_better_system_is_named_whichever_way_the_metric_goes() -> None:
    good, bad = system([True] * 38 + [False] * 2), system([False] * 20 + [True] * 20)
    found = compare(bad, good, Resampling())
    assert set(verdicts(found).values()) == {Verdict.B}  # the error rate, of which less is better, among them
    rate = next(item for item in found.items if item.metric.name == "token_error_rate")
    assert rate.difference < 0 and rate.high < 0
    assert rate.p_value < 0.05
    assert set(verdicts(compare(good, bad, Resampling())).values()) == {Verdict.A}


def test_a_small_difference_is_left_open_and_none_is_equal() -> None:
    a, b = system([True] * 10 + [False]), system([True] * 11)
    found = compare(a, b, Resampling())
    assert verdicts(found)["exact_match"] is Verdict.OPEN
    same = compare(a, a, Resampling())
    assert set(verdicts(same).values()) == {Verdict.EQUAL}
    assert {item.p_value for item in same.items} == {1.0}


def test_pairs_are_compared_by_id_whatever_their_order() -> None:
    a, b = system([True, False] * 15), system([True] * 20 + [False] * 10)
    shuffled = random.Random(2).sample(b.pairs, len(b.pairs))
    first = compare(a, b, Resampling(resamples=100))
    second = compare(a, evaluate(shuffled, METRICS), Resampling(resamples=100))
    assert [(i.difference, i.p_value, i.low) for i in first.items] == [
        (i.difference, i.p_value, i.low) for i in second.items
    ]


def test_only_the_same_samples_and_references_are_compared() -> None:
    a = system([True, True])
    with pytest.raises(EvaluationInputError, match=r"different samples: 2 and 1, and 'f1'"):
        compare(a, system([True]), Resampling())
    others = evaluate([replace(pair, reference="a + c") for pair in a.pairs], METRICS)
    with pytest.raises(EvaluationInputError, match=r"different references: that of 'f0' is 'a \+ b' and"):
        compare(a, others, Resampling())
    with pytest.raises(ValueError, match="takes resamples"):
        compare(a, a, Resampling(resamples=0))


def test_a_metric_of_one_system_alone_is_left_out() -> None:
    a = system([True, True])
    b = evaluate(
        a.pairs, METRICS[:2], left_out={"symbol_f1": "there is no TeX"}, remarks=["by id", "cut off"]
    )
    a = replace(a, remarks=("by id",))
    found = compare(a, b, Resampling(resamples=10))
    assert found.remarks == ("by id", "B: cut off")
    assert [item.metric.name for item in found.items] == list(NAMES[:2])
    assert set(found.left_out) == {*NAMES[2:], "symbol_f1"}
