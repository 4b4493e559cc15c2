"""From fairseq-generate's log to scores, with a real log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from im2latex_fairseq.commands.main import main
from tests.fairseq_commands import run_fairseq


def test_fairseqs_scorer_and_our_command_agree(
    prepared_data: Path, gated_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "token_edit_accuracy_given"
    run_fairseq(
        "generate", prepared_data, "--task", "im2latex", "--path", gated_checkpoint, "--gen-subset", "valid",
        "--beam", 2, "--nbest", 2, "--max-len-b", 8, "--results-path", tmp_path, "--scoring", name,
    )  # fmt: skip
    log = tmp_path / "generate-valid.txt"
    capsys.readouterr()
    files = ["--references", str(prepared_data / "valid.tsv"), "--hypotheses", str(log)]
    images = ["--images", str(prepared_data / "valid.images")]
    assert main(["score", *files, *images, "--metrics", name, "--resamples", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["references"] == found["counts"]["hypotheses"] == 6
    assert found["counts"]["alternatives"] == 6
    assert not any("differ" in remark for remark in found["remarks"])
    last = log.read_text(encoding="utf-8").strip().split("\n")[-1]
    assert f"{name} = {found['scores'][name]['score']:.2f} (6 pairs" in last
