from __future__ import annotations

import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from examples.quickstart import write_report
from im2latex_fairseq.data.image_store import ImageStoreWriter
from im2latex_fairseq.evaluation.generation_log import Prediction


class Page(HTMLParser):
    """Collects what a page loads and checks that its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    """A data folder with three test pictures, and the output of decoding them."""
    with ImageStoreWriter(tmp_path / "test.images", {}) as store:
        for width in (20, 30, 40):
            store.add(np.full((16, width), 255, dtype=np.uint8))
    path = tmp_path / "generated.txt"
    path.write_text(
        "T-0\tx < y & z\nH-0\t-0.10\tx < y & z\n"
        "T-1\ta + b\nH-1\t-0.50\ta - b\n"
        "T-2\t\\frac { a } { b }\nH-2\t-0.01\t\\frac { a } { b }\n"
        "Generate test with beam=5: BLEU = 88.00 (made up)\n",
        encoding="utf-8",
    )
    return path


def test_page_shows_every_picture_and_loads_nothing(
    generated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = generated.parent / "report.html"
    arguments = ["write_report", "--generated", str(generated), "--data", str(generated.parent)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--out", str(out), "--fact", "seed", "<1>"])
    write_report.main()

    text = out.read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert len(page.sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "x &lt; y &amp; z" in text  # formulas are text, not markup
    assert "a <del>-</del> b" in text
    assert "a <ins>+</ins> b" in text
    assert "<dd>&lt;1&gt;</dd>" in text
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text

    scores = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert scores["exact match"] == pytest.approx(66.67)
    assert scores["edit accuracy"] == pytest.approx(100 * (1 - 1 / 15), abs=0.01)
    assert "exact match" in capsys.readouterr().out


@pytest.mark.parametrize(
    "tokens, other, marked",
    [
        (["a", "b"], ["a", "b"], "a b"),
        (["a", "x"], ["a", "y"], "a <del>x</del>"),
        (["a"], ["a", "b"], "a"),  # what is missing is marked on the other side
        ([], ["a"], ""),
        (["<"], [], "<del>&lt;</del>"),
    ],
)
def test_only_what_differs_is_marked(tokens: list[str], other: list[str], marked: str) -> None:
    assert write_report.marked_difference(tokens, other, "del") == marked


def test_no_more_is_shown_than_asked_for(tmp_path: Path) -> None:
    with ImageStoreWriter(tmp_path / "test.images", {}) as store:
        for _ in range(30):
            store.add(np.full((16, 16), 255, dtype=np.uint8))
    predictions = tuple(Prediction(row, ("a",) * row, ("a",) * (row - row % 2), -0.1) for row in range(30))
    output = write_report.GenerationOutput(predictions, "BLEU = 0")
    page = write_report.page_html(output, write_report.ImageStore(tmp_path / "test.images"), [], shown=4)
    assert page.count("<img") == 8
