from __future__ import annotations

import pytest

from im2latex_fairseq.latex.normalizer import normalize


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"{\rm d}x", r"\mathrm { d } x"),
        (r"\rm{d}", r"\mathrm { d }"),
        (r"{a\rm b c}d", r"{ a \mathrm { b c } } d"),
        (r"\frac{\rm d}{x}", r"\frac { \mathrm { d } } { x }"),
        (r"{\rm Tr}_2", r"\mathrm { T r } _ { 2 }"),
        (r"\left(\rm a\right)", r"\left( \mathrm { a } \right)"),
        (r"{\mathrm d}x", r"{ \mathrm { d } } x"),  # written as a command, its braces stay
        (r"{\cal L}{\bf x}{\it y}", r"{ \cal L } { \bf x } { \it y }"),
        (r"\bm{x}", r"\boldsymbol { x }"),
    ],
)
def test_fonts(formula, expected):
    assert " ".join(normalize(formula)) == expected
    assert " ".join(normalize(expected)) == expected
