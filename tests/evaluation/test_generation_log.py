from __future__ import annotations

from pathlib import Path

import pytest

from im2latex_fairseq.evaluation.generation_log import GenerationOutputError, read_generation_output

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
