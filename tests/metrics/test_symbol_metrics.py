"""Symbol metrics of pairs: figures, sums, fallbacks."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from im2latex_fairseq.images.coloured_tokens import TypesetFormula
from im2latex_fairseq.images.dvi_pages import Ink
from im2latex_fairseq.metrics import symbol_metrics
from im2latex_fairseq.metrics.metric import corpus_score, statistics_matrix
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.symbol_counts import SymbolCounts
from im2latex_fairseq.metrics.symbol_match import DrawnFormula
from im2latex_fairseq.metrics.symbol_metrics import (
    SYMBOL_METRICS,
    compared_tokens,
    fallback_report,
    match_pairs,
)

BY_NAME = {metric.name: metric for metric in SYMBOL_METRICS}


def pair(counts: SymbolCounts | None, id: str = "0"):
    return dataclasses.replace(make_pair(id, "x", "x"), symbols=counts)


PERFECT = SymbolCounts(4, 4, 4)
HALF = SymbolCounts(1, 2, 2)
SHORT = SymbolCounts(1, 1, 4)
BLANK = SymbolCounts(0, 0, 4)


@pytest.mark.parametrize(
    "name, counts, expected",
    [
        ("symbol_recall", [PERFECT, SHORT], (1 + 1 / 4) / 2),
        ("symbol_precision", [PERFECT, SHORT], 1),
        ("symbol_f1", [PERFECT, SHORT], (1 + 2 / 5) / 2),
        ("symbol_f1_corpus", [PERFECT, SHORT], 2 * 5 / 13),
        ("symbol_exp_rate", [PERFECT, SHORT], 1 / 2),
        # A blank hypothesis counts as wrong in each.
        *((name, [BLANK], 0) for name in BY_NAME),
        *((name, [SymbolCounts(0, 0, 0)], 1) for name in BY_NAME),
        *((name, [], 1) for name in BY_NAME),  # nothing wrong in an empty corpus
        *((name, [PERFECT, PERFECT], 1) for name in BY_NAME),
    ],
)
def test_figures(name, counts, expected):
    assert corpus_score(BY_NAME[name], [pair(one) for one in counts]) == pytest.approx(100 * expected)


@pytest.mark.parametrize("metric", SYMBOL_METRICS, ids=lambda metric: metric.name)
def test_statistics_add_up_and_can_travel(metric):
    pairs = [pair(counts) for counts in (PERFECT, HALF, SHORT, BLANK)]
    matrix = statistics_matrix(metric, pairs)
    assert matrix.shape == (4, len(metric.statistic_names)) and np.isfinite(metric.score(matrix)).all()
    halves = matrix[:2].sum(axis=0) + matrix[2:].sum(axis=0)
    assert metric.score(halves) == pytest.approx(corpus_score(metric, pairs[::-1]))
    assert pickle.loads(pickle.dumps(metric)).signature == metric.signature
    assert metric.needs_symbols and not metric.needs_images and metric.unit == "percent"


def fake_draw(formulas, *, timeout_s=3.0):
    """Each character of a token is a glyph beside the one before; `\\bad` can't be drawn."""
    drawn = []
    for tokens in formulas:
        inks = tuple(
            Ink("cmmi12", 12, ord(token[0]), 400_000 * place, 0, 390_000, 300_000, 0, "")
            for place, token in enumerate(tokens)
        )
        typeset = TypesetFormula(inks, tuple(range(len(inks))))
        if "\\bad" in tokens:
            typeset = TypesetFormula(error="undefined_control_sequence: \\bad")
        drawn.append(DrawnFormula(tuple(tokens), typeset if tokens else None))
    return drawn


@pytest.mark.parametrize("processes", [1, 3])
def test_pairs_are_filled_in_order_and_equal_formulas_drawn_once(monkeypatch, processes):
    asked = []

    def draw(formulas, **options):
        asked.extend(formulas)
        return fake_draw(formulas, **options)

    monkeypatch.setattr(symbol_metrics, "draw_formulas", draw)
    monkeypatch.setattr(symbol_metrics, "_CHUNK_SIZE", 2)
    done: list[int] = []
    given = [
        make_pair("0", "a b", "a b"),
        make_pair("1", "a c", "a b"),
        make_pair("2", None, "a b"),
        make_pair("3", r"\bad", "a b"),
        pair(HALF, "4"),  # has its counts
    ]
    filled = match_pairs(given, processes, done.append)
    assert [one.id for one in filled] == list("01234")
    assert [one.symbols for one in filled] == [
        SymbolCounts(2, 2, 2),
        SymbolCounts(1, 2, 2),
        SymbolCounts(0, 0, 2),
        SymbolCounts(0, 1, 2, "text", r"hypothesis_not_drawn/undefined_control_sequence: \bad"),
        HALF,
    ]
    assert sorted(asked) == [(), ("\\bad",), ("a", "b"), ("a", "c")]
    assert sum(done) == 5


def test_no_processes_are_refused():
    with pytest.raises(ValueError, match="0 processes"):
        match_pairs([], 0)


def test_a_pair_without_counts_is_compared_alone(monkeypatch):
    monkeypatch.setattr(symbol_metrics, "draw_formulas", fake_draw)
    assert corpus_score(BY_NAME["symbol_recall"], [make_pair("0", "a c", "a b")]) == 50.0


def test_fallbacks_are_counted_by_reason():
    text = SymbolCounts(0, 1, 2, "text", "hypothesis_not_drawn/undefined_control_sequence: \\foo")
    other = dataclasses.replace(text, fallback="hypothesis_not_drawn/undefined_control_sequence: \\bar")
    glyphs = SymbolCounts(1, 2, 2, "glyphs", "reference_not_coloured/other_ink: 2 for 3", stand_ins=1)
    report = fallback_report(map(pair, [PERFECT, HALF, glyphs, text, other, None]))
    assert (report.pairs, report.by_token, report.with_stand_ins) == (6, 2, 1)
    assert report.fallbacks == {
        "by text, hypothesis_not_drawn/undefined_control_sequence": 2,
        "by glyphs, reference_not_coloured/other_ink": 1,
        "not_compared": 1,
    }
    assert report.by_token + sum(report.fallbacks.values()) == report.pairs
    assert str(report) == (
        "2 of 6 pairs compared token by token; 2 by text, hypothesis_not_drawn/undefined_control_sequence; "
        "1 by glyphs, reference_not_coloured/other_ink; 1 not_compared "
        "(1 with boxes for characters that TeX's fonts lack)"
    )


@pytest.mark.parametrize(
    "formula, expected",
    [
        ("x^2", "x ^ { 2 }"),
        ("中^2", "中 ^ { 2 }"),  # the normaliser alone refuses it
        (r"\mbox{距离} = \frac 若 2", r"\mathrm { 距 离 } = \frac { 若 } { 2 }"),
        ("α − 中", r"\alpha - 中"),  # what it knows it spells
        ("中 {", "中 {"),  # refused for more than that: as given
        ("", ""),
    ],
)
def test_chinese_is_brought_into_normal_form(formula, expected):
    hypothesis, reference = compared_tokens(make_pair("0", formula, "x"))
    assert hypothesis == tuple(expected.split()) and reference == ("x",)


@pytest.mark.tex
def test_chinese_text_is_compared():
    pairs = match_pairs(
        [
            make_pair("0", r"\mbox{速度}=\frac{距离}{t}", r"\mbox{速度}=\frac{距离}{t}"),
            make_pair("1", r"\mbox{速度}=\frac{距高}{t}", r"\mbox{速度}=\frac{距离}{t}"),
        ]
    )
    assert [one.symbols for one in pairs] == [
        SymbolCounts(7, 7, 7, stand_ins=8),
        SymbolCounts(6, 7, 7, stand_ins=8),
    ]


# Each equals itself, whatever becomes of it.
ALL_KINDS = [
    "x",
    "",
    r"\foo x",  # can't be set
    "{ x",
    r"\csname alpha\endcsname",  # can't be coloured
    r"\mbox{中文} x",
    r"\quad",
    r"\begin{array}{|c|} \hline a \\ \hline \end{array}",
    "<unk> x",
    r"{\dot{A}_i}^2 + \sum_{i}^{n}",
]


@pytest.mark.tex
def test_a_formula_is_itself():
    pairs = match_pairs([make_pair(formula, formula, formula) for formula in ALL_KINDS])
    assert [one.symbols.f1 for one in pairs] == [1.0] * len(ALL_KINDS)
    assert [corpus_score(metric, pairs) for metric in SYMBOL_METRICS] == [100.0] * len(SYMBOL_METRICS)
    assert [one.id for one in pairs if one.symbols.fallback] == [r"\foo x", "{ x", r"\csname alpha\endcsname"]
