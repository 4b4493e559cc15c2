from __future__ import annotations

import pytest

from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.latex.rules.operators import OPERATOR_NAMES


@pytest.mark.parametrize("name", sorted(OPERATOR_NAMES))
def test_each_is_spelled_out_once(name):
    tokens = normalize(rf"{name}_x")
    assert tokens[0] in (r"\operatorname", r"\operatorname*")
    assert "".join(token for token in tokens[2 : tokens.index("}")] if token != r"\,") == name[1:]
    assert normalize(" ".join(tokens)) == tokens


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"\operatorname{sin}x", r"\operatorname { s i n } x"),
        (r"\frac\sin\cos", r"\frac { \operatorname { s i n } } { \operatorname { c o s } }"),
        (r"\sin^2x", r"\operatorname { s i n } ^ { 2 } x"),
    ],
)
def test_in_context(formula, expected):
    assert " ".join(normalize(formula)) == expected
