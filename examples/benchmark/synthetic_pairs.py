"""Pictures and formulas of the benchmark's sizes that mean nothing: enough to time training with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from im2latex_fairseq.data.image_store import ImageStoreWriter
from im2latex_fairseq.data.manifest import make_entry, write_manifest
from im2latex_fairseq.images.preparation_settings import PreparationSettings

TOKEN_COUNT = 400


def write_synthetic_pairs(folder: Path, pairs: int, seed: int = 1) -> Path:
    """Write a data folder with a split `train`.

    Widths, heights and token counts are drawn to resemble the train split of IM2LATEX-100K: 96 to 480 pixels wide,
    24 to 96 high, about a token for each 6 pixels.

    Args:
        folder: Made if it isn't there.
        pairs: How many.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    settings = PreparationSettings().to_dict()
    tokens = [f"t{number}" for number in range(TOKEN_COUNT)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dict.txt").write_text("".join(f"{token} 1\n" for token in tokens), encoding="utf-8")
    (folder / "preparation.json").write_text(json.dumps(settings), encoding="utf-8")
    entries = []
    with ImageStoreWriter(folder / "train.images", settings) as store:
        for number in range(pairs):
            width = int(np.clip(rng.normal(290, 100), 96, 480))
            height = int(np.clip(rng.gamma(6.0, 7.0), 24, 96))
            image = np.full((height, width), 255, dtype=np.uint8)
            for _ in range(width // 8):  # short strokes, so that the store compresses them as it does print
                y, x = rng.integers(0, height - 6), rng.integers(0, width - 6)
                image[y : y + rng.integers(1, 7), x : x + rng.integers(1, 7)] = 0
            store.add(image)
            length = int(np.clip(width / 6 + rng.normal(0, 12), 4, 150))
            formula = " ".join(tokens[i] for i in rng.integers(0, TOKEN_COUNT, length))
            entries.append(make_entry(f"s{number}", image.shape, formula))
    write_manifest(folder / "train.tsv", entries)
    return folder
