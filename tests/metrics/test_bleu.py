"""BLEU: rows worked out by hand, and sacrebleu as the reference."""

from __future__ import annotations

import math

import pytest
import sacrebleu
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from im2latex_fairseq.metrics.bleu import (
    BleuStatistics,
    MultiBleu,
    bleu_score,
    bleu_scores,
    bleu_statistics,
    corpus_bleu,
)
from im2latex_fairseq.metrics.metric import corpus_score, statistics_matrix
from im2latex_fairseq.metrics.pair import make_pair

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


def multi_bleu(hypotheses: list[str], references: list[str]) -> str:
    """What `multi-bleu.perl` prints behind "BLEU = " for one reference, written from what it does.

    Its steps, its data: counts by order, n-grams as strings, `my_log(0)` a huge negative number.
    """
    correct, total = [0] * 5, [0] * 5
    hypothesis_length = reference_length = 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        words, reference_words = hypothesis.split(), reference.split()
        hypothesis_length += len(words)
        reference_length += len(reference_words)
        for order in range(1, 5):
            wanted: dict[str, int] = {}
            for start in range(len(reference_words) - order + 1):
                ngram = " ".join(reference_words[start : start + order])
                wanted[ngram] = wanted.get(ngram, 0) + 1
            found: dict[str, int] = {}
            for start in range(len(words) - order + 1):
                ngram = " ".join(words[start : start + order])
                found[ngram] = found.get(ngram, 0) + 1
            for ngram, count in found.items():
                total[order] += count
                correct[order] += min(count, wanted.get(ngram, 0))
    if reference_length == 0:
        return "0"
    precisions = [correct[n] / total[n] if total[n] else 0.0 for n in range(1, 5)]
    brevity = (
        math.exp(1 - reference_length / hypothesis_length) if hypothesis_length < reference_length else 1
    )
    logs = sum(math.log(p) if p else -9999999999.0 for p in precisions)
    return f"{100 * brevity * math.exp(logs / 4):.2f}"


@pytest.mark.parametrize(
    "hypotheses, references, printed",
    [
        # 6/6 tokens, 4/4 bigrams, 2/2, 1/1; as long as the reference
        (["a b c d", "x y"], ["a b c d", "x y"], "100.00"),
        # tokens 5/6, bigrams 3/4, 2/2, 1/1, no brevity penalty: (0.625) ** 0.25
        (["a b c d", "x y"], ["a b c d", "x z"], "88.91"),
        # tokens 4/4, 3/3, 2/2, 1/1; 4 tokens for 6: exp(1 - 6/4)
        (["a b c d", ""], ["a b c d", "x y"], "60.65"),
        # the bracket twice, wanted once: tokens 4/5, bigrams 3/4, 2/3, 1/2: 0.2 ** 0.25
        (["a b c { {"], ["a b c { d"], "66.87"),
        # tokens 4/5; n-grams don't reach across lines: bigrams 3/3, 2/2, 1/1: 0.8 ** 0.25
        (["a b c d", "e"], ["a b c d", "f"], "94.57"),
        (["a b x d e"], ["a b c d e"], "0.00"),  # no trigram is right
    ],
)
def test_as_multi_bleu_prints(hypotheses: list[str], references: list[str], printed: str) -> None:
    assert multi_bleu(hypotheses, references) == printed
    pairs = [make_pair(str(n), h, r) for n, (h, r) in enumerate(zip(hypotheses, references, strict=True))]
    assert f"{corpus_score(MultiBleu('given'), pairs):.2f}" == printed


@given(PAIRS)
@settings(max_examples=100, deadline=None)
def test_as_multi_bleu_wherever_there_is_a_4_gram(pairs: list[tuple[list[str], list[str]]]) -> None:
    hypotheses, references = zip(*pairs, strict=True)
    assume(any(len(hypothesis) >= 4 for hypothesis in hypotheses) and any(references))
    theirs = multi_bleu([" ".join(h) for h in hypotheses], [" ".join(r) for r in references])
    assert abs(corpus_bleu(hypotheses, references) - float(theirs)) <= 0.005 + 1e-9


@pytest.mark.parametrize(
    "hypothesis, reference, ours, theirs",
    [
        ("a b c", "a b c", 100.0, "0.00"),  # no 4-gram exists: left out here, counted as wrong there
        ("a", "", 0.0, "0"),  # no reference at all
        ("", "", 100.0, "0"),
    ],
)
def test_where_multi_bleu_differs(hypothesis: str, reference: str, ours: float, theirs: str) -> None:
    assert corpus_bleu([hypothesis.split()], [reference.split()]) == ours
    assert multi_bleu([hypothesis], [reference]) == theirs


def test_the_metric_reads_given_or_normal_tokens() -> None:
    pairs = [make_pair("1", "a + b = x^2", "a+b=x^{2}")]
    assert corpus_score(MultiBleu(), pairs) == 100.0
    # a + b = x ^ 2 for a + b = x ^ { 2 }: 7/7 tokens, 5/6, 4/5, 3/4 and two tokens too few
    expected = 100 * math.exp(1 - 9 / 7) * (5 / 6 * 4 / 5 * 3 / 4) ** 0.25
    assert corpus_score(MultiBleu("given"), pairs) == pytest.approx(expected)


@given(PAIRS)
@settings(max_examples=50, deadline=None)
def test_many_scores_at_once(pairs: list[tuple[list[str], list[str]]]) -> None:
    metric = MultiBleu("given")
    matrix = statistics_matrix(metric, [make_pair("1", " ".join(h), " ".join(r)) for h, r in pairs])
    single = [corpus_bleu([h], [r]) for h, r in pairs]
    assert bleu_scores(matrix) == pytest.approx(single, abs=1e-9)
    assert bleu_scores(matrix[None]).shape == (1, len(pairs))


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
