from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.evaluation import Evaluation, evaluate
from im2latex_fairseq.evaluation.saved_evaluation import is_evaluation_file, read_evaluation, write_evaluation
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.registry import TEXT_METRICS


@pytest.fixture
def evaluation() -> Evaluation:
    pairs = [
        make_pair("f0", "\\frac{1}{2}\u2028", "\\frac { 1 } { 2 }", confidence=0.25),
        make_pair("f1", None, "{ \\bf x }"),
        make_pair("f2", "x _ {", "x", confidence=0.0),
        make_pair("f3", "", ""),
        replace(make_pair("f4", "a", "\\bad"), reference_render_error="undefined: \\bad"),
    ]
    return evaluate(pairs, TEXT_METRICS, left_out={"symbol_f1": "there is no TeX"}, remarks=["by id"])


def test_what_was_written_is_read(evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "a.evaluation.jsonl"
    write_evaluation(path, evaluation)
    read = read_evaluation(path)
    assert read.pairs == evaluation.pairs
    assert (read.counts, read.left_out, read.remarks) == (
        evaluation.counts,
        evaluation.left_out,
        evaluation.remarks,
    )
    assert [metric.name for metric in read.metrics] == [metric.name for metric in evaluation.metrics]
    for name, table in evaluation.statistics.items():
        np.testing.assert_array_equal(read.statistics[name], table)
        assert read.statistics[name].dtype == np.float64


def test_an_evaluation_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.evaluation.jsonl"
    write_evaluation(path, evaluate([], TEXT_METRICS))
    read = read_evaluation(path)
    assert read.statistics["exact_match"].shape == (0, 2)


def test_it_is_known_by_its_beginning(evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "a.evaluation.jsonl"
    write_evaluation(path, evaluation)
    assert is_evaluation_file(path)
    other = tmp_path / "read.jsonl"
    other.write_text('{"id": 1, "hypothesis": "a"}\n')
    assert not is_evaluation_file(other)
    assert not is_evaluation_file(tmp_path / "none")
    with pytest.raises(EvaluationInputError, match="not an evaluation"):
        read_evaluation(other)


def test_a_cut_off_file_is_refused(evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "a.evaluation.jsonl"
    write_evaluation(path, evaluation)
    content = path.read_text()
    path.write_text(content[: content.rindex("\n", 0, -1) + 1])
    with pytest.raises(EvaluationInputError, match=r"4 pairs where its head says 5.*cut off"):
        read_evaluation(path)
    path.write_text(content[:-10])
    with pytest.raises(EvaluationInputError, match=r"line 6: not JSON.*cut off"):
        read_evaluation(path)


def test_a_metric_that_is_computed_otherwise_is_refused(evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "a.evaluation.jsonl"
    write_evaluation(path, evaluation)
    head, *rest = path.read_text().split("\n")
    changed = json.loads(head)
    changed["metrics"][0]["signature"] = "bleu|of:another:kind"
    path.write_text("\n".join([json.dumps(changed), *rest]))
    with pytest.raises(EvaluationInputError, match=r"computed as bleu\|of:another:kind.*score the pred"):
        read_evaluation(path)
    changed["metrics"][0]["name"] = "unheard_of"
    path.write_text("\n".join([json.dumps(changed), *rest]))
    with pytest.raises(EvaluationInputError, match="'unheard_of' is unknown"):
        read_evaluation(path)
