"""`im2latex score` from its options to its output; text metrics alone, so that no TeX is needed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from im2latex_fairseq.commands.main import main
from im2latex_fairseq.data.image_store import ImageStoreWriter
from im2latex_fairseq.evaluation import judging

LOG = (
    "T-1\tx\nH-1\t-0.5\tx\nH-1\t-1.5\ty\n"
    "T-0\ta + b\nH-0\t-1.0\ta - b\n"
    "T-2\tx y\nH-2\t-1.0\t\n"
    "Generate valid with beam=2: BLEU4 = 10.00\n"
)
FEW = ("--metrics", "exact_match,token_edit_accuracy", "--resamples", "20")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "generate-valid.txt"
    path.write_text(LOG)
    return path


def score(*arguments: object) -> int:
    return main(["score", *map(str, arguments)])


def score_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert score(*arguments, "--json", *FEW) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def error_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert score(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_a_log_is_scored_by_its_own_references(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = score_json(capsys, "--hypotheses", log)
    assert found["scores"]["exact_match"]["score"] == pytest.approx(100 / 3)
    assert found["scores"]["token_edit_accuracy"]["score"] == pytest.approx(100 * (1 - 3 / 6))
    assert found["counts"] | {"empty": 1, "alternatives": 1, "missing": 0} == found["counts"]


def test_with_references_what_the_log_lacks_is_missing(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    references = tmp_path / "valid.txt"
    references.write_text("a + b\nx\nx y\nnever decoded\n")
    found = score_json(capsys, "--references", references, "--hypotheses", log)
    assert found["counts"]["missing"] == 1
    assert found["scores"]["exact_match"]["score"] == pytest.approx(25.0)


def test_the_table_is_for_people(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score("--hypotheses", log, *FEW) == 0
    out = capsys.readouterr().out
    assert "3 references, 3 hypotheses" in out
    assert "33.33" in out
    assert "aligned by sample number" in out


@pytest.mark.parametrize("form", ["lines", "tsv", "json"])
def test_all_forms_give_the_same_scores(
    form: str, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [("a - b", "a + b"), ("x", "x"), ("", "x y")]
    suffix, row = {
        "lines": ("txt", lambda number, text: text),
        "tsv": ("tsv", lambda number, text: f"f{number}\t{text}"),
        "json": ("jsonl", lambda number, text: json.dumps({"id": number, "formula": text})),
    }[form]
    for place, name in enumerate(("hypotheses", "references")):
        lines = [row(number, pair[place]) + "\n" for number, pair in enumerate(texts)]
        (tmp_path / f"{name}.{suffix}").write_text("".join(lines))
    found = score_json(
        capsys,
        "--references",
        tmp_path / f"references.{suffix}",
        "--hypotheses",
        tmp_path / f"hypotheses.{suffix}",
    )
    expected = score_json(capsys, "--hypotheses", log)
    assert found["scores"] == expected["scores"]


def test_shards_saved_and_merged_equal_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [(f"f{n}", "a + b", ("a + b", "a", "b c d")[n % 3]) for n in range(9)]
    for name, part in (("all", texts), ("0", texts[:4]), ("1", texts[4:])):
        lines = [f"{id_}\t{reference}\t{hypothesis}\n" for id_, reference, hypothesis in part]
        (tmp_path / f"{name}.tsv").write_text("id\treference\thypothesis\n" + "".join(lines))
    parts = []
    for name in "01":
        parts.append(tmp_path / f"{name}.evaluation.jsonl")
        path = tmp_path / f"{name}.tsv"
        score_json(capsys, "--references", path, "--hypotheses", path, "--save", parts[-1])
    whole = score_json(capsys, "--references", tmp_path / "all.tsv", "--hypotheses", tmp_path / "all.tsv")
    assert score_json(capsys, "--merge", *parts)["scores"] == whole["scores"]
    joined = [tmp_path / "0.tsv", tmp_path / "1.tsv"]
    assert score_json(capsys, "--references", *joined, "--hypotheses", *joined)["scores"] == whole["scores"]


def test_two_systems_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gold.txt").write_text("a + b\n" * 30)
    (tmp_path / "a.txt").write_text("a + b\n" * 30)
    (tmp_path / "b.txt").write_text("a - b\n" * 30)
    gold = ("--references", tmp_path / "gold.txt")
    found = score_json(capsys, *gold, "--compare", tmp_path / "a.txt", tmp_path / "b.txt")
    assert found["metrics"]["exact_match"]["better"] == "a"
    for name in "ab":
        saved = tmp_path / f"{name}.evaluation.jsonl"
        score_json(capsys, *gold, "--hypotheses", tmp_path / f"{name}.txt", "--save", saved)
    again = score_json(capsys, "--compare", tmp_path / "a.evaluation.jsonl", tmp_path / "b.evaluation.jsonl")
    assert again["metrics"] == found["metrics"]
    assert score("--compare", tmp_path / "a.evaluation.jsonl", tmp_path / "a.evaluation.jsonl", *FEW) == 0
    assert "equal" in capsys.readouterr().out


def test_without_tex_it_says_what_is_left_out(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "tex_available", lambda: False)
    assert score("--hypotheses", log, "--resamples", "10", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert "compile_rate" in found["left_out"]
    assert "isn't on the PATH" in found["left_out"]["symbol_f1"]
    assert "bleu_multi" in found["scores"]
    assert score("--hypotheses", log, "--resamples", "10") == 0
    out = capsys.readouterr().out
    assert "left out: compile_rate" in out and "isn't on the PATH" in out


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "no hypotheses; give what the system said by --hypotheses"),
        (("--hypotheses", "plain.txt"), "no references; give what is right by --references"),
        (("--hypotheses", "none.txt"), "no such file"),
        (("--hypotheses", "log.txt", "--metrics", "blue"), "metric 'blue' is unknown; there are bleu_multi"),
        (("--hypotheses", "log.txt", "--metrics", ","), "no metric named; there are all, text"),
        (("--hypotheses", "log.txt", "--confidence", "95"), "confidence is 95.0"),
        (("--hypotheses", "log.txt", "--images", "none.images"), "no image store"),
        (("--compare", "log.txt", "log.txt", "--save", "x"), "goes without"),
        (("--merge", "log.txt"), "not an evaluation"),
        (("--merge", "log.txt", "--hypotheses", "log.txt"), "--merge takes"),
        (
            ("--compare", "log.txt", "log.txt", "--resamples", "0", "--metrics", "exact_match"),
            "takes resamples",
        ),
    ],
)
def test_mistakes_are_said_in_one_line(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.txt").write_text("a\n")
    (tmp_path / "log.txt").write_text(LOG)
    said = error_of(capsys, *arguments)
    assert said.startswith("im2latex score: error: ")
    assert re.search(message, said)
    assert "Traceback" not in said


def test_pictures_of_another_split_are_refused(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ImageStoreWriter(tmp_path / "valid.images") as store:
        store.add(np.zeros((2, 3), dtype=np.uint8))
    said = error_of(capsys, "--hypotheses", log, "--images", tmp_path / "valid.images")
    assert "has 1 pictures" in said


@pytest.mark.tex
def test_pictures_and_symbols(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ImageStoreWriter(tmp_path / "valid.images") as store:
        for _ in range(3):
            store.add(np.full((20, 30), 255, dtype=np.uint8))
    arguments = ("--hypotheses", log, "--images", tmp_path / "valid.images", "--resamples", "10", "--json")
    assert score(*arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["left_out"] == {}
    assert found["scores"]["compile_rate"]["score"] == pytest.approx(200 / 3)  # an empty one isn't drawn
    assert 0.0 < found["scores"]["symbol_f1"]["score"] < 100.0
    true_pictures = [name for name in found["scores"] if name.endswith("_true_picture")]
    assert true_pictures and "compile_rate_true_picture" not in true_pictures
    assert any(remark.startswith("drawn: ") for remark in found["remarks"])
