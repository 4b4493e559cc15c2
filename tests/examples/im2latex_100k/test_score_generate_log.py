"""Scores of a small log of fairseq-generate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples.im2latex_100k.score_generate_log import main, score_log
from im2latex_fairseq.data.manifest import make_entry, write_manifest
from im2latex_fairseq.evaluation.generation_log import GenerationOutputError

REFERENCES = [
    r"{ \bar { K } } _ { a } = b + c",  # read without the author's braces
    r"a \, b = c + d",  # read without the space
    "x ^ { 2 } + y ^ { 2 }",  # read rightly
    r"\frac { 1 } { 2 }",  # read as nothing
    "a + b",  # skipped by fairseq
    "x = y",  # read as no formula
]
HYPOTHESES = {
    0: r"\bar { K } _ { a } = b + c",
    1: "a b = c + d",
    2: "x ^ { 2 } + y ^ { 2 }",
    3: "",
    5: "x = {",
}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "valid.tsv"
    write_manifest(path, [make_entry(f"f{n}", (10, 20), formula) for n, formula in enumerate(REFERENCES)])
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "generate.txt"
    lines = ["2026-01-01 00:00:00 | INFO | fairseq_cli.generate | loading model(s)"]
    for row, hypothesis in reversed(HYPOTHESES.items()):  # batches come in any order
        lines += [
            f"T-{row}\t{REFERENCES[row]}",
            f"H-{row}\t-0.25\t{hypothesis}",
            f"D-{row}\t-0.25\t{hypothesis}",
            f"P-{row}\t-0.1 -0.2",
        ]
    lines.append("Generate valid with beam=5: BLEU4 = 50.00")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_counts_what_is_missing_and_empty(log: Path, manifest: Path) -> None:
    scores = score_log(log, manifest)
    assert (scores.pictures, scores.missing, scores.empty) == (6, 1, 1)
    assert scores.score_line == "BLEU4 = 50.00"
    assert [(c.unread_hypotheses, c.unread_references) for c in scores.comparisons] == [
        (0, 0),
        (1, 0),
        (1, 0),
    ]


def test_each_form_forgives_more(log: Path, manifest: Path) -> None:
    given, braces, spaces = score_log(log, manifest).comparisons
    assert given.exact_match == pytest.approx(100 / 6)
    assert braces.exact_match == pytest.approx(200 / 6)
    assert spaces.exact_match == pytest.approx(300 / 6)
    assert given.bleu < braces.bleu < spaces.bleu
    assert given.edit_accuracy < braces.edit_accuracy


def test_without_a_manifest_the_logs_references_count(log: Path) -> None:
    scores = score_log(log)
    assert (scores.pictures, scores.missing, scores.empty) == (5, 0, 1)


def test_unknown_tokens_are_counted_and_never_right(tmp_path: Path) -> None:
    path = tmp_path / "generate.txt"
    path.write_text(
        "T-0\ta <<unk>>\nH-0\t-1.0\ta <unk>\nGenerate valid with beam=5: BLEU4 = 0.00\n", encoding="utf-8"
    )
    scores = score_log(path)
    assert scores.with_unknown == 1
    assert [c.exact_match for c in scores.comparisons] == [0.0, 0.0, 0.0]


def test_a_log_of_another_split_is_refused(log: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.tsv"
    write_manifest(short, [make_entry("f0", (10, 20), "a")])
    with pytest.raises(GenerationOutputError, match=r"picture 5.*has 1 rows.*different splits"):
        score_log(log, short)


def test_the_command_prints_a_table_and_writes_json(
    log: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.json"
    main(["--generated", str(log), "--data", str(manifest.parent), "--json", str(out)])
    printed = capsys.readouterr().out
    assert "6 pictures: 1 missing in the log, 1 read as nothing" in printed
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["missing"] == 1
    assert len(written["comparisons"]) == 3
    assert f"{written['comparisons'][0]['bleu']:.2f}" in printed


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = tmp_path / "cut.txt"
    cut.write_text("T-0\ta\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["--generated", str(cut)])
    assert "did fairseq-generate finish?" in capsys.readouterr().err
