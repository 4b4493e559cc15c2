"""Limits learned from one file, checked on another."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.im2latex_100k.repetition_limits import cut_formulas, main
from im2latex_fairseq.data.manifest import make_entry, write_manifest
from im2latex_fairseq.decoding.repeated_tokens import DEFAULT_LIMITS, RepetitionLimits


def write(path: Path, formulas: list[str]) -> Path:
    write_manifest(path, [make_entry(f"f{n}", (9, 9), formula) for n, formula in enumerate(formulas)])
    return path


def test_says_which_formulas_would_be_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = write(tmp_path / "train.tsv", ["0 & 0 & 0", " ".join("c" * 12)])  # 4 tokens beyond the eighth
    valid = write(tmp_path / "valid.tsv", [" ".join("c" * 14), " ".join("c" * 15), "a b"])
    main(["--learn", str(train), "--check", str(valid), "--margin", "1.5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "RepetitionLimits(inked=6, spaced=0)"
    assert lines[1].endswith("1 of 3 formulas would be cut")
    assert lines[2:] == ["  " + " ".join("c" * 15)]


def test_formulas_in_any_order_and_number() -> None:
    formulas = [["a"] * length for length in (1, 12, 10, 11, 2)] * 100
    assert sorted(map(len, cut_formulas(formulas, RepetitionLimits(2, 0)))) == [11] * 100 + [12] * 100
    assert cut_formulas([], DEFAULT_LIMITS) == []


@pytest.mark.parametrize(
    "formulas, margin, message", [(None, "1.5", "no manifest"), (["a"], "0.5", "margin must be at least 1")]
)
def test_says_what_is_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    formulas: list[str] | None,
    margin: str,
    message: str,
) -> None:
    path = tmp_path / "train.tsv"
    if formulas is not None:
        write(path, formulas)
    with pytest.raises(SystemExit):
        main(["--learn", str(path), "--margin", margin])
    assert message in capsys.readouterr().err
