"""The page of all conventions, on a handful of pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.evaluation import write_page
from im2latex_fairseq.evaluation.evaluation import Evaluation, evaluate
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.evaluation.judging import GROUPS
from im2latex_fairseq.evaluation.saved_evaluation import write_evaluation
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.registry import TEXT_METRICS


@pytest.fixture
def evaluation() -> Evaluation:
    texts = [("a + b + c", "a + b + c"), ("a + b - c", "a + b + c"), (None, "x + y + z")]
    pairs = [make_pair(f"f{n}", *text) for n, text in enumerate(texts)]
    return evaluate(pairs, TEXT_METRICS, left_out={"symbol_f1": "there is no TeX"}, remarks=["by id"])


@pytest.mark.parametrize("metric", GROUPS["all"], ids=lambda metric: metric.name)
def test_each_metric_is_in_one_family(metric: object) -> None:
    name: str = metric.name  # type: ignore[attr-defined]
    assert sum(family.holds(name) for family in write_page.FAMILIES) == 1


def test_cases_name_metrics_that_there_are() -> None:
    assert set(write_page.CASE_METRICS) <= {metric.name for metric in GROUPS["all"]}


def test_the_page_shows_every_score(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_page, "tex_available", lambda: False)
    saved, out = tmp_path / "a.evaluation.jsonl", tmp_path / "README.md"
    write_evaluation(saved, evaluation)
    files = ["--evaluation", str(saved), "--as-written", str(saved), str(saved), "--out", str(out)]
    write_page.main([*files, "--predictions", "a toy."])
    text = out.read_text()
    for metric in TEXT_METRICS:
        assert f"| `{metric.name}` | {evaluation.score(metric.name):.2f} |" in text
        assert metric.signature in text
    assert f"is {evaluation.score('bleu_multi'):.2f} or {evaluation.score('bleu_multi_given'):.2f}**" in text
    assert "sacrebleu, tokenizer 13a" in text
    assert "`symbol_f1` is left out, because there is no TeX" in text
    assert "1 of 3 predictions are missing or empty" in text
    # 1 of 10 tokens wrong without the missing one, 6 of 15 with it.
    assert "| `token_edit_accuracy` | 60.00 | 90.00 | +30.00 |" in text


def test_the_spread_is_of_accuracies(evaluation: Evaluation) -> None:
    family = next(f for f in write_page.FAMILIES if f.title == "Edit distance")
    rows = write_page.rows_of(evaluation, family, Resampling(resamples=0))
    error_rate = next(row for row in rows if row.name == "token_error_rate")
    assert (error_rate.score, error_rate.accuracy) == pytest.approx((40.0, 60.0))
    assert "moves by" in write_page.spread_sentence("Edit distance", rows)


@pytest.mark.tex
def test_cases_are_what_they_say() -> None:
    lines = write_page.cases_section()
    head = next(line for line in lines if line.startswith("| what differs"))
    columns = [cell.strip(" `") for cell in head.split("|")[1:-1]]
    table = {
        (cells := [cell.strip() for cell in line.split("|")[1:-1]])[0]: dict(zip(columns, cells, strict=True))
        for line in lines
        if line.startswith("| ") and line != head and "---" not in line
    }
    assert set(table["nothing"].values()) == {"nothing", "100"}
    assert table["the way to write it"]["exact_match_given"] == "0"
    assert table["the way to write it"]["image_match"] == "100"
    assert table["the way to write it"]["exact_match"] == "100"
    assert table["a wide space too many"]["image_match"] == "0"
    assert table["a wide space too many"]["image_match_no_spaces"] == "100"
    assert table["a wide term too many"]["image_match_deng"] == "100"
    assert table["a wide term too many"]["image_match"] == "0"
    assert table["a wide term too few"]["image_match_deng"] == "0"
    assert table["a brace is left open"]["compile_rate"] == "0"
