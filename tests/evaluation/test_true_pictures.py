from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from im2latex_fairseq.evaluation.evaluation import evaluate
from im2latex_fairseq.evaluation.true_pictures import against_true_pictures, ceilings, metric_by_name
from im2latex_fairseq.images.renderer import GreyImage
from im2latex_fairseq.metrics.image_match import IMAGE_MATCH_METRICS
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.registry import metric
from im2latex_fairseq.metrics.well_formedness import COMPILE_RATE


def bars(*columns: int) -> GreyImage:
    """A picture with black columns of 20 pixels."""
    picture = np.full((20, 40), 255, dtype=np.uint8)
    picture[:, list(columns)] = 0
    return picture


WIDE, OTHER = bars(*range(5, 15)), bars(*range(5, 10), *range(20, 36))


def test_the_true_picture_stands_for_the_drawing() -> None:
    pair = make_pair("f0", "x", "y")
    pair = replace(pair, hypothesis_image=WIDE, reference_image=OTHER)
    match = metric("image_match")
    (against,) = against_true_pictures([match, COMPILE_RATE, metric("exact_match")], {"f0": WIDE})
    assert against.name == "image_match_true_picture"
    assert against.signature.endswith("|reference:picture")
    evaluation = evaluate([pair], [match, against])
    assert evaluation.score("image_match") == 0.0
    assert evaluation.score("image_match_true_picture") == 100.0


def test_a_reference_that_does_not_render_has_a_true_picture() -> None:
    pair = replace(
        make_pair("f0", "x", "\\bad"), hypothesis_image=WIDE, reference_render_error="undefined: \\bad"
    )
    against = against_true_pictures(IMAGE_MATCH_METRICS, {"f0": WIDE})
    evaluation = evaluate([pair], against)
    assert [evaluation.score(one.name) for one in against] == [100.0] * len(against)


def test_the_ceiling_is_the_score_of_the_references() -> None:
    pair = replace(make_pair("f0", "x", "y"), hypothesis_image=OTHER, reference_image=WIDE)
    assert ceilings([pair], [metric("image_match")], {"f0": WIDE}) == {"image_match_true_picture": 100.0}
    assert ceilings([pair], [metric("image_match")], {"f0": OTHER}) == {"image_match_true_picture": 0.0}


def test_it_is_found_by_name_again() -> None:
    found = metric_by_name("image_match_deng_true_picture")
    assert found.name == "image_match_deng_true_picture"
    assert float(found.score(np.array([1.0, 2.0]))) == 50.0
    with pytest.raises(ValueError, match="'nothing' is unknown"):
        metric_by_name("nothing_true_picture")
