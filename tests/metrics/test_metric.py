"""What metrics are made of: shares, ratios, matrices of statistics."""

from __future__ import annotations

import numpy as np
import pytest

from im2latex_fairseq.metrics.metric import Metric, Share, corpus_score, ratio, statistics_matrix
from im2latex_fairseq.metrics.pair import FormulaPair, make_pair


def is_short(pair: FormulaPair) -> bool:
    return len(pair.hypothesis_tokens) < 2


PAIRS = [make_pair("1", "x", "x"), make_pair("2", "x y", "x"), make_pair("3", None, "x")]


@pytest.mark.parametrize(
    "numerator, denominator, result",
    [
        (1.0, 2.0, 0.5),
        (0.0, 2.0, 0.0),
        (0.0, 0.0, 7.0),  # nothing of nothing: what was asked for
        (5.0, 0.0, 7.0),  # something of nothing, too
    ],
)
def test_ratio(numerator: float, denominator: float, result: float) -> None:
    assert ratio(np.array([numerator]), np.array([denominator]), of_nothing=7.0).tolist() == [result]
    assert float(ratio(np.array(numerator), np.array(denominator), of_nothing=7.0)) == result


@pytest.mark.parametrize("higher_is_better, of_nothing", [(True, 100.0), (False, 0.0)])
def test_share(higher_is_better: bool, of_nothing: float) -> None:
    share = Share("short", "Short ones", "short|version:0", is_short, higher_is_better=higher_is_better)
    assert isinstance(share, Metric)
    assert statistics_matrix(share, PAIRS).tolist() == [[1, 1], [0, 1], [1, 1]]
    assert corpus_score(share, PAIRS) == pytest.approx(200 / 3)
    assert share.score(statistics_matrix(share, PAIRS)).tolist() == [100, 0, 100]
    assert corpus_score(share, []) == of_nothing  # perfect


def test_the_matrix_of_no_pairs_has_its_columns() -> None:
    assert statistics_matrix(Share("short", "", "", is_short), []).shape == (0, 2)
