"""A folder of prepared data: preparation settings, and manifest and store of each split, checked against each other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path

import numpy as np

from im2latex_fairseq.data.image_store import ImageStore
from im2latex_fairseq.data.manifest import ManifestEntry, read_manifest
from im2latex_fairseq.images.preparation_settings import PreparationSettings

PREPARATION_FILE = "preparation.json"


@dataclass(frozen=True)
class PreparedSplit:
    """Row i of the manifest is image i of the store."""

    entries: list[ManifestEntry]
    images: ImageStore


def load_preparation(folder: Path) -> PreparationSettings:
    """Read how the images of a data folder were prepared.

    Raises:
        FileNotFoundError: There is no such folder, or no settings in it.
        ValueError: The settings are malformed.
    """
    path = folder / PREPARATION_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no preparation settings; {folder} is not a folder of prepared data "
            "(preprocess/prepare_data.py makes one)"
        )
    try:
        return PreparationSettings.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: malformed preparation settings: {error}") from error


def available_splits(folder: Path) -> list[str]:
    """The splits that have both a manifest and a store, sorted."""
    return sorted(path.stem for path in folder.glob("*.tsv") if path.with_suffix(".images").is_file())


def parts_of_split(folder: Path, split: str) -> list[str]:
    """The names under which fairseq's users keep the parts of a split: `valid`, then `valid1`, `valid2`, ..."""
    numbered = (f"{split}{number}" for number in count(1))
    return [split, *takewhile(lambda name: (folder / f"{name}.tsv").is_file(), numbered)]


def load_prepared_split(folder: Path, split: str, preparation: PreparationSettings) -> PreparedSplit:
    """Open a split and check that its parts belong together.

    Args:
        folder: Of prepared data.
        split: For example `train`.
        preparation: The settings that its images must have been prepared with.

    Raises:
        FileNotFoundError: The manifest or the store is missing.
        ValueError: The split is empty; manifest and store differ in number or sizes; or the store was
            prepared with other settings. The message says what was seen and what to do.
    """
    manifest_path, store_path = folder / f"{split}.tsv", folder / f"{split}.images"
    for path in (manifest_path, store_path):
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: no such file; {folder} has the splits {', '.join(available_splits(folder)) or '(none)'}"
            )
    entries = read_manifest(manifest_path)
    if not entries:
        raise ValueError(f"{manifest_path}: the split is empty; prepare it again")
    images = ImageStore(store_path)
    differences = PreparationSettings.from_dict(images.settings).difference(preparation)
    if differences:
        raise ValueError(
            f"{store_path} was prepared with other settings than {folder / PREPARATION_FILE} says "
            f"(store, then folder): {'; '.join(differences)}; prepare the split again"
        )
    if len(images) != len(entries):
        raise ValueError(
            f"{manifest_path} has {len(entries)} rows, but {store_path} has {len(images)} images; "
            "they belong to different runs, prepare the split again"
        )
    rows = np.array([(entry.height, entry.width) for entry in entries])
    wrong = np.flatnonzero((rows[:, 0] != images.heights) | (rows[:, 1] != images.widths))
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"{manifest_path}: row {row + 1} ({entries[row].id}) says {rows[row, 0]}x{rows[row, 1]} pixels, but image "
            f"{row} of {store_path} has {images.heights[row]}x{images.widths[row]} ({len(wrong)} such rows); "
            "they belong to different runs, prepare the split again"
        )
    return PreparedSplit(entries, images)
