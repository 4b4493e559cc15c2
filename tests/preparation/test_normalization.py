from __future__ import annotations

import pytest

from im2latex_fairseq.preparation.formula_table import read_formula_table, read_rejects
from im2latex_fairseq.preparation.normalization import NormalizationSettings, normalize_file


def run(tmp_path, text: str, settings: NormalizationSettings | None = None, **options):
    (tmp_path / "notes.raw.txt").write_bytes(text.encode())
    output = tmp_path / "out.tsv"
    report = normalize_file(
        tmp_path / "notes.raw.txt", output, settings or NormalizationSettings(), **options
    )
    return report, read_formula_table(output), read_rejects(f"{output}.rejects.tsv")


def test_ids_say_the_line_and_rejects_say_why_and_where(tmp_path):
    report, rows, rejects = run(tmp_path, "x^2\n\n{a\nx ^ 2\ny\n")
    assert [(row.id, row.source, row.formula) for row in rows] == [
        ("notes-1", "notes.raw.txt:1", "x ^ { 2 }"),
        ("notes-5", "notes.raw.txt:5", "y"),
    ]
    assert [(r.id, r.reason) for r in rejects[:1]] == [("notes-2", "empty")]
    assert rejects[1].reason.startswith("unbalanced")
    assert rejects[1].position >= 0
    assert (rejects[2].id, rejects[2].reason) == ("notes-4", "duplicate")
    assert (report.read, report.kept, report.dropped_total) == (5, 2, 3)


def test_strange_characters_shift_no_line(tmp_path):
    _, rows, _ = run(tmp_path, "a\x0cb\nc\u2028d\ne\rf\ng\n")
    assert [row.id for row in rows] == ["notes-1", "notes-2", "notes-3", "notes-4"]
    assert rows[3].formula == "g"


def test_displays_are_cut_into_rows(tmp_path):
    report, rows, _ = run(tmp_path, "a &= b \\\\ &= c\nd\n", NormalizationSettings(split_rows=True))
    assert [(row.id, row.formula) for row in rows] == [
        ("notes-1.1", "a = b"),
        ("notes-1.2", "= c"),
        ("notes-2", "d"),
    ]
    assert report.read == 3
    assert report.details["lines_taken"] == 2


def test_macros_are_expanded(tmp_path):
    settings = NormalizationSettings(macros=r"\newcommand{\half}[1]{\frac{#1}{2}}")
    _, rows, _ = run(tmp_path, r"\half{x}" + "\n", settings)
    assert rows[0].formula == r"\frac { x } { 2 }"


def test_a_limit_draws_the_same_lines_each_time(tmp_path):
    text = "".join(f"x_{{{number}}}\n" for number in range(100))
    settings = NormalizationSettings(limit=10, seed=3)
    _, rows, _ = run(tmp_path, text, settings)
    assert len(rows) == 10
    (tmp_path / "out.tsv.report.json").unlink()
    assert run(tmp_path, text, settings)[1] == rows
    assert run(tmp_path, text, NormalizationSettings(limit=10, seed=4))[1] != rows


def test_duplicates_stay_if_asked(tmp_path):
    assert len(run(tmp_path, "x\nx\n", NormalizationSettings(keep_duplicates=True))[1]) == 2


def test_processes_change_nothing_and_a_finished_table_is_left_alone(tmp_path):
    text = "".join(f"x_{number % 7} y_{number}\n" for number in range(4_100))
    _, rows, _ = run(tmp_path, text, processes=2)
    assert len(rows) == 4_100
    written = (tmp_path / "out.tsv").stat().st_mtime_ns
    run(tmp_path, text, processes=1)
    assert (tmp_path / "out.tsv").stat().st_mtime_ns == written
    (tmp_path / "out.tsv").unlink()
    assert run(tmp_path, text, processes=1)[1] == rows


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such formula file"):
        normalize_file(tmp_path / "none", tmp_path / "out.tsv")
