from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from im2latex_fairseq.images import renderer
from im2latex_fairseq.images.renderer import RenderResult, RenderSettings
from im2latex_fairseq.images.tex_faces import FACES
from im2latex_fairseq.preparation import rendering
from im2latex_fairseq.preparation.formula_table import FormulaRow, read_rejects
from im2latex_fairseq.preparation.prepared_set import PreparedSet, rejects_path
from im2latex_fairseq.preparation.rendering import Look, choose_looks, parse_looks, preset_looks, render_set

LOOKS = (Look("one", RenderSettings()), Look("two", RenderSettings(size_pt=10)))


def rows(*formulas: str) -> list[FormulaRow]:
    return [FormulaRow(f"f-{number}", f"f:{number}", formula) for number, formula in enumerate(formulas)]


@pytest.fixture
def fake_tex(monkeypatch):
    """A renderer that draws a bar as long as its text, and fails where it is told to."""
    calls: list[tuple[RenderSettings, list[str]]] = []

    def render_formulas(formulas, settings, *, timeout_s, batch_size):
        calls.append((settings, list(formulas)))
        results = []
        for formula in formulas:
            if "bad" in formula.replace(" ", ""):
                results.append(RenderResult(None, "undefined_control_sequence: \\bad"))
                continue
            image = np.full((60, 40 + 2 * len(formula)), 255, np.uint8)
            image[20:40, 10:-10] = 0 if "blank" not in formula.replace(" ", "") else 255
            results.append(RenderResult(image, None))
        return results

    monkeypatch.setattr(rendering.renderer, "render_formulas", render_formulas)
    return calls


def test_each_formula_becomes_a_picture_or_a_reject_with_a_reason(tmp_path, fake_tex):
    report = render_set(tmp_path / "set", rows("x", r"\bad", r"\blank", "y ^ { 2 }"), LOOKS[:1], engine="tex")
    assert (report.read, report.kept) == (4, 2)
    assert dict(report.dropped) == {"render_undefined_control_sequence": 1, "image_blank": 1}
    assert [e.id for e in PreparedSet(tmp_path / "set").entries] == ["f-0/one", "f-3/one"]
    assert read_rejects(rejects_path(tmp_path / "set"))[0].detail == r"\bad"


def test_copies_are_drawn_in_different_looks(tmp_path, fake_tex):
    report = render_set(tmp_path / "set", rows("x", "y"), LOOKS, copies=2, engine="tex")
    assert report.read == 4
    assert {e.id for e in PreparedSet(tmp_path / "set").entries} == {
        "f-0/one",
        "f-0/two",
        "f-1/one",
        "f-1/two",
    }
    assert {settings.size_pt for settings, _ in fake_tex} == {10, 12}


def test_a_finished_set_is_not_rendered_again(tmp_path, fake_tex):
    render_set(tmp_path / "set", rows("x"), LOOKS, engine="tex")
    fake_tex.clear()
    render_set(tmp_path / "set", rows("x"), LOOKS, engine="tex")
    assert fake_tex == []
    render_set(tmp_path / "set", rows("x"), LOOKS, engine="tex", seed=9)
    assert fake_tex != []


def test_looks_follow_their_weights_and_the_id_alone():
    mix = (Look("one", RenderSettings(), 3.0), Look("two", RenderSettings(), 1.0))
    drawn = Counter(choose_looks(f"id{number}", mix, 1, seed=1)[0].name for number in range(4000))
    assert 0.71 < drawn["one"] / 4000 < 0.79
    assert choose_looks("x", mix, 1, seed=1) == choose_looks("x", mix, 1, seed=1)


def test_presets():
    mix = parse_looks({"release": 0.5, "processed": 0.4, "other": 0.1})
    assert sum(look.weight for look in mix) == pytest.approx(1.0)
    settings = {look.name: look.settings for look in mix}
    assert settings["release"] == renderer.RELEASE_FACE
    assert settings["processed"] == renderer.PROCESSED_FACE
    assert len(mix) > 6
    for face in FACES:
        assert preset_looks(face)[0].settings.face == face


@pytest.mark.parametrize(
    ("mix", "told"),
    [({}, "empty"), ({"gothic": 1.0}, "no look is called 'gothic'"), ({"release": 0.0}, "above 0")],
)
def test_bad_mixes(mix, told):
    with pytest.raises(ValueError, match=told):
        parse_looks(mix)


def test_bad_options(tmp_path):
    with pytest.raises(ValueError, match="3 copies"):
        render_set(tmp_path / "set", rows("x"), LOOKS, copies=3)
    with pytest.raises(ValueError, match="engine 'word'"):
        render_set(tmp_path / "set", rows("x"), LOOKS, engine="word")


@pytest.mark.tex
def test_tex_draws_the_looks(tmp_path):
    report = render_set(
        tmp_path / "set",
        rows(r"\frac { a } { b }", "x \\ y", r"\hspace { 1 c m } z", r"\nosuchcommand x"),
        parse_looks({"release": 1.0, "processed": 1.0}),
        copies=2,
        engine="tex",
    )
    assert report.kept == 6
    assert dict(report.dropped) == {"render_undefined_control_sequence": 2}
    pairs = PreparedSet(tmp_path / "set")
    assert all(8 < entry.height < 64 for entry in pairs.entries)


def test_mathtext_draws_without_tex(tmp_path):
    report = render_set(
        tmp_path / "set",
        rows(r"\frac { a } { b } + x ^ { 2 }", r"\nosuchcommand x"),
        parse_looks({"computer_modern": 1.0}),
        engine="mathtext",
    )
    assert (report.read, report.kept) == (2, 1)
    assert report.details["engine"] == "mathtext"
    assert all(reason.startswith("render_") for reason in report.dropped)
