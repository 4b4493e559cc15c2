"""Pictures by mathtext: the same interface as TeX's, layout of matrices, reasons for what it can't draw."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the mathtext renderer needs matplotlib")

from im2latex_fairseq.images import mathtext_renderer
from im2latex_fairseq.images.mathtext_renderer import FONTSETS, render_formula, render_formulas
from im2latex_fairseq.images.renderer import RenderError, RenderSettings
from im2latex_fairseq.images.tex_faces import FACES
from im2latex_fairseq.images.transforms import prepare

AT_MODEL_SCALE = RenderSettings(dpi=100)


def columns_of_ink(image: np.ndarray) -> int:
    """Number of separate stretches of inked columns."""
    inked = (image < 200).any(axis=0).astype(int)
    return int(np.count_nonzero(np.diff(inked) == 1))


def rows_of_ink(image: np.ndarray) -> int:
    return columns_of_ink(image.T)


DRAWABLE = [
    r"\frac { a } { b } + \sqrt [ 3 ] { x } - \sqrt { \alpha }",
    r"\sum _ { i = 0 } ^ { \infty } x _ { i } ^ { 2 } = \int _ { 0 } ^ { 1 } f ( x ) \, d x",
    r"\operatorname* { l i m } _ { x \to 0 } \operatorname { s i n } x \leq \mathrm { e } ^ { - x }",
    r"\hat { x } \bar { y } \tilde { z } \vec { v } \dot { q } \widehat { a b } \overline { x y }",
    r"\left\{ \left[ \left| \frac { a } { b } \right| \right] \right\} \binom { n } { k }",
    r"\mathcal { L } \mathbf { x } \mathbb { R } \mathfrak { g } { \bf b } { \cal H } \boldsymbol { \beta }",
    r"\left( \begin{array} { c c } { a } & { b } \\ { c } & { d } \\ \end{array} \right) ^ { - 1 }",
    r"f = \begin{cases} 1 & \mbox { i f ~ } x > 0 \\ 0 & x \neq 0 \end{cases}",
    r"\begin{aligned} a & = b \\ & = c \end{aligned}",
]


@pytest.mark.parametrize("formula", DRAWABLE)
def test_formulas_are_drawn_with_a_margin_of_paper(formula: str) -> None:
    image = render_formula(formula, AT_MODEL_SCALE)
    assert image.dtype == np.uint8
    assert image.min() < 60
    for side in (image[:4], image[-4:], image[:, :4], image[:, -4:]):
        assert (side == 255).all()
    assert (image[4] < 255).any(), "cropped to the ink"
    prepare(image)


def test_results_keep_length_and_order() -> None:
    results = render_formulas(["x", r"\foo", "y", ""], AT_MODEL_SCALE)
    assert [result.image is None for result in results] == [False, True, False, True]
    assert [result.reason for result in results] == [None, "unsupported", None, "blank"]
    assert results[1].error == r"unsupported: \foo"
    assert render_formulas([]) == []


def test_every_face_of_the_tex_renderer_has_a_fontset() -> None:
    assert set(FONTSETS) == set(FACES)
    faces = ("computer_modern", "times", "palatino", "sans", "helvetica")
    assert len({FONTSETS[face] for face in faces}) == 5
    pictures = {
        render_formula(r"g ( x ) = \alpha R", RenderSettings(dpi=100, face=face)).tobytes() for face in faces
    }
    assert len(pictures) == 5


def test_size_follows_dpi_and_points() -> None:
    heights = [render_formula("X", RenderSettings(dpi=dpi)).shape[0] - 8 for dpi in (100, 200, 400)]
    assert heights[1] == pytest.approx(2 * heights[0], abs=2)
    assert heights[2] == pytest.approx(2 * heights[1], abs=2)
    # The capitals of 12 pt Computer Modern are 8.2 pt high, and an inch has 72.27 points.
    assert heights[2] == pytest.approx(8.2 / 72.27 * 400, abs=2)
    small, large = (
        render_formula("X", RenderSettings(size_pt=size, dpi=400)).shape[0] - 8 for size in (10, 12)
    )
    assert large / small == pytest.approx(1.2, abs=0.05)


def test_display_and_inline() -> None:
    formula = r"\frac { a } { b }"
    display, inline = (
        render_formula(formula, RenderSettings(dpi=100, display=display)) for display in (True, False)
    )
    assert display.shape[0] > inline.shape[0] + 4


def test_matrices_have_rows_and_columns() -> None:
    image = render_formula(r"\begin{matrix} 1 & 2 & 3 \\ 4 & 5 & 6 \end{matrix}", AT_MODEL_SCALE)
    assert (rows_of_ink(image), columns_of_ink(image)) == (2, 3)
    bracketed = render_formula(r"\begin{bmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \end{bmatrix}", AT_MODEL_SCALE)
    assert (rows_of_ink(bracketed), columns_of_ink(bracketed)) == (1, 5)


@pytest.mark.parametrize("left", ["(", "[", "|", r"\{", r"\langle", r"\lfloor", r"\|"])
@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_delimiters_cover_the_matrix(left: str, rows: int) -> None:
    body = r" \\ ".join(["x"] * rows)
    bare = render_formula(rf"\begin{{matrix}} {body} \end{{matrix}}", AT_MODEL_SCALE)
    delimited = render_formula(rf"\left{left} \begin{{matrix}} {body} \end{{matrix}} \right.", AT_MODEL_SCALE)
    assert bare.shape[0] <= delimited.shape[0] <= bare.shape[0] + 24
    # Without gaps from top to bottom.
    assert rows_of_ink(delimited) == 1


def test_a_matrix_is_centred_on_the_axis() -> None:
    # A minus sign lies on the axis too: the middle of the brackets is level with it.
    image = render_formula(r"- \begin{bmatrix} a \\ b \end{bmatrix}", RenderSettings(dpi=200))
    minus = np.flatnonzero((image[:, 4:12] < 128).any(axis=1)).mean()
    assert minus == pytest.approx((image.shape[0] - 1) / 2, abs=3)


def test_scripts_of_a_matrix_stand_beside_it() -> None:
    plain, squared = (
        render_formula(rf"\begin{{pmatrix}} a \\ b \end{{pmatrix}} {script}", AT_MODEL_SCALE)
        for script in ("", "^ { 2 }")
    )
    assert 3 <= squared.shape[1] - plain.shape[1] <= 12
    assert (squared[squared.shape[0] // 2 :, -10:] == 255).all()


def test_a_glyph_that_the_font_lacks_is_no_dummy(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        results = render_formulas(["x + \u4e2d", "x + \u4e2d"], AT_MODEL_SCALE)
    # matplotlib complains only once about what it has in its cache.
    assert [result.reason for result in results] == ["unsupported", "unsupported"]
    assert not caplog.records, "the reason is in the result"


def test_hostile_formulas_cost_only_themselves() -> None:
    formulas = ["x" * 5000, "{" * 900 + "}" * 900, r"\left(" * 300, "x"]
    results = render_formulas(formulas, AT_MODEL_SCALE)
    assert [result.image is not None for result in results] == [False, False, False, True]
    assert results[0].reason == "too_long"


def test_threads_draw_the_same() -> None:
    formulas = [rf"x _ {{ {number} }} + \frac {{ a }} {{ {number} }}" for number in range(12)]
    expected = [result.image for result in render_formulas(formulas, AT_MODEL_SCALE)]
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda formula: render_formula(formula, AT_MODEL_SCALE), formulas))
    for one, other in zip(expected, drawn, strict=True):
        assert one is not None
        np.testing.assert_array_equal(one, other)


def test_without_matplotlib_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mathtext_renderer, "mathtext_available", lambda: False)
    with pytest.raises(RenderError, match="pip install"):
        render_formulas(["x"])


def test_render_formula_raises_with_the_reason() -> None:
    with pytest.raises(RenderError, match=r"unsupported: \\foo"):
        render_formula(r"\foo")
