from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.images.transforms import PreparationSettings
from im2latex_fairseq.preparation.formula_table import read_rejects
from im2latex_fairseq.preparation.image_files import ImageFiles
from im2latex_fairseq.preparation.image_import import import_images
from im2latex_fairseq.preparation.image_layouts import PairSource
from im2latex_fairseq.preparation.prepared_set import PreparedSet, rejects_path


def drawing(height: int = 24, width: int = 60) -> np.ndarray:
    image = np.full((height, width), 255, np.uint8)
    image[6:-6, 8:-8:4] = 0
    return image


def save(folder: Path, name: str, image: np.ndarray) -> None:
    Image.fromarray(image).save(folder / name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good pictures beside every kind of bad one."""
    folder = tmp_path / "images"
    folder.mkdir()
    save(folder, "good.png", drawing())
    save(folder, "blank.png", np.full((40, 50), 255, np.uint8))
    save(folder, "wide.png", drawing(40, 3000))
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("no picture")
    buffer = io.BytesIO()
    Image.fromarray(drawing(200, 300)).save(buffer, "PNG")
    (folder / "cut.png").write_bytes(buffer.getvalue()[:90])
    return folder


def run(tmp_path: Path, folder: Path, pairs: Sequence[tuple[str, str | None]], **options):
    sources = [
        PairSource(image, text, f"list:{number}") for number, (image, text) in enumerate(pairs, start=1)
    ]
    return import_images(tmp_path / "set", sources, ImageFiles(folder), **options)


def reasons(tmp_path: Path) -> dict[str, str]:
    return {reject.source: reject.reason for reject in read_rejects(rejects_path(tmp_path / "set"))}


def test_pairs_come_through_normalised(tmp_path, folder):
    report = run(tmp_path, folder, [("good.png", "x^2")], id_prefix="p-")
    assert (report.read, report.kept) == (1, 1)
    pairs = PreparedSet(tmp_path / "set")
    (entry,) = pairs.entries
    assert (entry.id, entry.formula) == ("p-good", "x ^ { 2 }")
    assert report.details["formulas_changed"] == 1
    assert pairs.store.settings == PreparationSettings().to_dict()
    assert pairs.store[0].min() == 0


def test_every_bad_pair_is_named_and_the_rest_goes_on(tmp_path, folder):
    report = run(
        tmp_path,
        folder,
        [
            ("none.png", "x"),
            ("blank.png", "x"),
            ("empty.png", "x"),
            ("text.png", "x"),
            ("cut.png", "x"),
            ("wide.png", "x"),
            ("good.png", ""),
            ("good.png", "  \r "),
            ("good.png", None),
            ("", "x"),
            ("good.png", "{ a"),
            ("good.png", "x"),
            ("good.png", "y"),
        ],
    )
    assert report.read == 13
    assert report.kept == 1
    found = reasons(tmp_path)
    assert len(found) == 12
    assert found["list:1"] == "image_missing"
    assert found["list:2"] == "image_blank"
    assert found["list:6"] == "image_too_large"
    for number in (3, 4, 5):
        assert found[f"list:{number}"].startswith("image_")
    assert found["list:7"] == found["list:8"] == "formula_empty"
    assert found["list:9"] == "formula_missing"
    assert found["list:10"] == "image_missing"
    assert found["list:11"].startswith("formula_unbalanced")


def test_one_picture_listed_twice_is_kept_once(tmp_path, folder):
    report = run(tmp_path, folder, [("good.png", "x"), ("good.png", "y")])
    assert dict(report.dropped) == {"duplicate_id": 1}
    assert PreparedSet(tmp_path / "set").entries[0].formula == "x"


def test_a_reference_set_loses_no_formula(tmp_path, folder):
    report = run(tmp_path, folder, [("good.png", "{ a  b")], keep_refused=True)
    assert report.kept == 1
    assert report.details["formulas_kept_as_given"] == 1
    assert PreparedSet(tmp_path / "set").entries[0].formula == "{ a b"


def test_pages_are_scaled(tmp_path, folder):
    save(folder, "page.png", np.kron(drawing(), np.ones((2, 2), np.uint8)))
    run(tmp_path, folder, [("page.png", "x"), ("good.png", "x")], scale=1.0)
    full = PreparedSet(tmp_path / "set").entries
    run(tmp_path, folder, [("page.png", "x")], scale=0.5)
    (half,) = PreparedSet(tmp_path / "set").entries
    assert abs(half.width - full[1].width) <= 1
    assert full[0].width > 1.5 * half.width
