"""BLEU: rows worked out by hand, and sacrebleu as the reference."""

from __future__ import annotations

import math

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.metrics.bleu import BleuStatistics, bleu_score, bleu_statistics, corpus_bleu

TOKENS = st.lists(st.sampled_from(["a", "b", "c", "\\frac", "{", "}"]), max_size=12)
PAIRS = st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=6)


@pytest.mark.parametrize(
    "hypothesis, reference, score",
    [
        ("a b c d", "a b c d", 100.0),  # the same
        ("a b c d e", "a b c d f", 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25),  # the last one wrong
        ("a b c d", "a b c d e f", 100 * math.exp(1 - 6 / 4)),  # too short: the brevity penalty alone
        ("a b c d e f", "a b c d", 100 * (4 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25),  # too long: precision
        ("a a a a a", "a b c d e", 0.0),  # a is matched once only, no bigram is
        ("b a", "a b", 0.0),  # tokens right, order wrong: no bigram
        ("a b", "a b", 100.0),  # shorter than four tokens: orders that don't exist are left out
        ("x", "a", 0.0),  # nothing right
        ("", "a", 0.0),  # nothing predicted
        ("", "", 100.0),  # both empty: defined as perfect
        ("a", "", 0.0),  # all invented
    ],
)
def test_worked_out_by_hand(hypothesis: str, reference: str, score: float) -> None:
    assert corpus_bleu([hypothesis.split()], [reference.split()]) == pytest.approx(score)


def test_a_corpus_is_not_the_mean_of_its_sentences() -> None:
    hypotheses = [["a", "b", "c", "d"], ["x"]]
    references = [["a", "b", "c", "d"], ["y"]]
    # 4 of 5 tokens, all 3 bigrams, 2 trigrams and the 4-gram
    assert corpus_bleu(hypotheses, references) == pytest.approx(100 * 0.8**0.25)


@given(PAIRS)
@settings(max_examples=200, deadline=None)
def test_as_sacrebleu(pairs: list[tuple[list[str], list[str]]]) -> None:
    hypotheses, references = zip(*pairs, strict=True)
    theirs = sacrebleu.corpus_bleu(
        [" ".join(h) for h in hypotheses],
        [[" ".join(r) for r in references]],
        tokenize="none",
        smooth_method="none",
        use_effective_order=False,
    )
    ours = corpus_bleu(hypotheses, references)
    if min(theirs.totals) > 0:  # sacrebleu gives 0 where an order has no n-gram at all
        assert ours == pytest.approx(theirs.score, abs=1e-9)
    assert 0.0 <= ours <= 100.0 + 1e-9
    total = sum(map(bleu_statistics, hypotheses, references), BleuStatistics())
    assert list(total.matches) == theirs.counts
    assert list(total.totals) == theirs.totals
    assert (total.hypothesis_length, total.reference_length) == (theirs.sys_len, theirs.ref_len)


@given(PAIRS, st.integers(0, 6))
def test_statistics_sum_over_workers(pairs: list[tuple[list[str], list[str]]], cut: int) -> None:
    def total(part: list[tuple[list[str], list[str]]]) -> BleuStatistics:
        return sum((bleu_statistics(h, r) for h, r in part), BleuStatistics())

    assert total(pairs[:cut]) + total(pairs[cut:]) == total(pairs)
    assert bleu_score(total(pairs[::-1])) == bleu_score(total(pairs))


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        corpus_bleu([["a"], ["b"]], [["a"]])
