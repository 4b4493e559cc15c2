from __future__ import annotations

import json

import pytest

from im2latex_fairseq.preparation.report import (
    StepReport,
    format_markdown,
    read_finished_report,
    report_path,
    write_report,
)


def test_kept_plus_dropped_must_equal_read():
    with pytest.raises(AssertionError, match="read 10, but kept and dropped make 9"):
        StepReport("step", 10, 7, {"too_long": 2})


def test_reasons_come_sorted_and_without_zeros():
    report = StepReport("step", 10, 4, {"b": 1, "never": 0, "a": 5})
    assert list(report.dropped.items()) == [("a", 5), ("b", 1)]
    assert report.dropped_total == 6


def test_the_table_names_every_count():
    text = StepReport("filter", 1000, 999, {"too_long": 1}, {"note": "x"}).format_table()
    for part in ("filter", "1,000", "999", "dropped: too_long", "0.1%", "note: x"):
        assert part in text
    assert "nan" not in StepReport("filter", 0, 0).format_table().lower()


def test_the_markdown_table_has_a_row_a_step():
    text = format_markdown({"a": StepReport("x", 1200, 1199, {"too_long": 1}), "b": StepReport("y", 0, 0)})
    assert text.splitlines()[2:] == ["| a | 1,200 | 1,199 | too_long 1 |", "| b | 0 | 0 |  |"]


def test_only_a_finished_report_with_the_same_fingerprint_counts(tmp_path):
    output = tmp_path / "train"
    report = StepReport("step", 2, 1, {"x": 1}, fingerprint="abc")
    assert read_finished_report(output, "abc") is None
    write_report(output, report)
    assert read_finished_report(output, "abc") == report
    assert read_finished_report(output, "other") is None
    content = json.loads(report_path(output).read_text())
    assert content["dropped"] == {"x": 1}
    report_path(output).write_text("{")
    assert read_finished_report(output, "abc") is None
