"""The page of random predictions."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from examples.im2latex_100k.predictions_page import PageError, draw_sample, main, page_html
from im2latex_fairseq.data.image_store import ImageStore, ImageStoreWriter
from im2latex_fairseq.evaluation.generation_log import GenerationOutput, Prediction


def prediction(row: int, hypothesis: str = "a", reference: str = "a") -> Prediction:
    return Prediction(row, tuple(reference.split()), tuple(hypothesis.split()), -0.1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with ImageStoreWriter(tmp_path / "valid.images") as store:
        for number in range(12):
            store.add(np.full((8 + number, 20), 255, dtype=np.uint8))
    return tmp_path


def test_the_draw_depends_on_seed_and_number_alone() -> None:
    one = [prediction(row) for row in range(100)]
    other = [prediction(row, hypothesis="b") for row in range(100)]
    rows = [p.row for p in draw_sample(one, 10, seed=1)]
    assert rows == sorted(rows)
    assert rows == [p.row for p in draw_sample(other, 10, seed=1)]
    assert rows != [p.row for p in draw_sample(one, 10, seed=2)]
    assert len(draw_sample(one[:3], 10, seed=1)) == 3


def test_a_page_shows_pictures_and_what_differs(folder: Path) -> None:
    output = GenerationOutput(
        (
            *(prediction(row, hypothesis="a < b" if row % 2 else "a") for row in range(11)),
            prediction(11, hypothesis=r"{ a } \,"),
        ),
        "BLEU4 = 1",
    )
    page = page_html(output, ImageStore(folder / "valid.images"), count=12, seed=1, title="M & N")
    assert page.count("data:image/png;base64,") == 12
    assert "<h1>M &amp; N</h1>" in page
    assert "<del>&lt; b</del>" in page
    assert "12 of 12 pictures" in page
    assert "6 of them are read exactly, 1 more but for spaces" in page
    assert "http" not in page  # nothing is loaded
    assert "prefers-color-scheme: dark" in page


@pytest.mark.tex
def test_pictures_drawn_anew_are_not_those_of_the_store(folder: Path) -> None:
    output = GenerationOutput((prediction(0, reference="x ^ { 2 }"), prediction(1, reference="b")), "s")
    store = ImageStore(folder / "valid.images")
    shown = page_html(output, store, count=2, seed=1, title="t")
    redrawn = page_html(output, store, count=2, seed=1, title="t", redrawn=True)
    assert redrawn.count("data:image/png;base64,") == 2
    assert set(re.findall(r"base64,([^\"]+)", shown)).isdisjoint(re.findall(r"base64,([^\"]+)", redrawn))
    assert "drawn from the references" in redrawn
    assert "drawn from the references" not in shown


@pytest.mark.tex
def test_a_reference_that_cannot_be_drawn_is_named(folder: Path) -> None:
    output = GenerationOutput((prediction(3, reference=r"\frac { a"),), "s")
    with pytest.raises(PageError, match="reference of picture 3"):
        page_html(output, ImageStore(folder / "valid.images"), count=1, seed=1, title="t", redrawn=True)


def test_a_log_of_another_split_is_refused(folder: Path) -> None:
    output = GenerationOutput((prediction(12),), "BLEU4 = 1")
    with pytest.raises(PageError, match=r"12 pictures.*picture 12.*different splits"):
        page_html(output, ImageStore(folder / "valid.images"), count=1, seed=1, title="t")


def test_the_command_writes_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = folder / "generate.txt"
    lines = [f"T-{row}\ta b\nH-{row}\t-0.5\ta c" for row in range(12)]
    log.write_text("\n".join([*lines, "Generate valid with beam=5: BLEU4 = 0.00"]) + "\n", encoding="utf-8")
    out = folder / "page.html"
    main(["--generated", str(log), "--data", str(folder), "--out", str(out), "--count", "3"])
    assert "KiB" in capsys.readouterr().out
    assert out.read_text(encoding="utf-8").count("<img ") == 3
