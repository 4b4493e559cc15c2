"""What the grammar allows, TeX sets."""

from __future__ import annotations

import random

import pytest

from im2latex_fairseq.images.renderer import RenderSettings, render_formulas
from tests.decoding.latex_grammar.grammar_walks import STYLES, make_filter, walk

pytestmark = pytest.mark.tex

_WALKS = 300


def test_walks_compile() -> None:
    grammar = make_filter()
    rng = random.Random(7)
    formulas = [
        " ".join(walk(grammar, rng, rng.choice([1, 2, 3, 5, 8, 13, 20, 40, 80]), STYLES[number % 3]))
        for number in range(_WALKS)
    ]
    results = render_formulas(formulas, RenderSettings(dpi=50), timeout_s=20)
    failures = [(r.error, formula) for r, formula in zip(results, formulas, strict=True) if r.error]
    assert failures == []
