from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.data.image_store import ImageStoreError, ImageStoreWriter
from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.picture_source import open_pictures


def grey(value: int) -> np.ndarray:
    return np.full((2, 3), value, dtype=np.uint8)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "valid.images"
    with ImageStoreWriter(path) as writer:
        for value in (10, 20, 30):
            writer.add(grey(value))
    return path


def test_pictures_of_a_store_go_by_row(store: Path) -> None:
    pictures = open_pictures(store, ["f0", "f2"], [0, 2])
    assert list(pictures) == ["f0", "f2"] and len(pictures) == 2
    np.testing.assert_array_equal(pictures["f2"], grey(30))


def test_a_store_of_another_split_is_refused(store: Path) -> None:
    with pytest.raises(EvaluationInputError, match=r"has 3 pictures.*picture 3 \(from 0\)"):
        open_pictures(store, ["f0"], [3])
    text = store.with_name("text.images")
    text.write_text("no store")
    with pytest.raises(ImageStoreError, match="not an image store"):
        open_pictures(text, ["f0"], [0])


def test_files_are_called_by_id(tmp_path: Path) -> None:
    for name, value in (("f0.png", 10), ("f1", 20)):
        Image.fromarray(grey(value)).save(tmp_path / name, format="PNG")
    pictures = open_pictures(tmp_path, ["f0", "f1", "set/f0.png"], [0, 1, 2])
    assert [int(pictures[id_][0, 0]) for id_ in pictures] == [10, 20, 10]
    with pytest.raises(EvaluationInputError, match="no picture of 1 of 2 references, the first 'f9'"):
        open_pictures(tmp_path, ["f0", "f9"], [0, 1])
