"""Pictures of pairs: who is drawn, how often, and what image match makes of real ones."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from im2latex_fairseq.images.renderer import RenderError, RenderResult, RenderSettings
from im2latex_fairseq.metrics import rendering_pairs
from im2latex_fairseq.metrics.image_match import IMAGE_MATCH_METRICS, compare_pair
from im2latex_fairseq.metrics.metric import corpus_score
from im2latex_fairseq.metrics.pair import FormulaPair, make_pair
from im2latex_fairseq.metrics.rendering_pairs import (
    IMAGE_MATCH_FACE,
    RenderingReport,
    count_renderings,
    drawable,
    render_pairs,
)

Drawn = list[str]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """What a renderer without TeX was asked for: it refuses formulas that begin with a backslash."""
    asked: Drawn = []
    lock = threading.Lock()

    def fake(formulas: Sequence[str], settings: RenderSettings, **_: object) -> list[RenderResult]:
        with lock:
            asked.extend(formulas)
        return [
            RenderResult(None, "empty: no formula")
            if not formula
            else RenderResult(None, "tex: undefined")
            if formula.startswith("\\")
            else RenderResult(np.full((settings.dpi, len(formula)), ord(formula[0]), np.uint8), None)
            for formula in formulas
        ]

    monkeypatch.setattr(rendering_pairs, "render_formulas", fake)
    monkeypatch.setattr(rendering_pairs, "_BATCH_SIZE", 2)
    return asked


def test_equal_formulas_are_drawn_once(drawn: Drawn) -> None:
    pairs = [make_pair("1", "x", "x"), make_pair("2", "y", "x"), make_pair("3", None, r"\z")]
    told: list[int] = []
    rendered = render_pairs(pairs, progress=told.append)
    assert sorted(drawn) == ["", r"\z", "x", "y"]
    assert sum(told) == 6
    assert [pair.id for pair in rendered] == ["1", "2", "3"]
    assert rendered[0].hypothesis_image is rendered[0].reference_image is rendered[1].reference_image
    assert rendered[1].hypothesis_image is not None and rendered[1].hypothesis_image[0, 0] == ord("y")
    assert [pair.hypothesis_render_error for pair in rendered] == ["", "", "empty: no formula"]
    assert [pair.reference_render_error for pair in rendered] == ["", "", "tex: undefined"]
    assert rendered[2].missing and rendered[2].hypothesis_image is None
    assert rendered == [dataclasses.replace(pair) for pair in rendered]
    assert pairs[0].hypothesis_image is None  # the pairs given stay as they were


def test_what_is_drawn_already_stays(drawn: Drawn) -> None:
    image = np.zeros((5, 5), dtype=np.uint8)
    half = dataclasses.replace(make_pair("1", "x", r"\y"), hypothesis_image=image)
    told: list[int] = []
    (rendered,) = render_pairs([half], progress=told.append)
    assert drawn == [r"\y"]
    assert rendered.hypothesis_image is image
    assert sum(told) == 2
    assert render_pairs([rendered], progress=told.append)[0] is rendered
    assert drawn == [r"\y"]
    assert sum(told) == 4


@pytest.mark.parametrize("processes", [1, 3])
def test_many_processes_change_nothing(drawn: Drawn, processes: int) -> None:
    pairs = [make_pair(str(n), "x" * (n % 7), "y" * (n % 5)) for n in range(40)]
    rendered = render_pairs(pairs, processes)
    assert len(drawn) == len(set(drawn)) == 7 + 4
    for number, pair in enumerate(rendered):
        width = 0 if pair.hypothesis_image is None else pair.hypothesis_image.shape[1]
        assert width == number % 7


def test_no_pairs_need_no_renderer(drawn: Drawn) -> None:
    assert render_pairs([]) == []
    assert drawn == []


def test_no_processes_are_refused() -> None:
    with pytest.raises(ValueError, match="0 processes asked for"):
        render_pairs([make_pair("1", "x", "x")], 0)


def test_missing_tex_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> list[RenderResult]:
        raise RenderError("the program 'latex' is not on the PATH")

    monkeypatch.setattr(rendering_pairs, "render_formulas", fail)
    with pytest.raises(RenderError, match="not on the PATH"):
        render_pairs([make_pair("1", "x", "x")], 2)


def test_the_report_counts_reasons(drawn: Drawn) -> None:
    pairs = [make_pair("1", "x", "x"), make_pair("2", None, r"\y"), make_pair("3", r"\z", r"\y")]
    assert count_renderings(render_pairs(pairs)) == RenderingReport(3, {"empty": 1, "tex": 1}, {"tex": 2})
    assert (
        str(count_renderings(render_pairs(pairs)))
        == "1 of 3 hypotheses drawn, 1 empty, 1 tex; 1 of 3 references drawn, 2 tex"
    )
    assert count_renderings(pairs[:1]) == RenderingReport(1, {"not_asked": 1}, {"not_asked": 1})


@pytest.mark.parametrize(
    "formula, text",
    [
        ("x ^ { 2 }", "x^{2}"),  # a line of tokens
        (r"\mbox { o n ~ X }", r"\mbox{on~X}"),  # its blanks would be drawn
        (r"\hspace { 1 . 5 c m } x", r"\hspace{1.5cm}x"),  # its blanks would be no length
        (r"\mbox{on X} x", r"\mbox{on X} x"),  # as people write
        (r"\frac12", r"\frac12"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_lines_of_tokens_are_put_together(formula: str, text: str) -> None:
    assert drawable(formula, make_pair("1", formula, "").hypothesis_tokens) == text


# With TeX


@pytest.mark.tex
def test_the_face_is_12_points_at_200_dpi_halved() -> None:
    (rule,) = render_pairs([make_pair("1", r"\rule{72.27pt}{36.135pt}", "x")])
    image = rule.hypothesis_image
    assert image is not None
    # An inch by half an inch: 200 by 100 pixels drawn, 8 of margin around, halved. dvipng may round up by one.
    assert abs(image.shape[1] - 108) <= 1 and abs(image.shape[0] - 58) <= 1
    assert (image[:4] > 128).all() and (image[:, :4] > 128).all()
    assert (image[5:-5, 5:-5] <= 128).all()
    assert IMAGE_MATCH_FACE.size_pt == 12


FORMULAS = [
    r"\frac { a } { b } + \sqrt { x }",
    r"\int _ { 0 } ^ { \infty } e ^ { - x ^ { 2 } } d x",
    r"\left( \begin{array} { c c } { a } & { b } \\ { c } & { d } \end{array} \right)",
    r"\sum _ { n = 1 } ^ { N } \alpha _ { n } = \beta ^ { \prime }",
]


def rendered(change: Callable[[str], str | None]) -> list[FormulaPair]:
    return render_pairs([make_pair(str(n), change(formula), formula) for n, formula in enumerate(FORMULAS)])


@pytest.mark.tex
def test_a_formula_beside_itself_is_perfect() -> None:
    pairs = rendered(lambda formula: formula)
    assert {metric.name: corpus_score(metric, pairs) for metric in IMAGE_MATCH_METRICS} == {
        metric.name: 100.0 for metric in IMAGE_MATCH_METRICS
    }


@pytest.mark.tex
def test_another_text_that_looks_the_same_matches() -> None:
    (pair,) = render_pairs([make_pair("1", r"{\frac ab}+\sqrt{{x}}", FORMULAS[0])])
    assert pair.hypothesis_tokens != pair.reference_tokens
    assert compare_pair(pair).column_distance == 0
    assert compare_pair(pair).bounded


@pytest.mark.tex
def test_a_spacing_command_leaves_the_match_without_spaces_alone() -> None:
    # A whole number of pixels at 200 dpi, and an even one, so that halving sees all behind it as before. Of other
    # spaces, examples/benchmark/IMAGE_MATCH.md says how often they can be seen.
    pairs = rendered(lambda formula: f"{formula} \\hspace {{ 1 0 . 8 4 p t }} y")
    plain = render_pairs([make_pair(pair.id, pair.hypothesis, f"{pair.reference} y") for pair in pairs])
    for pair in plain:
        found = compare_pair(pair)
        assert found.column_distance > 0
        assert not found.bounded  # 15 columns of paper
        assert found.bounded_no_spaces and found.deng_no_spaces


@pytest.mark.tex
def test_symbols_too_many_match_in_theirs_and_not_in_ours() -> None:
    for pair in rendered(lambda formula: f"{formula} + y"):
        found = compare_pair(pair)
        assert found.deng_no_spaces
        assert not found.bounded and not found.bounded_no_spaces


@pytest.mark.tex
def test_what_does_not_render_counts_as_a_mismatch() -> None:
    pairs = rendered(lambda formula: "\\undefinedcommand " + formula) + rendered(lambda formula: None)
    assert count_renderings(pairs).hypothesis_errors == {"undefined_control_sequence": 4, "empty": 4}
    assert {corpus_score(metric, pairs) for metric in IMAGE_MATCH_METRICS} == {0.0}
