"""`--scoring im2latex` and each metric by its own name, by themselves and in fairseq-generate."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq.dataclass.configs import FairseqConfig  # noqa: F401  (fairseq is loaded before the plugin)
from fairseq.scoring import build_scorer

from im2latex_fairseq import plugin  # noqa: F401
from im2latex_fairseq.evaluation import judging
from im2latex_fairseq.evaluation.judging import GROUPS
from im2latex_fairseq.metrics.registry import TEXT_METRICS
from im2latex_fairseq.scoring.scorers import Im2LatexScorer, Im2LatexScorerConfig
from tests.fairseq_commands import logged, run_fairseq, train_tiny


def fill(scorer: Any) -> Any:
    for reference, hypothesis in (("a + b", "a + b"), ("x", "y"), ("a <<unk>>", "a <unk>"), ("z", "")):
        scorer.add_string(reference, hypothesis)
    return scorer


def test_each_metric_has_a_scorer_of_its_name() -> None:
    for metric in TEXT_METRICS:
        scorer = fill(build_scorer(metric.name, None))
        assert scorer.metrics == (metric,)
        line = scorer.result_string()
        assert line.startswith(f"{metric.name} = {scorer.score():.2f} (4 pairs, 1 read as nothing)")
        assert line.endswith(metric.signature)
        assert "\n" not in line


def test_the_whole_set_in_one_line() -> None:
    scorer = fill(build_scorer("im2latex", None))
    assert scorer.metrics == TEXT_METRICS
    line = scorer.result_string()
    assert re.findall(r"(\w+) = [\d.]+", line) == [metric.name for metric in TEXT_METRICS]
    assert "exact_match = 25.00" in line  # an unknown token is never right
    assert "\n" not in line
    assert scorer.score() == scorer.evaluation().score(TEXT_METRICS[0].name)


def test_a_scorer_goes_on_after_it_was_asked() -> None:
    scorer = build_scorer("exact_match", None)
    scorer.add_string("a", "a")
    assert scorer.score() == 100.0
    scorer.add_string("a", "b")
    assert scorer.score() == 50.0


def test_metrics_are_chosen_by_name() -> None:
    scorer = Im2LatexScorer(Im2LatexScorerConfig(im2latex_metrics="exact_match,bleu_multi"))
    assert [metric.name for metric in scorer.metrics] == ["exact_match", "bleu_multi"]
    with pytest.raises(ValueError, match="'blue' is unknown"):
        Im2LatexScorer(Im2LatexScorerConfig(im2latex_metrics="blue"))


def test_without_tex_a_drawing_metric_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "tex_available", lambda: False)
    for metric in (*GROUPS["image"], *GROUPS["symbol"]):
        with pytest.raises(ValueError, match=rf"--scoring {metric.name} isn't possible, because"):
            build_scorer(metric.name, None)


@pytest.mark.tex
def test_metrics_that_draw() -> None:
    for metric in (*GROUPS["image"], *GROUPS["symbol"]):
        scorer = build_scorer(metric.name, None)
        scorer.add_string("x", "x")
        assert scorer.score() == 100.0


@pytest.mark.parametrize(
    "options",
    [
        ("--scoring", "token_edit_accuracy"),
        ("--scoring", "im2latex", "--im2latex-metrics", "token_edit_accuracy,exp_rate_1"),
    ],
)
def test_fairseq_generate_prints_it(
    prepared_data: Path, gated_checkpoint: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    arguments = (
        "--task", "im2latex", "--path", gated_checkpoint, "--gen-subset", "valid", "--beam", 1,
        "--max-len-b", 8, "--results-path", tmp_path, *options,
    )  # fmt: skip
    run_fairseq("generate", prepared_data, *arguments)
    last = (tmp_path / "generate-valid.txt").read_text().strip().split("\n")[-1]
    assert re.match(r"Generate valid with beam=1: token_edit_accuracy = \d+\.\d\d", last)
    assert ("exp_rate_1" in last) is ("im2latex" in options)


def test_validation_logs_chosen_metrics(prepared_data: Path, tmp_path: Path) -> None:
    output = train_tiny(
        prepared_data, tmp_path, "--eval-generate", "--eval-metrics", "token_error_rate,exp_rate_1",
        "--best-checkpoint-metric", "token_error_rate",
    )  # fmt: skip
    row = logged(output, "valid")[-1]
    assert row["valid_token_error_rate"] > 0.0
    assert 0.0 <= row["valid_exp_rate_1"] <= 100.0
    best = torch.load(tmp_path / "checkpoint_best.pt", weights_only=False)["extra_state"]["best"]
    assert best == row["valid_token_error_rate"]


@pytest.mark.parametrize(
    "names, message",
    [
        ("blue", "'blue' is no text metric"),
        ("compile_rate", "'compile_rate' is no text metric"),
        ("exact_match", "where it is logged anyway"),
    ],
)
def test_validation_refuses_other_metrics(
    prepared_data: Path, tmp_path: Path, names: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        train_tiny(prepared_data, tmp_path, "--eval-generate", "--eval-metrics", names)
