from __future__ import annotations

import pytest

from im2latex_fairseq.latex.normalizer import normalize


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"a\hskip 1cm b", r"a \hspace { 1 c m } b"),
        (r"a\hskip1cm plus 1fil minus 2pt b", r"a \hspace { 1 c m } b"),
        (r"a\kern-2.5pt b", r"a \hspace { - 2 . 5 p t } b"),
        (r"a\kern3mu b", r"a \mkern 3 m u b"),
        (r"a\mskip3mu b", r"a \mkern 3 m u b"),
        (r"a\hspace*{1cm}b", r"a \hspace { 1 c m } b"),
        (r"a\hspace * { 1 c m } b", r"a \hspace { 1 c m } b"),  # the benchmark has it
        (r"\rule[1pt]{2pt}{3pt}", r"\rule [ 1 p t ] { 2 p t } { 3 p t }"),
        (r"\left(a\\b\right)", r"\left( a { } b \right)"),
        (r"\ensuremath{a b}c", "a b c"),
    ],
)
def test_spaces(formula, expected):
    assert " ".join(normalize(formula)) == expected
    assert " ".join(normalize(expected)) == expected
