"""A folder of prepared data: its parts are checked against each other before anything is trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from im2latex_fairseq.data.image_store import ImageStoreError
from im2latex_fairseq.data.manifest import ManifestError, read_manifest, write_manifest
from im2latex_fairseq.data.prepared_split import available_splits, load_preparation, load_prepared_split
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from tests.synthetic_data import write_data

SETTINGS = PreparationSettings()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data", {"train": 4, "valid": 2})


def test_a_split(folder: Path) -> None:
    assert load_preparation(folder) == SETTINGS
    assert available_splits(folder) == ["train", "valid"]
    split = load_prepared_split(folder, "train", SETTINGS)
    assert len(split.entries) == len(split.images) == 4
    for entry, image in zip(split.entries, split.images, strict=True):
        assert image.shape == (entry.height, entry.width)


@pytest.mark.parametrize(
    "missing, message",
    [
        ("train.tsv", r"train\.tsv: no such file; .* has the splits valid"),
        ("train.images", r"train\.images: no such file; .* has the splits valid"),
    ],
)
def test_missing_parts(folder: Path, missing: str, message: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=message):
        load_prepared_split(folder, "train", SETTINGS)


def test_a_split_that_is_not_there_lists_those_that_are(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has the splits train, valid"):
        load_prepared_split(folder, "test", SETTINGS)
    (folder / "train.images").unlink()
    (folder / "valid.images").unlink()
    with pytest.raises(FileNotFoundError, match=r"\(none\)"):
        load_prepared_split(folder, "test", SETTINGS)


def test_an_empty_split(folder: Path) -> None:
    write_manifest(folder / "train.tsv", [])
    with pytest.raises(ValueError, match=r"train\.tsv: the split is empty"):
        load_prepared_split(folder, "train", SETTINGS)


def test_an_empty_file_is_no_manifest(folder: Path) -> None:
    (folder / "train.tsv").write_text("")
    with pytest.raises(ManifestError, match="empty file"):
        load_prepared_split(folder, "train", SETTINGS)


def test_a_truncated_store(folder: Path) -> None:
    path = folder / "train.images"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ImageStoreError, match="truncated"):
        load_prepared_split(folder, "train", SETTINGS)


def test_a_store_of_another_preparation_names_both_values(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"margin_px: 4 here, 9 there.*prepare the split again"):
        load_prepared_split(folder, "train", replace(SETTINGS, margin_px=9))


def test_manifest_and_store_of_different_runs(folder: Path) -> None:
    entries = read_manifest(folder / "train.tsv")
    write_manifest(folder / "train.tsv", entries[:3])
    with pytest.raises(ValueError, match=r"has 3 rows, but .* has 4 images"):
        load_prepared_split(folder, "train", SETTINGS)


def test_a_shifted_manifest_is_noticed_by_its_sizes(folder: Path) -> None:
    entries = read_manifest(folder / "train.tsv")
    wrong = replace(entries[2], width=entries[2].width + 1)
    write_manifest(folder / "train.tsv", [*entries[:2], wrong, entries[3]])
    with pytest.raises(ValueError, match=rf"row 3 \(train2\) says \d+x{wrong.width} pixels.*1 such rows"):
        load_prepared_split(folder, "train", SETTINGS)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "malformed preparation settings"),
        ("[]", "malformed preparation settings"),
        ("{}", "missing"),
        (json.dumps({**SETTINGS.to_dict(), "colour": 3}), r"unknown \['colour'\]"),
        (json.dumps({**SETTINGS.to_dict(), "margin_px": "4"}), "margin_px must be int"),
        (json.dumps({**SETTINGS.to_dict(), "version": 99}), "version must be 1"),
    ],
)
def test_malformed_settings(folder: Path, text: str, message: str) -> None:
    (folder / "preparation.json").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_preparation(folder)
    assert "preparation.json" in str(caught.value)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a folder of prepared data"):
        load_preparation(tmp_path)
