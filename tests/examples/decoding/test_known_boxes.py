from __future__ import annotations

import pytest

from examples.decoding.attention_overlap import Overlap, iou, is_hit
from examples.decoding.known_boxes import KnownFormula, draw_known
from im2latex_fairseq.images.ink_box import outer_ink_box
from im2latex_fairseq.images.renderer import (
    PROCESSED_FACE,
    RELEASE_FACE_HALVED,
    RenderSettings,
    render_formula,
)


def test_overlap_is_counted() -> None:
    overlap = Overlap()
    overlap.add(["x", "^", "y"], [(0, 0, 4, 4), None, None], {0: (0, 0, 4, 8), 2: (0, 0, 1, 1)})
    assert overlap.ious == {"x": [0.5], "y": [0.0]}
    assert (overlap.hits, overlap.without_box, overlap.formulas) == (1, 1, 1)
    assert "median IoU 0.250" in str(overlap)


def test_overlap_of_boxes() -> None:
    assert iou((0, 0, 2, 2), (0, 0, 2, 2)) == 1.0
    assert iou((0, 0, 2, 2), (2, 0, 4, 2)) == 0.0
    assert iou((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert is_hit((0, 0, 2, 2), (1, 1, 3, 3)) and not is_hit((0, 0, 2, 2), (2, 2, 4, 4))


@pytest.mark.tex
@pytest.mark.parametrize("face", [RELEASE_FACE_HALVED, PROCESSED_FACE])
def test_boxes_hold_their_ink_and_the_picture_is_the_usual_one(face: RenderSettings) -> None:
    tokens = r"\frac { a } { b } + i".split()
    (known,) = draw_known([tokens], face)
    assert isinstance(known, KnownFormula)
    assert known.picture.shape == render_formula(" ".join(tokens), face).shape
    places = {tokens[index]: box for index, box in known.boxes.items()}
    assert set(places) == {r"\frac", "a", "b", "+", "i"}
    line = places[r"\frac"]
    assert places["a"][2] <= line[0] and line[2] <= places["b"][0]
    assert line[3] <= places["+"][1] and places["+"][3] <= places["i"][1]
    for index, (top, left, bottom, right) in known.boxes.items():
        inside = known.picture[top:bottom, left:right]
        ink = outer_ink_box(inside)
        assert ink is not None, tokens[index]
        # No more paper in the box than the greys at its edge.
        assert ink[0] <= 1 and ink[1] <= 1 and inside.shape[0] - ink[2] <= 1 and inside.shape[1] - ink[3] <= 1


@pytest.mark.tex
def test_what_tex_refuses_says_why() -> None:
    (known,) = draw_known([r"\frac { a }".split()], RELEASE_FACE_HALVED)
    assert isinstance(known, str) and known
