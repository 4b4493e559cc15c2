"""`im2latex explain`: the page, the picture, bad input, and the page in a browser."""

from __future__ import annotations

import dataclasses
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.commands.main import main
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.recognition.checkpoint_conversion import convert_checkpoint
from im2latex_fairseq.recognition.explanation import ExplainedToken, Explanation, PlaceInPicture, explain
from im2latex_fairseq.recognition.model_file import save_model_file
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.recognizer import Recognizer
from im2latex_fairseq.recognition.results import Reading, Recognition
from im2latex_fairseq.report.explanation_page import explanation_page
from im2latex_fairseq.report.explanation_picture import COLOURS, explanation_picture
from tests.commands.predictions import formula_picture
from tests.headless_browser import Page, find_browser, running_browser

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&"


@pytest.fixture(scope="module")
def model(gated_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of a network that has learnt next to nothing."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model_file(path, convert_checkpoint(gated_checkpoint))
    return path


def explained(*arguments: object) -> int:
    return main(["explain", *map(str, arguments)])


def small_explanation() -> Explanation:
    """Two letters and a brace, the second letter hostile, a root around both."""
    picture = np.full((40, 100), 255, dtype=np.uint8)
    picture[10:30, 10:25] = 0
    picture[10:30, 60:75] = 0
    tokens = (
        ExplainedToken(r"\sqrt", 0.95, PlaceInPicture(5, 5, 35, 90)),
        ExplainedToken("{", 0.995, None),
        ExplainedToken("x", 0.999, PlaceInPicture(10, 10, 30, 25)),
        ExplainedToken(HOSTILE, 0.2, PlaceInPicture(10, 60, 30, 75)),
    )
    texts = tuple(token.text for token in tokens)
    best = Reading(r"\sqrt{x" + HOSTILE, texts, 0.7, -0.1, (0.95, 0.995, 0.999, 0.2))
    other = dataclasses.replace(best, latex=f"y{HOSTILE}", score=-0.3)
    return Explanation(picture, Recognition((best, other), 0.1), tokens)


def test_page_and_picture_are_written(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = formula_picture(tmp_path / "x + y.png")
    page, drawing = tmp_path / "page.html", tmp_path / "drawing.png"
    options = ("--model", model, "--beam", 2, "--threads", 1)
    assert explained(picture, "--output", page, "--picture", drawing, *options) == 0
    latex = capsys.readouterr().out.strip()
    text = page.read_text(encoding="utf-8")
    assert f'<code id="latex">{html.escape(latex, quote=True)}</code>' in text
    assert "x + y.png" in text and "http-equiv" in text and "https://" not in text
    with Image.open(drawing) as image:
        assert image.size[0] >= 4 * Image.open(picture).size[0] and image.mode == "RGB"


def test_the_page_lies_where_one_is_unless_named(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = formula_picture(tmp_path / "pictures" / "f.png")
    monkeypatch.chdir(tmp_path)
    assert explained(picture, "--model", model, "--threads", 1) == 0
    assert (tmp_path / "f.explained.html").is_file()
    assert sorted(path.name for path in picture.parent.iterdir()) == ["f.png"]


@pytest.mark.parametrize(
    "name, options, says",
    [
        ("missing.png", ["--output", "a.html"], "missing.png"),
        ("text.png", ["--output", "a.html"], "text.png"),
        ("blank.png", ["--output", "a.html"], "blank"),
        ("f.png", ["--output", "f.png"], "is the picture to read"),
        ("f.png", ["--picture", "a.jpg"], "should end in .png"),
        ("f.png", ["--output", "a.png", "--picture", "a.png"], "are both"),
        ("f.png", ["--output", "folder"], "is a folder"),
        ("folder", ["--output", "a.html"], "takes one"),
        ("f.png", ["--scale", "0"], "scale"),
    ],
)
def test_bad_input_is_one_line(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    formula_picture(Path("f.png"))
    formula_picture(Path("folder/g.png"))
    formula_picture(Path("folder/h.png"))
    Path("text.png").write_text("not a picture")
    Image.new("L", (60, 30), 255).save("blank.png")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert explained(name, *options, "--model", model, "--threads", 1) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"im2latex explain: error: [^\n]*\n", said) and says in said
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_places_are_in_the_picture_that_was_given(model: Path, tmp_path: Path) -> None:
    """Twice as large and read at half the scale: the same reading, the same places, twice as large."""
    small = Image.open(formula_picture(tmp_path / "f.png")).convert("L")
    large = small.resize((2 * small.width, 2 * small.height), Image.Resampling.NEAREST)
    recognizer = Recognizer.load(model)
    one = explain(recognizer, small, RecognitionOptions(scale=1.0))
    other = explain(recognizer, large, RecognitionOptions(scale=0.5))
    assert [token.text for token in one.tokens] == [token.text for token in other.tokens]
    assert len(one.tokens) == len(one.recognition.tokens)
    for token, twice in zip(one.tokens, other.tokens, strict=True):
        assert (token.place is None) == (twice.place is None)
        if token.place is not None and twice.place is not None:
            assert [2 * side for side in token.place] == pytest.approx(list(twice.place), abs=2)


def test_a_blank_picture_is_named(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    Image.new("L", (60, 30), 255).save(path)
    with pytest.raises(ImageError, match=r"blank\.png"):
        explain(Recognizer.load(model), path)


def test_everything_on_the_page_is_escaped() -> None:
    text = explanation_page(small_explanation(), f"name {HOSTILE}")
    assert "<img" not in text and text.count("</script>") == 1
    assert html.escape(HOSTILE, quote=True) in text


def test_the_picture_shows_places_in_the_colours_of_confidence() -> None:
    explanation = small_explanation()
    image = np.asarray(explanation_picture(explanation))
    zoom = 4
    assert tuple(image[10 * zoom, 15 * zoom]) == COLOURS["sure"]  # the edge of x
    assert tuple(image[10 * zoom, 70 * zoom]) == COLOURS["unsure"]
    assert tuple(image[5 * zoom, 80 * zoom]) == COLOURS["likely"]
    assert image.shape[0] > 40 * zoom, "the tokens are listed below"
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path: Path = tmp_path_factory.mktemp("explain") / "page.html"
    path.write_text(explanation_page(small_explanation(), "a picture"), encoding="utf-8")
    program = find_browser()
    assert program is not None
    with running_browser(program) as browser:
        found = browser.open(path.as_uri())
        found.wait_until("document.documentElement.dataset.ready === 'yes'")
        yield found
        assert found.problems == [], "the console has nothing to say"
        assert set(found.requests) == {path.as_uri()}, "nothing is loaded"


LIT = (
    "[...document.querySelectorAll('.on')].map((e) => `${e.tagName.toLowerCase()} ${e.dataset.token}`).sort()"
)


def hover(page: Page, selector: str) -> None:
    """Move the mouse over the middle of an element."""
    place = page.evaluate(
        f"(() => {{ const r = document.querySelector({selector!r}).getBoundingClientRect();"
        " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
    )
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])


@pytest.mark.browser
def test_hovering_a_token_lights_its_place(page: Page) -> None:
    hover(page, 'span[data-token="2"]')
    assert page.wait_for(LIT, ["rect 2", "span 2"]) == ["rect 2", "span 2"]
    assert page.evaluate("document.getElementById('told').textContent") == "x: right with 99.9%"
    fill = "getComputedStyle(document.querySelector('rect[data-token=\"2\"]')).fill"
    assert page.evaluate(fill) == "rgb(0, 114, 178)"
    hover(page, "h1")
    assert page.wait_for(LIT, []) == []


@pytest.mark.browser
def test_hovering_a_place_lights_its_token(page: Page) -> None:
    """The letter, not the root that lies around it."""
    hover(page, 'rect[data-token="3"]')
    assert page.wait_for(LIT, ["rect 3", "span 3"]) == ["rect 3", "span 3"]
    assert HOSTILE in page.evaluate("document.getElementById('told').textContent")
    hover(page, "h1")


@pytest.mark.browser
def test_the_keyboard_does_the_same(page: Page) -> None:
    page.evaluate("document.querySelector('span[data-token=\"0\"]').focus()")
    assert page.wait_for(LIT, ["rect 0", "span 0"]) == ["rect 0", "span 0"]
    page.evaluate("document.activeElement.blur()")
    assert page.wait_for(LIT, []) == []


@pytest.mark.browser
def test_the_picture_is_there_and_nothing_ran(page: Page) -> None:
    assert page.evaluate("document.title") == "a picture"
    assert page.evaluate("document.querySelectorAll('img, script').length") == 1
    assert page.evaluate("document.querySelector('image').getBoundingClientRect().width") >= 300
