"""Spans learned from one file, checked on another."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.im2latex_100k.longest_spans import cut_formulas, main
from im2latex_fairseq.data.manifest import make_entry, write_manifest
from im2latex_fairseq.decoding.unit_spans import DEFAULT_SPANS, LongestSpans


def write(path: Path, formulas: list[str]) -> Path:
    write_manifest(path, [make_entry(f"f{n}", (9, 9), formula) for n, formula in enumerate(formulas)])
    return path


def test_says_which_formulas_would_be_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = write(tmp_path / "train.tsv", ["0 & 0 & 0", "c c c c"])
    valid = write(tmp_path / "valid.tsv", ["c c c c c c", "c c c c c c c x", "a b"])
    main(["--learn", str(train), "--check", str(valid), "--longest-unit", "2", "--margin", "1.5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "LongestSpans(inked=(6, 8), spaced=(2, 4))"
    assert lines[1].endswith("1 of 3 formulas would be cut")
    assert lines[2:] == ["  c c c c c c c x"]


def test_formulas_in_any_order_and_number() -> None:
    spans = LongestSpans((3,), (3,))
    formulas = [["a"] * length for length in (1, 5, 3, 4, 2)] * 100
    assert sorted(map(len, cut_formulas(formulas, spans))) == [4] * 100 + [5] * 100
    assert cut_formulas([], DEFAULT_SPANS) == []


def test_refuses_what_is_no_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--learn", str(tmp_path / "none.tsv")])
    assert "no manifest" in capsys.readouterr().err
