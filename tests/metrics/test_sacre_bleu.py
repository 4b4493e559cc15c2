"""BLEU of sacrebleu: the same as the library says of the same lines, to the last digit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU

from im2latex_fairseq.metrics.metric import corpus_score, statistics_matrix
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.sacre_bleu import SACREBLEU_SIGNATURE, SacreBleu

GIVEN = SacreBleu("given")
LINES = st.lists(st.sampled_from(["a", "b", "c", r"\frac", "^", "+"]), max_size=9).map(" ".join)
CORPORA = st.lists(st.tuples(LINES, LINES), min_size=1, max_size=5)


@pytest.mark.parametrize(
    "hypothesis, reference, score",
    [
        ("a b c d", "a b c d", 100.0),  # the same
        # 4 of 5 tokens, 3 of 4 bigrams, 2 of 3, 1 of 2
        ("a b c d e", "a b c d f", 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25),
        # 2 of 4 tokens, 1 of 3 bigrams; then smoothed: 1/2 of 2 trigrams, 1/4 of one 4-gram
        ("a b x y", "a b c d", 100 * (2 / 4 * 1 / 3 * (1 / 2) / 2 * 1 / 4) ** 0.25),
        ("a b c", "a b c", 0.0),  # no 4-gram: 0, though it is right
        ("", "a", 0.0),  # nothing predicted
        ("a", "", 0.0),  # all invented
        ("", "", 0.0),  # both empty: 0 as well
        ("a  b c  d ", "a b c d", 100.0),  # extra spaces
    ],
)
def test_worked_out_by_hand(hypothesis: str, reference: str, score: float) -> None:
    assert corpus_score(GIVEN, [make_pair("1", hypothesis, reference)]) == pytest.approx(score)


@given(CORPORA)
@settings(max_examples=100, deadline=None)
def test_as_the_library(corpus: list[tuple[str, str]]) -> None:
    library = BLEU(tokenize="none", force=True)
    hypotheses, references = zip(*corpus, strict=True)
    expected = library.corpus_score(list(hypotheses), [list(references)]).score
    assert corpus_score(GIVEN, [make_pair("1", h, r) for h, r in corpus]) == expected
    assert str(library.get_signature()) == SACREBLEU_SIGNATURE


def test_it_reads_given_or_normal_tokens() -> None:
    pairs = [make_pair("1", "a + b = x^2", "a + b = x ^ { 2 }")]
    assert corpus_score(SacreBleu(), pairs) == pytest.approx(100.0)
    assert corpus_score(GIVEN, pairs) < 100.0


def test_many_sums_at_once() -> None:
    pairs = [make_pair("1", "a b c d", "a b c d"), make_pair("2", "a", "b")]
    matrix = statistics_matrix(GIVEN, pairs)
    assert GIVEN.score(matrix) == pytest.approx([100.0, 0.0])
    assert GIVEN.score(matrix.reshape(2, 1, 10)).shape == (2, 1)
    assert GIVEN.score(matrix[:0]).shape == (0,)
    assert float(GIVEN.score(matrix[:0].sum(axis=0))) == 0.0  # no pairs: as the library, nothing matched
