from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from im2latex_fairseq.preparation.formula_table import FormulaRow, read_formula_table, write_formula_table
from im2latex_fairseq.preparation.prepared_set import (
    PreparedSet,
    PreparedSetError,
    PreparedSetWriter,
    manifest_path,
)
from im2latex_fairseq.preparation.selection import SizeLimits, comparison_keys
from im2latex_fairseq.preparation.selection_steps import (
    open_source,
    rows_of,
    select_rows,
    split_rows_at_random,
)


def make_set(prefix: Path, formulas: list[str], ids: str = "", **settings: int) -> PreparedSet:
    with PreparedSetWriter(prefix, {"version": 1, **settings}) as writer:
        for number, formula in enumerate(formulas):
            writer.add(f"{ids}{number}", np.full((5, 10 + number), number, np.uint8), formula)
    return PreparedSet(prefix)


def test_dropped_pairs_take_their_images_along(tmp_path):
    source = make_set(tmp_path / "a", ["x", "x x x x", "y", "z"])
    report = select_rows([source], tmp_path / "b", step="s", limits=SizeLimits(max_tokens=3))
    assert (report.read, report.kept, dict(report.dropped)) == (4, 3, {"too_many_tokens": 1})
    result = PreparedSet(tmp_path / "b")
    assert [entry.id for entry in result.entries] == ["0", "2", "3"]
    assert [int(image[0, 0]) for image in result.store] == [0, 2, 3]


def test_rules_apply_in_order_and_count_each_row_once(tmp_path):
    source = make_set(tmp_path / "a", ["x x x", "v", "a a", "a a", "r a", "b b"])
    report = select_rows(
        [source],
        tmp_path / "b",
        step="s",
        limits=SizeLimits(max_tokens=2),
        known=comparison_keys([FormulaRow("valid-1", "", "{ v }")]),
        unique=True,
        rare_tokens=1,
    )
    assert dict(report.dropped) == {"duplicate": 1, "in_evaluation_split": 1, "too_many_tokens": 1}
    assert report.kept == 3


def test_sets_are_joined_in_order(tmp_path):
    sources = [make_set(tmp_path / "a", ["x"], "a"), make_set(tmp_path / "b", ["y", "z"], "b")]
    select_rows(sources, tmp_path / "c", step="merge")
    assert [(e.id, e.formula) for e in PreparedSet(tmp_path / "c").entries] == [
        ("a0", "x"),
        ("b0", "y"),
        ("b1", "z"),
    ]


def test_sets_of_different_preparation_are_not_joined(tmp_path):
    sources = [
        make_set(tmp_path / "a", ["x"], "a", margin_px=4),
        make_set(tmp_path / "b", ["y"], "b", margin_px=8),
    ]
    with pytest.raises(PreparedSetError, match="margin_px: 4 and 8"):
        select_rows(sources, tmp_path / "c", step="merge")
    assert not manifest_path(tmp_path / "c").exists()


def test_sets_that_share_an_id_are_not_joined(tmp_path):
    sources = [make_set(tmp_path / "a", ["x"]), make_set(tmp_path / "b", ["y"])]
    with pytest.raises(PreparedSetError, match="id '0' is in"):
        select_rows(sources, tmp_path / "c", step="merge")


def test_tables_and_sets_are_not_joined(tmp_path):
    with pytest.raises(PreparedSetError, match="render the tables first"):
        select_rows(
            [make_set(tmp_path / "a", ["x"]), [FormulaRow("f", "", "x")]], tmp_path / "c", step="merge"
        )


def test_a_finished_step_is_left_alone(tmp_path):
    source = make_set(tmp_path / "a", ["x", "y"])
    select_rows([source], tmp_path / "b", step="s")
    written = (tmp_path / "b.images").stat().st_mtime_ns
    select_rows([source], tmp_path / "b", step="s")
    assert (tmp_path / "b.images").stat().st_mtime_ns == written


def test_new_pictures_of_the_same_formulas_are_taken(tmp_path):
    select_rows([make_set(tmp_path / "a", ["x"])], tmp_path / "b", step="s")
    with PreparedSetWriter(tmp_path / "a", {"version": 1}) as writer:
        writer.add("0", np.full((5, 10), 99, np.uint8), "x")
    select_rows([PreparedSet(tmp_path / "a")], tmp_path / "b", step="s")
    assert PreparedSet(tmp_path / "b").store[0][0, 0] == 99


@pytest.mark.parametrize("kind", ["set", "table"])
def test_a_split_is_seeded_and_keeps_equal_formulas_together(tmp_path, kind):
    formulas = [f"x _ {number // 2}" if number % 2 else f"{{ x _ {number // 2} }}" for number in range(200)]
    if kind == "set":
        source = make_set(tmp_path / "a", formulas)
    else:
        source = [FormulaRow(f"f{number}", "", formula) for number, formula in enumerate(formulas)]
    suffix = ".tsv" if kind == "table" else ""
    outputs = {name: tmp_path / f"{name}{suffix}" for name in ("train", "valid")}
    reports = split_rows_at_random(source, outputs, {"train": 9, "valid": 1}, seed=1)
    assert {name: report.kept for name, report in reports.items()} == {"train": 180, "valid": 20}
    parts = {name: rows_of(open_source(path)) for name, path in outputs.items()}
    assert not set(comparison_keys(parts["train"])) & set(comparison_keys(parts["valid"]))
    again = split_rows_at_random(source, outputs, {"train": 9, "valid": 1}, seed=1)
    assert again == reports
    assert [row.id for row in rows_of(open_source(outputs["valid"]))] == [row.id for row in parts["valid"]]


@pytest.mark.parametrize("shares", [{}, {"a": 0.0}, {"a": 1, "b": -1}])
def test_bad_shares(tmp_path, shares):
    with pytest.raises(ValueError, match=r"shares"):
        split_rows_at_random([], {name: tmp_path / name for name in shares}, shares)


def test_sources_are_told_apart_by_their_header(tmp_path):
    make_set(tmp_path / "a", ["x"])
    write_formula_table(tmp_path / "t.tsv", [FormulaRow("f", "", "x")])
    (tmp_path / "other.tsv").write_text("a\tb\n")
    assert isinstance(open_source(tmp_path / "a"), PreparedSet)
    assert isinstance(open_source(tmp_path / "a.tsv"), PreparedSet)
    assert open_source(tmp_path / "t.tsv") == read_formula_table(tmp_path / "t.tsv")
    with pytest.raises(ValueError, match="line 1: columns"):
        open_source(tmp_path / "other.tsv")
    with pytest.raises(FileNotFoundError, match="no prepared set"):
        open_source(tmp_path / "none")


def test_a_manifest_with_another_store_is_refused(tmp_path):
    make_set(tmp_path / "a", ["x", "y"])
    make_set(tmp_path / "b", ["x"])
    (tmp_path / "a.images").write_bytes((tmp_path / "b.images").read_bytes())
    with pytest.raises(PreparedSetError, match="2 rows and the store 1 images"):
        PreparedSet(tmp_path / "a")
    with PreparedSetWriter(tmp_path / "c", {}) as writer:
        writer.add("1", np.zeros((7, 9), np.uint8), "x")
    (tmp_path / "b.images").write_bytes((tmp_path / "c.images").read_bytes())
    with pytest.raises(PreparedSetError, match="says 5 x 10 px, its image has 7 x 9"):
        PreparedSet(tmp_path / "b")
