"""The matrix of conditions: pictures that went through something, what is read of them, and what that costs."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.robustness.conditions import CONDITIONS, GIVEN, GreyImage, conditions_called
from examples.robustness.matrix import JUDGED, Read, Sample, markdown, measure
from examples.robustness.measure import FORMULAS, main, samples_of_lines
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.images.mathtext_renderer import mathtext_available
from im2latex_fairseq.images.mathtext_renderer import render_formulas as draw_by_mathtext
from im2latex_fairseq.images.renderer import RenderResult, RenderSettings
from im2latex_fairseq.recognition.recognizer import SHIPPED_MODEL

BY_NAME = {condition.name: condition for condition in CONDITIONS}


def strokes() -> GreyImage:
    image = np.full((30, 80), 255, dtype=np.uint8)
    image[10:20, 8:70:6] = 0
    return image


def changed(name: str) -> GreyImage:
    return load_image(BY_NAME[name].change(strokes(), np.random.default_rng(1)))


def draw_anything(formulas: Sequence[str], settings: RenderSettings) -> list[RenderResult]:
    """A stand-in: a picture whose width tells the formula and the resolution; one formula has none."""
    return [
        RenderResult(None, "missing_glyph: no")
        if formula == "\\odd"
        else RenderResult(np.zeros((20, 10 * len(formula) + settings.dpi), np.uint8), None)
        for formula in formulas
    ]


SAMPLES = [
    Sample(f"f{n}", formula, strokes())
    for n, formula in enumerate(["a + b = c", "x ^ { 2 } + 1", "\\odd", "\\frac { a } { b }"])
]


def test_the_conditions_that_were_asked_for() -> None:
    groups = [condition.group for condition in CONDITIONS]
    assert groups.count("face") == groups.count("dpi") == 5
    assert {c.drawing.dpi for c in CONDITIONS if c.group == "dpi" and c.drawing} == {75, 100, 150, 200, 300}
    assert {c.name for c in CONDITIONS if c.group == "picture"} == {
        "dark", "transparent", "jpeg30", "rotated2", "blurred1", "noisy12", "margin40",
    }  # fmt: skip
    assert {c.group: c.most_lost for c in CONDITIONS} == {
        "given": None,
        "face": 4.0,
        "dpi": 4.0,
        "picture": 6.0,
    }


def test_what_becomes_of_a_picture() -> None:
    given = changed("given")
    assert np.array_equal(given, strokes())
    assert np.array_equal(changed("transparent"), given)  # on white paper, it looks the same
    dark = np.asarray(Image.open(io.BytesIO(BY_NAME["dark"].change(strokes(), np.random.default_rng(1)))))
    assert (dark.max(), dark.min(), dark[0, 0]) == (230, 30, 30)
    assert changed("margin40").shape == (110, 160)
    assert np.array_equal(changed("margin40")[40:-40, 40:-40], given)
    turned = changed("rotated2")
    assert turned.shape[0] > 30 and turned.shape[1] > 80
    assert changed("blurred1").min() > 0
    assert 6 < np.std(changed("noisy12")[:8].astype(float)) < 8  # 12, but half of it clipped at white
    assert BY_NAME["jpeg30"].change(strokes(), np.random.default_rng(1))[:2] == b"\xff\xd8"
    assert not np.array_equal(changed("jpeg30"), given)


def test_conditions_by_name_and_group() -> None:
    assert [c.name for c in conditions_called("jpeg30, dpi")] == [
        "given", "jpeg30", "75dpi", "100dpi", "150dpi", "200dpi", "300dpi",
    ]  # fmt: skip
    assert conditions_called("all") == CONDITIONS
    with pytest.raises(ValueError, match=r"no condition 'fog'; there are given, .*groups all, given, face"):
        conditions_called("fog")


def test_the_matrix() -> None:
    """A reader that reads given pictures rightly, refuses one turned picture, and reads others without the end."""
    formulas = [sample.formula for sample in SAMPLES if sample.formula != "\\odd"]
    conditions = conditions_called("times,rotated2")
    calls: list[int] = []

    def read(files: Sequence[bytes]) -> list[Read | None]:
        calls.append(len(files))
        if len(calls) == 1:
            return [Read(formula) for formula in formulas]
        if conditions[len(calls) - 1].name == "times":
            return [Read(formula.rsplit(" ", 1)[0], 0.5) for formula in formulas]
        return [None, *(Read(formula) for formula in formulas[1:])]

    matrix = measure(SAMPLES, conditions, read, draw_anything)
    assert calls == [3, 3, 3]
    assert (matrix.formulas, matrix.dropped) == (3, {"missing_glyph": 1})
    given, times, turned = matrix.columns
    assert given.scores[JUDGED].score == 100.0 and matrix.is_held(given)
    assert (times.unread, times.same, times.scale) == (0, 0.0, 0.5)
    assert (turned.unread, turned.same) == (1, 66.67)
    assert turned.scores["exact_match_given"].score == pytest.approx(66.667)
    assert matrix.lost(times) > 4 and not matrix.is_held(times)
    table = markdown(matrix)
    assert f"**+{matrix.lost(times):.1f}** | 4 | 0.0% | 0.50 | 0 |" in table
    assert "dropped because a face can't draw them: 1 missing_glyph" in table
    assert f"`{given.scores[JUDGED].signature}`" in table
    plain = json.loads(json.dumps(matrix.to_dict()))
    assert [column["held"] for column in plain["conditions"]] == [True, False, False]


def test_noise_is_the_formulas_own() -> None:
    """Whatever else is measured beside it."""
    seen: list[list[bytes]] = []

    def read(files: Sequence[bytes]) -> list[Read | None]:
        seen.append(list(files))
        return [Read("a")] * len(files)

    noisy = (GIVEN, BY_NAME["noisy12"])
    measure(SAMPLES[:2], noisy, read, draw_anything)
    measure(SAMPLES[1:2], noisy, read, draw_anything)
    assert seen[1][1] == seen[3][0] != seen[1][0]
    measure(SAMPLES[1:2], noisy, read, draw_anything, seed=2)
    assert seen[5][0] != seen[3][0]


def test_formulas_that_no_face_draws_are_no_matrix() -> None:
    with pytest.raises(ValueError, match="none of 1 formulas can be drawn under every condition"):
        measure(SAMPLES[2:3], conditions_called("times"), lambda files: [], draw_anything)


@pytest.mark.skipif(not mathtext_available(), reason="matplotlib is missing")
def test_the_formulas_of_its_own_can_be_drawn_without_tex() -> None:
    samples = samples_of_lines(FORMULAS, 100, 1, draw_by_mathtext)
    assert len(samples) == len(FORMULAS.read_text(encoding="utf-8").split("\n")) - 1
    for condition in CONDITIONS:
        if condition.drawing is not None:
            drawn = draw_by_mathtext([sample.formula for sample in samples], condition.drawing)
            assert all(result.image is not None for result in drawn)


@pytest.mark.skipif(not SHIPPED_MODEL.is_file(), reason="this checkout holds no weights")
@pytest.mark.skipif(not mathtext_available(), reason="matplotlib is missing")
def test_the_shipped_model_holds_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A small matrix of the real thing. The floors are low: 20 short formulas, in mathtext's drawing."""
    out = tmp_path / "robustness.json"
    main(
        [
            "--formulas",
            "20",
            "--conditions",
            "100dpi,200dpi,dark,transparent,margin40",
            "--renderer",
            "mathtext",
        ]
        + ["--beam", "1", "--json", str(out)]
    )
    assert "redrawn at 200 dpi" in capsys.readouterr().out
    written = json.loads(out.read_text(encoding="utf-8"))
    scores = {c["condition"]: c["scores"][JUDGED]["score"] for c in written["conditions"]}
    assert set(scores) == {"given", "100dpi", "200dpi", "dark", "transparent", "margin40"}
    assert scores["given"] > 40
    assert min(scores.values()) > 20
    assert scores["transparent"] == scores["given"]


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["--conditions", "fog"], "no condition 'fog'"),
        (["--formulas", "0"], "--formulas must be at least 1, got 0"),
        (["--model", "nothing.safetensors", "--formulas", "1"], "nothing.safetensors"),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert message in capsys.readouterr().err
