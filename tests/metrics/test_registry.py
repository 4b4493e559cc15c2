"""What holds for every metric of text: perfect of itself, sums, order, never NaN. A new one is swept along."""

from __future__ import annotations

import pickle
import re
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.metrics.metric import Metric, corpus_score, statistics_matrix
from im2latex_fairseq.metrics.pair import FormulaPair, make_pair
from im2latex_fairseq.metrics.registry import (
    HEADLINE_METRICS,
    IMAGE_METRICS,
    SYMBOL_METRICS,
    TEXT_METRICS,
    by_name,
    metric,
)

ALL = (*TEXT_METRICS, *IMAGE_METRICS, *SYMBOL_METRICS)
COMPARING = tuple(m for m in TEXT_METRICS if m.name not in ("balanced_rate", "repetition_rate"))
NORMAL = tuple(m for m in COMPARING if "|tokens:normal" in m.signature or "|characters:normal" in m.signature)
UNIFIED = tuple(m for m in COMPARING if "|tokens:unified" in m.signature)
GIVEN = tuple(m for m in COMPARING if m not in (*NORMAL, *UNIFIED))

FORMULAS = st.one_of(
    st.lists(
        st.sampled_from(["a", "x", "^", "_", "{", "}", r"\frac", r"\left(", r"\right)", " "]), max_size=9
    ).map(" ".join),
    st.sampled_from(
        ["", "x^2", r"\frac{1}{2}", "a <unk>", "a " * 30, "a\x01", r"\begin{array}{c}x\end{array}"]
    ),
)
PAIRS = st.lists(st.tuples(st.one_of(st.none(), FORMULAS), FORMULAS), max_size=5).map(
    lambda texts: [make_pair(str(n), h, r) for n, (h, r) in enumerate(texts)]
)


def perfect(metric: Metric) -> float:
    return 100.0 if metric.higher_is_better else 0.0


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_every_metric_says_what_it_is(metric: Metric) -> None:
    assert isinstance(metric, Metric)
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", metric.name)
    assert metric.title
    assert "version:" in metric.signature or "im2latex_fairseq:" in metric.signature
    assert metric.unit
    assert len(set(metric.statistic_names)) == len(metric.statistic_names) >= 1
    assert pickle.loads(pickle.dumps(metric)).signature == metric.signature  # worker processes get them


def test_names_and_signatures_are_told_apart() -> None:
    assert len({m.name for m in ALL}) == len({m.signature for m in ALL}) == len(ALL)
    assert len({m.title for m in ALL}) == len(ALL)
    assert not any(m.needs_images for m in TEXT_METRICS)
    assert all(metric(name) in ALL for name in HEADLINE_METRICS)


def test_a_metric_by_its_name() -> None:
    assert metric("bleu_multi").signature.startswith("bleu|tokens:normal|nrefs:1|")
    with pytest.raises(ValueError, match=r"metric 'blue' is unknown; there are bleu_multi, .*compile_rate"):
        metric("blue")


def test_two_metrics_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'bleu_multi' is already registered"):
        by_name([*TEXT_METRICS, TEXT_METRICS[0]])


@given(st.lists(FORMULAS, max_size=5))
@settings(max_examples=40, deadline=None)
def test_every_metric_of_a_formula_and_itself_is_perfect(formulas: list[str]) -> None:
    pairs = [make_pair(str(n), formula, formula) for n, formula in enumerate(formulas)]
    for one in COMPARING:
        tokens = "normal_hypothesis" if one in NORMAL else "hypothesis_tokens"
        if one.name.startswith("bleu_sacre") and not any(len(getattr(pair, tokens)) >= 4 for pair in pairs):
            assert corpus_score(one, pairs) == 0.0  # the library's word on corpora without a 4-gram
        else:
            assert corpus_score(one, pairs) == pytest.approx(perfect(one)), one.name


@given(PAIRS, st.integers(0, 5), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_and_shards_change_nothing_and_nothing_is_nan(
    pairs: list[FormulaPair], cut: int, random: Random
) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)
    for one in TEXT_METRICS:
        matrix = statistics_matrix(one, pairs)
        whole = one.score(matrix.sum(axis=0))
        assert matrix.shape == (len(pairs), len(one.statistic_names))
        assert np.isfinite(whole), one.name
        assert whole >= -1e-9, one.name
        assert whole <= 100.0 + 1e-9 or one.name.removesuffix("_given").endswith("error_rate"), one.name
        assert corpus_score(one, shuffled) == pytest.approx(float(whole)), one.name
        halves = matrix[:cut].sum(axis=0) + matrix[cut:].sum(axis=0)
        assert one.score(halves) == pytest.approx(whole), one.name
        alone = one.score(matrix)
        assert alone.shape == (len(pairs),)
        assert np.isfinite(alone).all(), one.name
        for pair, score in zip(pairs, alone, strict=True):
            assert score == pytest.approx(corpus_score(one, [pair])), one.name


@pytest.mark.parametrize("metric", TEXT_METRICS, ids=lambda metric: metric.name)
def test_no_pairs_are_perfect(metric: Metric) -> None:
    expected = 0.0 if metric.name.startswith("bleu_sacre") else perfect(metric)
    assert corpus_score(metric, []) == expected


@pytest.mark.parametrize("metric", COMPARING, ids=lambda metric: metric.name)
def test_worse_is_worse(metric: Metric) -> None:
    right, wrong, nothing = (
        corpus_score(metric, [make_pair("1", said, "a + b = c + d")])
        for said in ("a + b = c + d", "a + b = c x y z w", None)
    )
    if metric.higher_is_better:
        assert right > wrong >= nothing
    else:
        assert right < wrong <= nothing


# Each pair is drawn the same. What the normal form unifies costs nothing there, and costs everywhere else.
EQUIVALENT = [
    ("x^2+y^2=z^2", "x^{2}+y^{2}=z^{2}"),  # braces around a script
    (r"x_{1}^{2}+y+z", r"x^{2}_{1}+y+z"),  # order of scripts
    (r"a + {b \over c} + d", r"a + {\frac{b}{c}} + d"),  # TeX's fraction and LaTeX's
    (r"\sqrt x+y+z+w", r"\sqrt{x}+y+z+w"),  # braces around an argument
]


@pytest.mark.parametrize("hypothesis, reference", EQUIVALENT)
def test_text_metrics_punish_equivalent_latex_but_in_the_normal_form(hypothesis: str, reference: str) -> None:
    pairs = [make_pair("1", hypothesis, reference)]
    for one in (*NORMAL, *UNIFIED):
        assert corpus_score(one, pairs) == pytest.approx(perfect(one)), one.name
    for one in GIVEN:
        if not one.name.startswith("exp_rate"):  # which forgives up to three tokens
            assert corpus_score(one, pairs) != pytest.approx(perfect(one)), one.name


@pytest.mark.parametrize(
    "hypothesis, reference",
    [
        (r"a + b \, + c + d", "a + b + c + d"),  # a spacing command: in the picture, a blank
        ("a + {b} + c + d", "a + b + c + d"),  # redundant braces, which no one can see
    ],
)
def test_what_the_unified_form_alone_forgives(hypothesis: str, reference: str) -> None:
    pairs = [make_pair("1", hypothesis, reference)]
    for one in UNIFIED:
        assert corpus_score(one, pairs) == pytest.approx(perfect(one)), one.name
    for one in (*NORMAL, *GIVEN):
        if not one.name.startswith("exp_rate"):
            assert corpus_score(one, pairs) != pytest.approx(perfect(one)), one.name


def test_what_the_normaliser_refuses_is_compared_as_given() -> None:
    pairs = [make_pair("1", "a + b ^ { 2", "a + b ^ { 2 }")]  # a brace is lacking
    assert corpus_score(metric("token_edit_accuracy"), pairs) == pytest.approx(100 * 6 / 7)
    assert corpus_score(metric("exp_rate_1"), pairs) == 100.0
