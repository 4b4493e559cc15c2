from __future__ import annotations

import math
from pathlib import Path

import pytest

from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.generation_log import (
    Candidate,
    GenerationOutputError,
    read_generation_log,
    read_generation_output,
)

SCORE = (
    "Generate test with beam=5: BLEU = 91.20 95.0/92.0 (BP = 1.000 ratio = 1.000 hyp_len = 7 ref_len = 7)\n"
)


def write(folder: Path, text: str) -> Path:
    path = folder / "generated.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_predictions_come_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    text = (
        "T-1\ta ^ { 2 }\nH-1\t-0.25\ta ^ { 2 }\nD-1\t-0.25\ta ^ { 2 }\nP-1\t-0.1 -0.2\n"
        "T-0\tx - y\nH-0\t-1.5\tx = y\n" + SCORE
    )
    output = read_generation_output(write(tmp_path, text))
    assert [p.row for p in output.predictions] == [0, 1]
    assert [p.is_exact for p in output.predictions] == [False, True]
    assert output.predictions[0].hypothesis == ("x", "=", "y")
    assert output.predictions[1].log2_probability == -0.25
    assert output.score_line.startswith("BLEU = 91.20")


def test_the_first_of_an_n_best_list_counts(tmp_path: Path) -> None:
    output = read_generation_output(write(tmp_path, "T-0\ta\nH-0\t-0.1\ta\nH-0\t-0.9\tb\n" + SCORE))
    assert output.predictions[0].hypothesis == ("a",)


def test_an_empty_hypothesis_is_a_hypothesis(tmp_path: Path) -> None:
    output = read_generation_output(write(tmp_path, "T-0\ta\nH-0\t-0.1\t\n" + SCORE))
    assert output.predictions[0].hypothesis == ()


@pytest.mark.parametrize(
    "text, message",
    [
        ("T-0\ta\nH-0\t-0.1\ta\n", "did fairseq-generate finish"),  # cut off before the end
        ("T-0\ta\n" + SCORE, "1 references .* 0 hypotheses"),
        (SCORE, "0 references"),  # run with --quiet
        ("", "did fairseq-generate finish"),
    ],
)
def test_incomplete_output_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(GenerationOutputError, match=message):
        read_generation_output(write(tmp_path, text))


LOG = (
    "2026-01-01 00:00:00 | INFO | fairseq_cli.generate | loading model(s)\n"
    "T-7\tx - y\n"
    "H-7\t-0.5\tx - y\nD-7\t-0.5\tx - y\nP-7\t-0.5\n"
    "H-7\t-2.0\tx = y\nD-7\t-2.0\tx = y\nP-7\t-2.0\n"
    "T-3\ta\n"
    "H-3\t-1.0\t\nD-3\t-1.0\t\nP-3\t-1.0\n"
)


def test_an_n_best_list_is_read_whole(tmp_path: Path) -> None:
    log = read_generation_log(write(tmp_path, LOG + SCORE))
    assert [(s.number, s.reference, len(s.candidates)) for s in log.samples] == [(7, "x - y", 2), (3, "a", 1)]
    best, second = log.samples[0].candidates
    assert (best.text, best.confidence) == ("x - y", pytest.approx(2**-0.5))
    assert (second.text, second.confidence) == ("x = y", 0.25)
    assert log.samples[0].line == 2
    assert log.score_line.startswith("BLEU")
    assert (best.token_log2_probabilities, second.token_log2_probabilities) == ((-0.5,), (-2.0,))


def test_a_log_may_lack_the_scores_of_tokens(tmp_path: Path) -> None:
    (sample,) = read_generation_log(write(tmp_path, "T-0\ta\nH-0\t-1.0\ta\nP-1\t-9.0\n")).samples
    assert sample.candidates[0].token_log2_probabilities is None


def test_scores_of_tokens_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        EvaluationInputError, match=r"line 2: the scores of tokens should be numbers, not '-0\.1 x'"
    ):
        read_generation_log(write(tmp_path, "H-0\t-1.0\ta\nP-0\t-0.1 x\n"))


def test_a_log_may_break_off(tmp_path: Path) -> None:
    log = read_generation_log(write(tmp_path, LOG + "T-4\tb\n"))
    assert log.score_line == ""
    assert (log.samples[-1].reference, log.samples[-1].candidates) == ("b", ())


def test_joined_logs_keep_both_samples_of_a_number(tmp_path: Path) -> None:
    """Another T- line of a number isn't a further candidate of its n-best list."""
    log = read_generation_log(write(tmp_path, "T-0\ta\nH-0\t-1\ta\n" * 2 + SCORE))
    assert [len(sample.candidates) for sample in log.samples] == [1, 1]


def test_without_references_hypotheses_are_read(tmp_path: Path) -> None:
    """fairseq-interactive writes no T- lines."""
    log = read_generation_log(write(tmp_path, "S-0\tx.png\nW-0\t0.1\tseconds\nH-0\t-1\ta\nH-1\t-1\tb\n"))
    assert [(s.number, s.reference, s.candidates[0].text) for s in log.samples] == [
        (0, None, "a"),
        (1, None, "b"),
    ]


@pytest.mark.parametrize(
    "line, message",
    [
        ("H-0\t", "line 1: the score of a hypothesis should be a number, not ''; is the line cut off"),
        ("H-0\t-0.", None),  # a number all the same
        ("H-0\tnan\ta", "NaN"),
    ],
)
def test_a_hypothesis_needs_its_score(tmp_path: Path, line: str, message: str | None) -> None:
    path = write(tmp_path, line + "\n")
    if message is None:
        assert read_generation_log(path).samples[0].candidates[0].text == ""
        return
    with pytest.raises(EvaluationInputError, match=message):
        read_generation_log(path)


def test_a_confidence_is_a_probability() -> None:
    assert Candidate("a", 0.3).confidence == 1.0  # a negative length penalty can lift the score above zero
    assert Candidate("a", -math.inf).confidence == 0.0
