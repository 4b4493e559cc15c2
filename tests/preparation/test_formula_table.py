from __future__ import annotations

import pytest

from im2latex_fairseq.preparation.formula_table import (
    FormulaRow,
    FormulaTableError,
    Reject,
    read_formula_lines,
    read_formula_table,
    read_rejects,
    write_formula_table,
    write_rejects,
)


def test_only_a_line_feed_ends_a_formula(tmp_path):
    path = tmp_path / "f.lst"
    path.write_bytes("a\rb\nc\fd\ne\u2028f\u2029g\nh\x85i\x1cj\n\nlast".encode())
    assert read_formula_lines(path) == ["a\rb", "c\fd", "e\u2028f\u2029g", "h\x85i\x1cj", "", "last"]


def test_windows_line_ends_lose_their_carriage_return(tmp_path):
    path = tmp_path / "f.lst"
    path.write_bytes(b"a\r\nb\rc\r\n")
    assert read_formula_lines(path) == ["a", "b\rc"]


def test_the_official_list_is_latin_1(tmp_path):
    path = tmp_path / "f.lst"
    path.write_bytes(b"ok\n\\mbox{f\xfcr}\n")
    assert read_formula_lines(path, "latin-1") == ["ok", "\\mbox{für}"]
    with pytest.raises(FormulaTableError, match=r"line 2: not utf-8.*latin-1"):
        read_formula_lines(path)
    with pytest.raises(FormulaTableError, match="no encoding is called 'klingon'"):
        read_formula_lines(path, "klingon")


def test_missing_list(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such formula file"):
        read_formula_lines(tmp_path / "none")


def test_tables_read_back(tmp_path):
    rows = [FormulaRow("a-1", "a.txt:1", r"\frac { 1 } { 2 }"), FormulaRow("a-3.2", "a.txt:3", "x")]
    path = tmp_path / "t.tsv"
    write_formula_table(path, rows)
    assert read_formula_table(path) == rows


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "an empty file"),
        ("id\tformula\n", "line 1"),
        ("id\tsource\tformula\nx\ts\n", "line 2: 2 columns"),
        ("id\tsource\tformula\nx\ts\t\n", "line 2: the formula is empty"),
        ("id\tsource\tformula\nx\ts\ta\u2028b\n", "line 2: the formula has the character"),
        ("id\tsource\tformula\nx\ts\ta\nx\ts\tb\n", "line 3: id 'x' is already that of line 2"),
        ("id\tsource\tformula\n x\ts\ta\n", "white space"),
    ],
)
def test_bad_tables_are_refused_by_line(tmp_path, content, told):
    path = tmp_path / "t.tsv"
    path.write_bytes(content.encode())
    with pytest.raises(FormulaTableError, match=told):
        read_formula_table(path)


def test_rejects_keep_one_line_each_whatever_they_hold(tmp_path):
    path = tmp_path / "r.tsv"
    rejects = [Reject("a", "bad", "why\nso", "x\ty\u2028\x0cz \\frac", "f:1", 7), Reject("b", "worse")]
    write_rejects(path, rejects)
    assert path.read_text().count("\n") == 3
    first, second = read_rejects(path)
    assert (first.id, first.reason, first.position) == ("a", "bad", 7)
    assert first.text == r"x\ty\u2028\x0cz \frac"
    assert second == rejects[1]
