"""Calibration of a small log of fairseq-generate."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from examples.calibration.calibrate import main
from examples.calibration.judged_log import read_judged_log, right_tokens
from im2latex_fairseq.data.manifest import make_entry, write_manifest
from im2latex_fairseq.decoding.confidence import Calibration
from im2latex_fairseq.evaluation.generation_log import GenerationOutputError


def write_split(folder: Path, formulas: list[str]) -> None:
    entries = [make_entry(f"f{n}", (10, 20), formula) for n, formula in enumerate(formulas)]
    write_manifest(folder / "valid.tsv", entries)


def sample(number: int, *hypotheses: tuple[str, list[float]]) -> str:
    lines = [f"T-{number}\tnot looked at"]
    for text, scores in hypotheses:
        mean = sum(scores) / len(scores)
        lines += [f"H-{number}\t{mean}\t{text}", f"D-{number}\t{mean}\t{text}"]
        lines.append(f"P-{number}\t" + " ".join(f"{score:.4f}" for score in scores))
    return "\n".join(lines) + "\n"


@pytest.fixture
def decoded(tmp_path: Path) -> Path:
    """A split of 60 pictures and its log: unsure tokens are often wrong, two hypotheses each."""
    random = np.random.default_rng(0)
    log = []
    for number in range(60):
        is_right = bool(random.random() < 0.5)
        text = "x ^ { 2 }" if is_right else "x ^ { 3 }"
        unsure = float(random.normal(-0.4 if is_right else -2.0, 0.5))
        best = [-0.15] * 3 + [min(unsure, -0.05)] + [-0.15] * 2
        log.append(sample(number, (text, best), ("x ^ { y }", [score - 0.5 for score in best])))
    write_split(tmp_path, ["x ^ { 2 }"] * 60)
    (tmp_path / "log.txt").write_text("".join(log) + "Generate valid with beam=5: BLEU4 = 50.00\n")
    return tmp_path


def test_scores_become_natural_logarithms_and_the_lead_too(tmp_path: Path) -> None:
    write_split(tmp_path, ["a + b", "a"])
    log = tmp_path / "log.txt"
    log.write_text(sample(0, ("a + b", [-1.0, -0.5, -1.5, -1.0]), ("a - b", [-2.0] * 4)))
    judged = read_judged_log(log, tmp_path / "valid.tsv", "normal")
    (reading,) = judged.readings
    assert reading.log_probabilities == pytest.approx([math.log(2) * s for s in (-1.0, -0.5, -1.5, -1.0)])
    assert reading.lead == pytest.approx(math.log(2) * 1.0)
    assert (judged.pictures, judged.has_leads) == (2, True)


@pytest.mark.parametrize(
    "hypothesis, reference, form, is_right, tokens",
    [
        ("a + b", "a + b", "normal", True, "1111"),
        ("a - b", "a + b", "normal", False, "1011"),
        ("a +", "a + b", "normal", False, "110"),  # the end comes too early
        ("a + b b", "a + b", "normal", False, None),  # either b may be the one too many
        (r"\bar { K }", r"{ \bar { K } }", "normal", False, None),
        (r"\bar { K }", r"{ \bar { K } }", "unified", True, "11111"),  # right as a whole, so in each token
        (r"a \, b", "a b", "unified", True, "1111"),
        (r"x ^ { 2", "x ^ { 2", "normal", False, None),  # no formula, though equal
    ],
)
def test_what_is_right(
    tmp_path: Path, hypothesis: str, reference: str, form: str, is_right: bool, tokens: str | None
) -> None:
    write_split(tmp_path, [reference])
    log = tmp_path / "log.txt"
    log.write_text(sample(0, (hypothesis, [-1.0] * (len(hypothesis.split()) + 1))))
    (reading,) = read_judged_log(log, tmp_path / "valid.tsv", form).readings  # type: ignore[arg-type]
    assert reading.is_right is is_right
    assert reading.lead is None
    if tokens is not None:
        assert "".join("01"[right] for right in reading.tokens_right) == tokens


def test_as_many_tokens_are_right_as_both_have_in_common() -> None:
    assert sum(right_tokens("a + b b".split(), "a + b".split())) == 4  # three and the end
    assert right_tokens([], []) == (True,)
    assert right_tokens([], ["a"]) == (False,)


def test_writes_a_page_a_plot_and_numbers_that_can_be_used(
    decoded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    out = decoded / "out"
    given = ["--generated", str(decoded / "log.txt"), "--data", str(decoded), "--out", str(out)]
    main([*given, "--model", "a tiny model"])
    page = (out / "README.md").read_text()
    assert capsys.readouterr().out.strip() == page.strip()
    assert "60 of the 60 pictures of `valid` by a tiny model" in page
    assert "its lead over the second" in page
    assert (out / "reliability.png").read_bytes().startswith(b"\x89PNG")
    calibration = Calibration.from_dict(json.loads((out / "calibration.json").read_text()))
    assert calibration.is_fitted and calibration.formula_with_lead is not None
    assert "a tiny model" in calibration.fitted_on
    sure, unsure = [-0.1] * 6, [-0.1] * 3 + [-1.6] + [-0.1] * 2
    assert calibration.formula_confidence(sure) > 0.7 > 0.3 > calibration.formula_confidence(unsure)


def test_the_same_log_gives_the_same_files(decoded: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one", "two"):
        main(["--generated", str(decoded / "log.txt"), "--data", str(decoded), "--out", str(decoded / name)])
    for file in ("README.md", "calibration.json", "reliability.png"):
        assert (decoded / "one" / file).read_bytes() == (decoded / "two" / file).read_bytes()


@pytest.mark.parametrize(
    "log, message",
    [
        (sample(7, ("a", [-1.0, -1.0])), "different splits"),
        ("", "nothing was decoded"),
        ("T-0\ta\nH-0\t-1.0\ta\n", "0 scores"),  # without P- lines
        (sample(0, ("a", [-1.0])), "1 scores .* of 1 tokens and the end"),
    ],
)
def test_refuses_logs_that_do_not_fit(tmp_path: Path, log: str, message: str) -> None:
    write_split(tmp_path, ["a"])
    (tmp_path / "log.txt").write_text(log)
    with pytest.raises(GenerationOutputError, match=message):
        read_judged_log(tmp_path / "log.txt", tmp_path / "valid.tsv", "normal")


def test_a_log_without_mistakes_is_an_error_for_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_split(tmp_path, ["a", "a"])
    (tmp_path / "log.txt").write_text(sample(0, ("a", [-1.0, -1.0])) + sample(1, ("a", [-1.0, -1.0])))
    with pytest.raises(SystemExit):
        main(
            [
                "--generated",
                str(tmp_path / "log.txt"),
                "--data",
                str(tmp_path),
                "--out",
                str(tmp_path / "out"),
            ]
        )
    assert "only where some are and some aren't" in capsys.readouterr().err
