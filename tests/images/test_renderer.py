"""Drawing formulas with TeX."""

from __future__ import annotations

import dataclasses
import multiprocessing
import shutil
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from im2latex_fairseq.images import renderer
from im2latex_fairseq.images.renderer import (
    FACES,
    PROCESSED_FACE,
    RELEASE_FACE,
    RELEASE_FACE_HALVED,
    RenderError,
    RenderResult,
    RenderSettings,
    finish_image,
    render_formula,
    render_formulas,
    tex_available,
)

FAST = RenderSettings(dpi=100)
GOOD = r"\frac{a}{b} + \sqrt{x}"


def ink_box(image):
    rows, columns = np.flatnonzero((image < 255).any(1)), np.flatnonzero((image < 255).any(0))
    return rows[0], image.shape[0] - 1 - rows[-1], columns[0], image.shape[1] - 1 - columns[-1]


# Without TeX


def test_missing_tex_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not tex_available()
    monkeypatch.setattr("im2latex_fairseq.images.tex_process._ENGINES", {})
    with pytest.raises(RenderError, match=r"'latex' is not on the PATH.*texlive-latex-base.*dvipng"):
        render_formulas(["x"])


def test_no_formulas_need_no_tex(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert render_formulas([]) == []


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"face": "comic_sans"}, "face 'comic_sans' is unknown; there are computer_modern"),
        ({"size_pt": 13}, "size_pt is 13"),
        ({"oversampling": 0}, "oversampling is 0"),
        ({"dpi": 5}, "dots an inch"),
        ({"dpi": 1000, "oversampling": 4}, "dots an inch"),
        ({"reduction": "cubic"}, "reduction 'cubic' is unknown"),
        ({"margin_px": -1}, "margin_px is -1"),
    ],
)
def test_settings_refuse(changes, message):
    with pytest.raises(ValueError, match=message):
        RenderSettings(**changes)


def test_finish_image_crops_and_adds_the_margin():
    drawn = np.full((20, 30), 255, np.uint8)
    drawn[5:7, 10:15] = 0
    image = finish_image(drawn, RenderSettings(margin_px=3))
    assert image.shape == (2 + 6, 5 + 6)
    assert (image[3:5, 3:8] == 0).all() and (image < 255).sum() == 10


def test_finish_image_averages_blocks():
    drawn = np.full((4, 4), 255, np.uint8)
    drawn[:, :1] = 0
    drawn[:2, 2:] = 0
    drawn[3, 3] = 254  # ink, so that the whole of it is kept
    image = finish_image(drawn, RenderSettings(oversampling=2, dpi=50, margin_px=0))
    assert image.tolist() == [[127, 0], [127, 255]] or image.tolist() == [[128, 0], [128, 255]]


def test_finish_image_binarises_before_it_reduces():
    drawn = np.full((4, 4), 250, np.uint8)
    image = finish_image(drawn, RenderSettings(oversampling=2, dpi=50, margin_px=0, binarise=True))
    assert (image == 0).all()


def test_finish_image_tells_blank_pages():
    assert finish_image(np.full((4, 4), 255, np.uint8), RenderSettings()) is None


# With TeX


@pytest.mark.tex
@pytest.mark.parametrize("face", sorted(FACES))
def test_every_face_draws_all_kinds_of_symbols(face):
    formulas = [
        GOOD,
        r"\Gamma \alpha x 1 \mathrm{x} \mathbf{x} {\bf x} {\cal A} \mathcal{A} \mathscr{A} \mathbb{R} \mathfrak{g}",
        r"\hat{a} \vec{b} \widetilde{abc} \overline{x} \not= \hbar \ell \partial \nabla \bm{x} \boldsymbol{\alpha}",
        r"\sum_{i=0}^{n} \int_0^1 \prod \oint \left( \frac{a}{b} \right) \bigg[ \Bigg\{ \langle \lfloor",
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix} \begin{cases} a & \text{if } x \le y \\ b \end{cases}",
        r"\coprod \amalg \jmath \vec{a} \star \varrho \varsigma \sharp \smile \rightharpoonup / < > . ,",
        r"\mathsf{x} \mathtt{x} \mathit{x} \textbf{b} \textit{i} \leq \geq \rightarrow \Longleftrightarrow \triangleq",
    ]
    results = render_formulas(formulas, dataclasses.replace(FAST, face=face))
    assert [result.error for result in results] == [None] * len(formulas)


@pytest.mark.tex
def test_faces_differ():
    images = [render_formula(r"f(x) = a + \alpha", dataclasses.replace(FAST, face=face)) for face in FACES]
    assert len({(image.shape, image.tobytes()) for image in images}) == len(FACES) >= 6


@pytest.mark.tex
@pytest.mark.parametrize("preset", [FAST, RELEASE_FACE, RELEASE_FACE_HALVED, PROCESSED_FACE])
def test_picture_is_dark_ink_on_paper_with_the_margin(preset):
    image = render_formula(GOOD, preset)
    assert image.dtype == np.uint8 and image.ndim == 2 and image.flags.writeable
    assert image.min() < 60 and image.max() == 255
    # Lanczos leaves faint rings in the margin.
    assert min(ink_box(np.where(image < 200, 0, 255))) >= preset.margin_px
    assert max(ink_box(image)) <= preset.margin_px


@pytest.mark.tex
def test_size_dpi_and_style_change_the_picture():
    plain = render_formula(GOOD, FAST)
    assert render_formula(GOOD, dataclasses.replace(FAST, size_pt=10)).shape < plain.shape
    doubled = render_formula(GOOD, dataclasses.replace(FAST, dpi=200)).shape
    assert abs(doubled[1] - 2 * (plain.shape[1] - 8)) <= 8 + 3
    assert render_formula(GOOD, dataclasses.replace(FAST, display=False)).shape[0] < plain.shape[0]


@pytest.mark.tex
def test_a_batch_equals_formulas_drawn_alone():
    formulas = [GOOD, "x^2", r"\sum_i a_i", r"\mbox{\boldmath$x$}", r"{\Large x}", r"\mathbf{a}", "x^2"]
    together = render_formulas(formulas, FAST)
    for formula, result in zip(formulas, together, strict=True):
        assert np.array_equal(result.image, render_formula(formula, FAST))


@pytest.mark.tex
@pytest.mark.parametrize(
    "tokens, text",
    [
        (r"\frac { a } { b } \ c", r"\frac{a}{b}\ c"),
        (r"\begin { a r r a y } { c c } a & b \\ \end { a r r a y }", r"\begin{array}{cc}a&b\\\end{array}"),
        (r"a \hspace { 1 c m } b", r"a\hspace{1cm}b"),
        (r"a \hspace { - 0 . 2 e m } b", r"a\hspace{-0.2em}b"),
        (r"a \kern - 0 . 7 e x b", r"a\kern-0.7ex b"),
        (r"a \rule { 1 m m } { 2 m m } b", r"a\rule{1mm}{2mm}b"),
        (r"a \hspace { 0 , 5 c m } b", r"a\hspace{0,5cm}b"),  # TeX reads the comma as a point
        # Blanks in the text of a box are drawn, in tokens as in text.
        (r"\makebox [ 1 c m ] [ l ] { a } b", r"\makebox[1cm][l]{ a }b"),
        (r"\makebox [ 1 c m ] [ r ] {a} b", r"\makebox[1cm][r]{a}b"),
        (r"\framebox [ 2 c m ] [ l ] {a} b", r"\framebox[2cm][l]{a}b"),
        (r"x \parbox [ t ] { 1 c m } {a b c d e f g h i j}", r"x\parbox[t]{1cm}{a b c d e f g h i j}"),
        (r"\raisebox { 1 e x } [ 2 e x ] [ 0 e x ] { a b }", r"\raisebox{1ex}[2ex][0ex]{a b}"),
        ("a \\", "a"),
        ("a\r\nb \u2028 c \f d", "a b c d"),
    ],
)
def test_space_separated_tokens_read_like_the_text(tokens, text):
    left, right = render_formulas([tokens, text], FAST)
    assert left.error is None and np.array_equal(left.image, right.image)


@pytest.mark.tex
@pytest.mark.parametrize(
    "formula",
    [
        r"\begin{align} a &= b \\ c &= d \end{align}",
        r"\begin{eqnarray} a &=& b \\ c &=& d \nonumber \end{eqnarray}",
        r"\begin{equation} a \label{eq:a} \end{equation}",
        r"\begin{split} a &= b \\ &= c \end{split}",
        r"\matrix{ a & b \cr c & d }",  # plain TeX's
        r"\pmatrix{ a & b \cr c & d }",
        r"x = \cases{ a & if $b$ \cr c & else }",
        r"a \over b",
        r"{a \atopwithdelims\langle\rangle b}",
        r"a \tag{3}",
        r"a \eqno(3)",
        "a % comment",
        "a \n\n b",
    ],
)
def test_raw_forms_are_drawn(formula):
    result = render_formulas([formula], FAST)[0]
    assert result.error is None


@pytest.mark.tex
def test_numbered_environments_show_no_running_number():
    first, second = render_formulas([r"\begin{equation} a \end{equation}"] * 2, FAST)
    assert first.image.shape[1] < 40 and np.array_equal(first.image, second.image)


# Each of these has its own fault or trick; the formula behind it must not notice.
FAULTS = [
    (r"\foo x", "undefined_control_sequence"),
    (r"\left( x", "unbalanced_delimiters"),
    (r"x \right)", "unbalanced_delimiters"),
    (r"x^a^b", "double_script"),
    (r"\begin{array}{c} { { \hline } } \end{array}", "misplaced_alignment"),
    (r"a & b", "misplaced_alignment"),
    (r"\begin{nonsense} x \end{nonsense}", "undefined_environment"),
    (r"{ a", "unbalanced_braces"),
    (r"$", "math_mode_ended"),
    (r"x $$ y", "math_mode_ended"),
    (r"\begingroup x", None),
    (r"x \endgroup", None),
    (r"\hspace{1parsec} x", "bad_number"),
    (r"\rule{99999in}{1in}", "bad_number"),
    (r"\rule{5000pt}{5000pt}", "too_large"),
    (r"\rlap{\raise 16000pt\hbox{x}}\rlap{\kern 16000pt x}", None),
    (r"\vbox{\vskip 16000pt} x", "too_large"),
    (r"\quad", "blank"),
    ("% only a comment", "blank"),
    ("", "empty"),
    (r"\def\x{x\x}\x", "capacity_exceeded"),
    (r"\end{document}", "unbalanced_environment"),
    (r"\csname @@end\endcsname", None),
    (r"\end", None),
    (r"x \iffalse", None),
    (r"x \fi", None),
    (r"\catcode`\\=12 x", None),
    (r"\verb|x", None),
    (r"\errorstopmode x", None),
    (r"\batchmode x", None),
    (r"\read16 to \x", None),
    ("é", "text_accent_in_math"),
    ("⋅", "invalid_character"),
]
TRICKS = [
    r"\gdef\frac#1#2{Q} x",
    r"\global\let\sqrt\relax x",
    r"\globaldefs=1 \def\frac#1#2{Q} x",
    r"\def\frac#1#2{Q} \def\sqrt{Q} x",
    r"\let\egroup\relax \let\par\relax x",
    r"\shipout\hbox{x} x",
    r"\shipout\vbox{x}\shipout\vbox{x} x",
    r"\count0=77 \global\count0=78 x",
    r"\fontdimen6\textfont0=30pt x",
    r"\global\hsize=3pt x",
    r"\global\mathcode`a=\mathcode`b x",
    r"\everymath{Q} \global\everydisplay{Q} x",
    r"\aftergroup\let\aftergroup\frac\aftergroup\relax x",
    r"\begin{gdef}\frac\end{gdef} x",
    r"\mbox{\boldmath $x$} {\Large x} \mbox{\bfseries x}",
    r"\setcounter{equation}{5} x",
    r"\mathversion{bold} x",
    r"\makeatletter \gdef\@currenvir{matrix} x",
]


@pytest.mark.tex
def test_a_fault_costs_only_itself():
    formulas = [formula for fault, _ in FAULTS for formula in (fault, GOOD)]
    results = render_formulas(formulas, FAST, timeout_s=1)
    expected = render_formula(GOOD, FAST)
    for (fault, slug), result in zip(FAULTS, results[0::2], strict=True):
        if slug is not None:
            assert result.reason == slug, fault
    for (fault, _), neighbour in zip(FAULTS, results[1::2], strict=True):
        assert neighbour.error is None and np.array_equal(neighbour.image, expected), fault


@pytest.mark.tex
@pytest.mark.parametrize("screened", [True, False])
def test_a_trick_costs_only_itself(monkeypatch, screened):
    if not screened:
        # Even if the screening misses one, the check of TeX's state finds it.
        monkeypatch.setattr(renderer, "needs_own_process", lambda formula: False)
    formulas = [formula for trick in TRICKS for formula in (trick, GOOD)]
    results = render_formulas(formulas, FAST, timeout_s=1)
    expected = render_formula(GOOD, FAST)
    for trick, neighbour in zip(TRICKS, results[1::2], strict=True):
        assert neighbour.error is None and np.array_equal(neighbour.image, expected), trick


@pytest.mark.tex
def test_endless_formulas_cost_only_themselves():
    endless = [r"\def\x{\x}\x", r"\loop\iftrue\repeat", r"\boldsymbol{ m ( \boldsymbol{ x } ) }"]
    formulas = [GOOD, endless[0], GOOD, endless[1], GOOD, endless[2], GOOD]
    results = render_formulas(formulas, FAST, timeout_s=1)
    assert [result.reason for result in results[1:4:2]] == ["timeout", "timeout"]
    assert all(result.error is None for result in results[0::2])


@pytest.mark.tex
def test_an_honest_batch_that_takes_too_long_is_split():
    # So many formulas that TeX needs more than its second, though none is at fault.
    slow = r"\begin{array}{c}" + r"a \\" * 200 + r"\end{array}"
    results = render_formulas([slow] * 150, dataclasses.replace(FAST, dpi=20), timeout_s=1, batch_size=150)
    assert [result.error for result in results] == [None] * 150


@pytest.mark.tex
def test_recovered_errors_can_be_kept():
    result = render_formulas([r"a \foo b"], dataclasses.replace(FAST, keep_recovered=True))[0]
    assert np.array_equal(result.image, render_formula("a b", FAST))


@pytest.mark.tex
def test_batch_size_changes_nothing():
    formulas = [f"x_{{{number}}}" for number in range(7)]
    for one, other in zip(
        render_formulas(formulas, FAST, batch_size=2), render_formulas(formulas, FAST), strict=True
    ):
        assert np.array_equal(one.image, other.image)


@pytest.mark.tex
def test_render_formula_raises_with_formula_and_reason():
    with pytest.raises(RenderError, match=r"could not render '.*foo x': undefined_control_sequence: \\foo"):
        render_formula(r"\foo x", FAST)


def _draw_in_worker(queue):
    queue.put(render_formulas([GOOD], FAST)[0].image)


@pytest.mark.tex
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_draw_and_leave_the_parents_format_alone(method):
    expected = render_formula(GOOD, FAST)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    workers = [context.Process(target=_draw_in_worker, args=(queue,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    images = [queue.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    assert all(np.array_equal(image, expected) for image in images)
    assert np.array_equal(render_formula(GOOD, FAST), expected)


@pytest.mark.tex
def test_threads_may_draw_at_once():
    results: list[list[RenderResult]] = []
    threads = [
        threading.Thread(target=lambda: results.append(render_formulas([GOOD, "x"], FAST))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3 and all(result.error is None for pair in results for result in pair)


@pytest.mark.tex
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(alphabet="\\{}[]^_&$#%~ ab1\n()", max_size=12), max_size=8))
def test_any_text_gets_a_result_and_spares_its_neighbour(texts):
    formulas = [formula for text in texts for formula in (text, "x")]
    results = render_formulas(formulas, FAST, timeout_s=1)
    assert len(results) == len(formulas)
    assert all(result.error is None for result in results[1::2])
    assert len({result.image.tobytes() for result in results[1::2]}) <= 1
