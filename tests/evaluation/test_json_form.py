"""The two ways in which scores are shown: tables for people and JSON for machines say the same."""

from __future__ import annotations

import json

import pytest

from im2latex_fairseq.evaluation.comparison import compare
from im2latex_fairseq.evaluation.counts import PairCounts
from im2latex_fairseq.evaluation.evaluation import Evaluation, evaluate
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.evaluation.json_form import comparison_json, scores_json
from im2latex_fairseq.evaluation.table import columns, comparison_table, scores_table
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.registry import TEXT_METRICS

RESAMPLING = Resampling(resamples=20)


@pytest.fixture
def evaluation() -> Evaluation:
    pairs = [make_pair("f0", "a + b", "a + b"), make_pair("f1", None, "x"), make_pair("f2", "", "y")]
    counts = PairCounts(references=3, hypotheses=4, missing=1, empty=1, duplicate=1, foreign=1)
    return evaluate(
        pairs, TEXT_METRICS, counts=counts, left_out={"p": "no TeX", "q": "no TeX"}, remarks=["by id"]
    )


def test_json_has_everything_and_no_nan(evaluation: Evaluation) -> None:
    found = json.loads(json.dumps(scores_json(evaluation, RESAMPLING), allow_nan=False))
    assert found["counts"]["missing"] == 1
    assert set(found["scores"]) == {metric.name for metric in TEXT_METRICS}
    match = found["scores"]["exact_match"]
    assert match["score"] == pytest.approx(100 / 3)
    assert match["interval"][0] <= match["score"] <= match["interval"][1]
    assert match["signature"].startswith("exact")
    assert list(match["sums"].values()) == [1, 3]
    assert found["left_out"] == {"p": "no TeX", "q": "no TeX"}
    assert scores_json(evaluation, Resampling(resamples=0))["scores"]["exact_match"]["interval"] is None


def test_the_table_says_how_everything_counted(evaluation: Evaluation) -> None:
    text = scores_table(evaluation, RESAMPLING)
    assert "3 references, 4 hypotheses" in text
    assert "1  missing: no hypothesis: counts as an empty one" in text
    assert "1  foreign: hypothesis of no reference: not counted" in text
    assert "empty references" not in text  # there are none
    assert "left out: p, q\n  because no TeX" in text
    assert "  by id" in text
    for metric in TEXT_METRICS:
        assert metric.signature in text
        assert metric.title in text
    assert "33.33" in text
    assert "none were asked for" in scores_table(evaluation, Resampling(resamples=0))


def test_a_comparison_is_shown_both_ways(evaluation: Evaluation) -> None:
    other = evaluate([make_pair(p.id, p.reference, p.reference) for p in evaluation.pairs], TEXT_METRICS)
    comparison = compare(evaluation, other, RESAMPLING)
    found = json.loads(json.dumps(comparison_json(comparison, ("a.txt", "b.txt")), allow_nan=False))
    match = found["metrics"]["exact_match"]
    assert (match["a"], match["b"]) == pytest.approx((100 / 3, 100.0))
    assert match["better"] == "not shown"  # of three pairs
    assert found["systems"] == {"a": "a.txt", "b": "b.txt"}
    text = comparison_table(comparison, ("a.txt", "b.txt"))
    assert "A: a.txt\nB: b.txt" in text
    assert "+66.67" in text
    assert "not shown" in text


def test_columns_stand_under_each_other() -> None:
    assert columns([("a", "1"), ("bbb", "22")], right=(1,)) == ["a     1", "bbb  22"]
