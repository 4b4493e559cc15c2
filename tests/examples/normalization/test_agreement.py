"""The report on agreement, on a data folder of its own."""

from __future__ import annotations

import pytest

from examples.normalization.agreement import Pair, classes_of, compare, main, measure


def test_pairs_are_counted_once():
    agreement = compare(
        [
            ("x^2", "x ^ { 2 }"),
            (r"\frac12", r"\frac 1 2"),
            ("{x", "{ x"),
        ]
    )
    assert (agreement.pairs, agreement.identical, agreement.different, len(agreement.refused)) == (3, 1, 1, 1)


@pytest.mark.parametrize(
    "raw, official, ours, expected",
    [
        (r"\frac12", r"\frac 1 2", r"\frac { 1 } { 2 }", "single arguments"),
        (r"\frac{{a}}2", r"\frac { { a } } 2", r"\frac { { a } } { 2 }", "single arguments"),
        (r"\overline x", r"\overline { x }", r"\overline { { x } }", "pair of braces"),
        ("f'^2", "f ^ { 2 }", r"f ^ { \prime 2 }", "primes"),
        (r"\mbox{if $x$}", r"\mathrm { i f ~ ~ x ~ }", r"{ \mathrm { i f ~ } x }", "dollars"),
        (r"a\\b", r"a \, b", "a { } b", "a line end"),
        ("x", "a b c d", "x", "the pair is off"),
        ("x y", "x z y", "x y", "other"),
    ],
)
def test_classes(raw, official, ours, expected):
    assert any(expected in name for name in classes_of(Pair(raw, official, ours)))


def test_stability_counts_add_up():
    result = measure("file", ["x ^ { 2 }", "x^2", "{", r"\label{a}"])
    assert (result.read, result.accepted, result.unchanged) == (4, 2, 1)
    assert sum(result.refused.values()) == result.read - result.accepted
    assert result.unstable == []


def test_the_command_writes_a_report(tmp_path):
    benchmark = tmp_path / "im2latex100k"
    benchmark.mkdir()
    (benchmark / "raw_and_normal.tsv").write_text(
        "raw\tnormal\nx^2\tx ^ { 2 }\n{\t{\na\tb\n", encoding="utf-8"
    )
    for name in ("train", "valid"):
        (benchmark / f"{name}.tsv").write_text("image\tformula\n0.png\t\\frac 1 2\n", encoding="utf-8")
    (tmp_path / "formulas").mkdir()
    (tmp_path / "formulas" / "one.raw.txt").write_text("x^2\n\ny\u2028\n", encoding="utf-8")
    output = tmp_path / "report.md"
    main(["--data", str(tmp_path), "--output", str(output)])
    report = output.read_text(encoding="utf-8")
    assert "**1 (33.33 %) have the official token sequence**" in report
    assert "| one.raw.txt | 2 | 100.00 % | 0 |" in report
