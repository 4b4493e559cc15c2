"""Reranking by rendering: what looks right comes first, what doesn't compile last, and nothing changes without TeX."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pytest

from im2latex_fairseq.images.renderer import RELEASE_FACE_HALVED, RenderError, RenderSettings, render_formula
from im2latex_fairseq.images.transforms import prepare
from im2latex_fairseq.recognition import render_rerank
from im2latex_fairseq.recognition.render_rerank import (
    Drawings,
    FormulaDrawings,
    RenderCandidate,
    RenderReranker,
    order_of,
    rerank_by_rendering,
)
from im2latex_fairseq.recognition.results import Reading


def bars(*columns: int) -> np.ndarray:
    """Paper with a bar at each of these columns."""
    picture = np.full((24, 80), 255, dtype=np.uint8)
    for column in columns:
        picture[4:20, column : column + 3] = 0
    return picture


SEEN = bars(4, 30, 70)
PICTURES: dict[str, Drawings] = {
    "right": (SEEN,),
    "wrong": (bars(4, 50, 70),),
    "worse": (bars(4, 40, 50, 60, 70),),
    "broken": (None,),
    "bold": (bars(4, 50, 70), SEEN),
    "other": (bars(4, 30, 60), bars(4, 20, 70)),
}


def draw(formulas: Sequence[str]) -> list[Drawings]:
    return [PICTURES[formula] for formula in formulas]


def candidates(*listed: tuple[str, float]) -> list[RenderCandidate]:
    return [RenderCandidate(latex, score) for latex, score in listed]


def reading(*tokens: str, score: float = -0.1) -> Reading:
    return Reading(" ".join(tokens), tokens, 0.5, score, (0.5,) * len(tokens))


def test_what_looks_like_the_picture_comes_first() -> None:
    (found,) = rerank_by_rendering([SEEN], [candidates(("wrong", -0.10), ("right", -0.12))], draw=draw)
    assert found.order == (1, 0)
    assert found.similarities[1] == pytest.approx(1.0)
    assert found.similarities[0] is not None and found.similarities[0] < 0.9


def test_a_sure_model_is_believed() -> None:
    (found,) = rerank_by_rendering([SEEN], [candidates(("wrong", -0.1), ("right", -9.0))], draw=draw)
    assert found.order == (0, 1)


@pytest.mark.parametrize("weight", [0.0, 1.0, 100.0])
def test_what_does_not_compile_comes_last_in_the_order_of_the_model(weight: float) -> None:
    listed = candidates(("broken", -0.01), ("worse", -5.0), ("broken", -0.02))
    (found,) = rerank_by_rendering([SEEN], [listed], weight=weight, draw=draw)
    assert found.order == (1, 0, 2)
    assert found.similarities[0] is None


def test_equal_candidates_stay_in_their_order() -> None:
    assert order_of([-1.0, -1.0, -1.0], [0.5, 0.5, 0.5]) == (0, 1, 2)
    assert order_of([-1.0, -1.0], [None, None]) == (0, 1)
    assert order_of([], []) == ()


def test_the_face_is_that_of_the_best_reading() -> None:
    """In the second face "bold" is the picture itself, so "other" is judged in it too, where it is worse."""
    (found,) = rerank_by_rendering([SEEN], [candidates(("other", -0.1), ("bold", -0.1))], draw=draw)
    assert found.order == (1, 0)
    (alone,) = rerank_by_rendering([SEEN], [candidates(("other", -0.1))], draw=draw)
    assert alone.similarities[0] is not None and found.similarities[0] is not None
    assert alone.similarities[0] > found.similarities[0]


def test_pictures_without_candidates_and_no_pictures_at_all() -> None:
    assert rerank_by_rendering([], [], draw=draw) == []
    (found,) = rerank_by_rendering([SEEN], [[]], draw=draw)
    assert found.order == () and found.similarities == ()
    with pytest.raises(ValueError, match="1 pictures and 2 lists"):
        rerank_by_rendering([SEEN], [[], []], draw=draw)


def test_each_formula_is_drawn_once() -> None:
    asked: list[list[str]] = []

    def counted(formulas: Sequence[str]) -> list[Drawings]:
        asked.append(list(formulas))
        return draw(formulas)

    lists = [candidates(("right", -0.1), ("wrong", -0.2)), candidates(("wrong", -0.1), ("right", -0.2))]
    rerank_by_rendering([SEEN, SEEN], lists, draw=counted)
    assert asked == [["right", "wrong"]]


def test_readings_keep_all_that_they_hold() -> None:
    readings = (reading("wrong"), reading("right", score=-0.12), reading("broken"))
    (found,) = RenderReranker(draw=draw)([SEEN], [readings])
    assert found == (readings[1], readings[0], readings[2])


def test_without_tex_the_order_stays_and_one_warning_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    render_rerank._warn_once.cache_clear()

    def missing(*arguments: object, **options: object) -> None:
        raise RenderError("latex is not on the PATH")

    monkeypatch.setattr(render_rerank, "render_formulas", missing)
    readings = [(reading("x"), reading("y"))]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(3):
            assert RenderReranker(draw=FormulaDrawings())([SEEN], readings) == readings
    assert len(said) == 1 and "latex is not on the PATH" in str(said[0].message)


def test_drawings_are_remembered_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    class Result:
        image = None

    def counted(formulas: Sequence[str], settings: RenderSettings, *, timeout_s: float) -> list[Result]:
        drawn.extend(formulas)
        return [Result() for _ in formulas]

    monkeypatch.setattr(render_rerank, "render_formulas", counted)
    drawings = FormulaDrawings([RELEASE_FACE_HALVED], most_remembered=2)
    assert drawings(["a", "b", "a"]) == [(None,), (None,), (None,)]
    drawings(["b"])
    assert drawn == ["a", "b"]
    drawings(["c"])  # "a" is the one asked for longest ago
    drawings(["b"])
    assert drawn == ["a", "b", "c"]
    drawings(["a"])
    assert drawn == ["a", "b", "c", "a"]


@pytest.mark.tex
def test_a_drawing_is_told_from_near_misses_in_another_face() -> None:
    right = r"\frac { a _ { i } } { b ^ { 2 } } + x"
    wrong = [
        r"\frac { a _ { i } } { b ^ { 2 } } + x + y",
        r"\frac { a _ { i } } { b _ { 2 } } + x",
        r"\frac { a _ { i } } { b ^ { 2 } } - x",
        r"\frac { a _ { i } { b ^ { 2 } } + x",  # doesn't compile
    ]
    picture = prepare(
        render_formula(right, RenderSettings(face="times", size_pt=11, dpi=100, oversampling=4))
    )
    listed = candidates(*((latex, -0.10) for latex in wrong), (right, -0.12))
    (found,) = rerank_by_rendering([picture], [listed])
    assert found.order[0] == 4 and found.order[-1] == 3
    assert found.similarities[3] is None
