from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from examples.quickstart.draw_overview import PICTURE_WIDTH_PX, choose, overview_svg
from im2latex_fairseq.data.image_store import ImageStore, ImageStoreWriter
from im2latex_fairseq.evaluation.generation_log import Prediction

FRACTION = tuple(r"\frac { a } { b }".split())
LONG_FRACTION = tuple(r"\frac { a + b } { c }".split())
ROOT = tuple(r"\sqrt { a }".split())


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    with ImageStoreWriter(tmp_path / "test.images", {}) as writer:
        for width in (40, 60, PICTURE_WIDTH_PX + 1, 50):
            writer.add(np.full((20, width), 255, dtype=np.uint8))
    return ImageStore(tmp_path / "test.images")


def test_the_longest_right_reading_that_fits_is_chosen(store: ImageStore) -> None:
    predictions = [
        Prediction(0, FRACTION, FRACTION, -0.1),
        Prediction(1, LONG_FRACTION, LONG_FRACTION, -0.1),
        Prediction(2, (*LONG_FRACTION, "+", "d"), (*LONG_FRACTION, "+", "d"), -0.1),  # too wide
        Prediction(3, ROOT, FRACTION, -0.1),  # wrong
    ]
    assert [p.row for p in choose(predictions, store)] == [1]


def test_the_drawing_is_valid_and_says_what_was_read(store: ImageStore) -> None:
    tokens = tuple("a < b & c".split())
    svg = overview_svg([Prediction(0, tokens, tokens, -0.1), Prediction(1, ROOT, ROOT, -0.1)], store)
    root = ElementTree.fromstring(svg)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert r"\sqrt{a}" in texts
    assert len(list(root.iter("{http://www.w3.org/2000/svg}image"))) == 2
