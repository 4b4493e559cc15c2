"""The command from sources to a formula table: macros over files, reports that add up, runs that need no redoing."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from im2latex_fairseq.preparation.formula_extraction import (
    ExtractionSettings,
    extract_collection,
    extract_sources,
)
from im2latex_fairseq.preparation.formula_table import read_formula_table, read_rejects
from preprocess.extract_formulas import main

MAIN = r"""\documentclass{article}
\usepackage{mymacros}
\input{defs}
\newcommand{\R}{\mathbb{R}}
\begin{document}
For $\R^n$ see \be \norm{x} \ee
\input{chapter}
\end{document}
"""
FILES = {
    "main.tex": MAIN,
    "defs.tex": r"\def\be{\begin{equation}} \def\ee{\end{equation}}",
    "mymacros.sty": "\\newcommand{\\norm}[1]{\\|#1\\|}\n\\def\\frac@x{broken}",
    "chapter.tex": "In a chapter:\n$\\R$ and \\be x_1 \\over {y \\ee and $x\n\nz$",
    "orphan.tex": r"$\R$",
}


def _write_archive(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
        member = tarfile.TarInfo("../evil.tex")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"$e$"))


def test_macros_of_the_main_file_hold_in_what_it_reads() -> None:
    found = extract_collection(FILES, ExtractionSettings())
    kept = {entry.source: entry.tokens for entry in found if entry.tokens}
    assert kept["main.tex:6"] == r"\| x \|"
    assert r"\mathbb { R } ^ { n }" in [entry.tokens for entry in found]
    assert kept["chapter.tex:2"] == r"\mathbb { R }"
    assert kept["orphan.tex:1"] == r"\R"  # nobody reads it, so nobody says what \R is
    reasons = [(entry.source, entry.reason) for entry in found if entry.reason]
    assert ("chapter.tex:2", "environments_crossed") in reasons  # the brace that is never closed


def test_files_that_read_each_other_end() -> None:
    found = extract_collection({"a.tex": r"\input{b} $x$", "b.tex": r"\input{a} $y$"}, ExtractionSettings())
    assert sorted(entry.tokens for entry in found) == ["x", "y"]


def test_the_command_writes_table_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    _write_archive(sources / "paper.tar.gz")
    (sources / "loose.tex").write_text("$a+b$ $a + b$ $q$", encoding="utf-8")
    output = tmp_path / "out" / "formulas.tsv"
    arguments = [str(sources), "--output", str(output), "--min-tokens", "2", "--processes", "1"]
    assert main(arguments) == 0
    rows = read_formula_table(output)
    assert [row.formula for row in rows if row.source == "loose.tex:1"] == ["a + b"]
    assert any(row.source == "paper.tar.gz/main.tex:6" and row.formula == r"\| x \|" for row in rows)
    report = json.loads(Path(f"{output}.report.json").read_text())
    assert report["read"] == report["kept"] + sum(report["dropped"].values())
    assert report["kept"] == len(rows)
    assert report["dropped"]["duplicate"] >= 1
    assert report["dropped"]["too_short"] >= 1
    assert report["details"]["files_refused"] == {"unsafe_name": 1}
    assert len(read_rejects(f"{output}.rejects.tsv")) == sum(report["dropped"].values())
    raw = Path(f"{output}.raw.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in raw[1:]] == [row.id for row in rows]
    assert "paper.tar.gz/../evil.tex\tunsafe_name" in Path(f"{output}.files.tsv").read_text(encoding="utf-8")
    assert Path(f"{output}.report.txt").read_text() == capsys.readouterr().out

    before = output.stat().st_mtime_ns
    assert main(arguments) == 0  # nothing has changed, so nothing is done again
    assert output.stat().st_mtime_ns == before
    (sources / "loose.tex").write_text("$c$", encoding="utf-8")
    assert main(arguments) == 0
    assert output.stat().st_mtime_ns != before


def test_processes_give_the_same_table(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    for number in range(3):
        (sources / f"{number}.tex").write_text(f"$x_{number}$ $$y^{number}$$", encoding="utf-8")
    extract_sources(sources, tmp_path / "one.tsv", processes=1)
    extract_sources(sources, tmp_path / "two.tsv", processes=2)
    assert (tmp_path / "one.tsv").read_bytes() == (tmp_path / "two.tsv").read_bytes()


def test_kinds_and_rows_are_chosen(tmp_path: Path) -> None:
    (tmp_path / "a.tex").write_text(r"$x$ \begin{align} a&=b \\ c&=d \end{align}", encoding="utf-8")
    settings = ExtractionSettings(kinds=("display",), rows="split")
    report = extract_sources(tmp_path / "a.tex", tmp_path / "o.tsv", settings)
    assert [row.formula for row in read_formula_table(tmp_path / "o.tsv")] == ["a = b", "c = d"]
    assert report.dropped == {"inline_not_asked_for": 1}


def test_mistakes_of_the_user_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "missing"), "--output", str(tmp_path / "o.tsv")]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    (tmp_path / "a.tex").write_text("$x$")
    assert main([str(tmp_path), "--output", str(tmp_path / "o.tsv"), "--min-tokens", "0"]) == 2
    assert "min_tokens" in capsys.readouterr().err
