"""`im2latex report` from its options to the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from im2latex_fairseq.commands.main import main
from im2latex_fairseq.data.image_store import ImageStoreWriter
from im2latex_fairseq.report import building

FEW = ("--metrics", "token_edit_accuracy,exact_match", "--resamples", "20")
LOG = (
    "T-1\tx ^ { 2 }\nH-1\t-0.5\tx ^ { 2 }\nP-1\t-0.5 -0.5\n"
    "T-0\ta + b\nH-0\t-1.0\ta - b\n"
    "Generate valid with beam=2: BLEU4 = 10.00\n"
)


@pytest.fixture(autouse=True)
def no_tex(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Formulas are drawn in the test that is about it alone."""
    if request.node.get_closest_marker("tex") is None:
        monkeypatch.setattr(building, "tex_available", lambda: False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "generate-valid.txt"
    path.write_text(LOG)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "valid.images"
    with ImageStoreWriter(path, settings={}) as writer:
        for width in (40, 60):
            image = np.full((20, width), 255, dtype=np.uint8)
            image[8:12, 5:-5] = 0
            writer.add(image)
    return path


def samples_of(page: Path) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    samples: dict[str, Any] = json.loads(found)
    return samples


def report(*arguments: object) -> int:
    return main(["report", *map(str, arguments)])


def test_a_page_of_a_log_with_its_pictures(
    log: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new" / "report.html"
    assert report("--hypotheses", log, "--images", store, "--out", page, "--title", "Mine", *FEW) == 0
    assert re.search(
        r"report\.html: 2 samples, 2 on the page, 2 with pictures; 0\.\d MB", capsys.readouterr().out
    )
    assert "<title>Mine</title>" in page.read_text()
    samples = samples_of(page)
    assert samples["ids"] == ["0", "1"]
    assert samples["widths"] == [30, 50], "of the pictures' ink"
    assert samples["confidences"] == [0.5, pytest.approx(0.707, abs=1e-3)]
    assert [pictures["input"][0] for pictures in samples["pictures"].values()] == [38, 58]


def test_a_page_of_a_saved_evaluation(log: Path, store: Path, tmp_path: Path) -> None:
    saved = tmp_path / "a.evaluation.jsonl"
    assert main(["score", "--hypotheses", str(log), "--save", str(saved), *FEW]) == 0
    first, second = tmp_path / "first.html", tmp_path / "second.html"
    assert report("--evaluation", saved, "--images", store, "--out", first, *FEW) == 0
    assert report("--hypotheses", log, "--images", store, "--out", second, *FEW) == 0
    assert samples_of(first) == samples_of(second)


def test_how_many_samples_have_pictures(log: Path, store: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    options = ("--worst", 1, "--random", 0, "--worst-by", "exact_match")
    assert report("--hypotheses", log, "--images", store, "--out", page, *options, *FEW) == 0
    samples = samples_of(page)
    assert (samples["worst"], samples["random"], list(samples["pictures"])) == ([0], [], ["0"])


@pytest.mark.parametrize(
    "options, complaint",
    [
        (("--worst-by", "bleu_multi"), "no metric 'bleu_multi'"),  # there is one, but it wasn't asked for
        (("--worst", "-1"), "worst is -1; it can't be negative"),
        (("--evaluation", "x.jsonl"), "--evaluation brings its references and hypotheses along"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    options: tuple[str, ...], complaint: str, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert report("--hypotheses", log, "--out", page, *FEW, *options) == 2
    assert f"im2latex report: error: {complaint}" in capsys.readouterr().err
    assert not page.exists()


def test_a_store_of_other_pictures_is_refused(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, longer = tmp_path / "a.evaluation.jsonl", tmp_path / "longer.images"
    assert main(["score", "--hypotheses", str(log), "--save", str(saved), *FEW]) == 0
    with ImageStoreWriter(longer, settings={}) as writer:
        for _ in range(3):
            writer.add(np.zeros((8, 8), dtype=np.uint8))
    assert report("--evaluation", saved, "--images", longer, "--out", tmp_path / "r.html", *FEW) == 2
    assert "3 pictures for 2 samples" in capsys.readouterr().err


@pytest.mark.tex
def test_formulas_are_drawn_and_compared(log: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    metrics = ("--metrics", "token_edit_accuracy,image_match", "--resamples", "20")
    assert report("--hypotheses", log, "--out", page, *metrics) == 0
    wrong, right = samples_of(page)["pictures"].values()
    assert set(wrong) == {"reference", "hypothesis", "difference", "agreement", "aligned"}
    assert 50 < wrong["agreement"] < 100
    assert set(right) == {"reference", "hypothesis", "agreement", "aligned"} and right["agreement"] == 100
