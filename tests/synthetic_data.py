"""Small folders of prepared data for the tests: pictures drawn with Pillow, no TeX."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from im2latex_fairseq.data.image_store import ImageStoreWriter
from im2latex_fairseq.data.manifest import make_entry, write_manifest
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.images.transforms import prepare

LETTERS = "abcxyz"
DIGITS = "123"
TOKENS = [*LETTERS, *DIGITS, "+", "=", "^", "{", "}"]


def random_formula(rng: np.random.Generator, terms: int) -> list[str]:
    """Terms such as `x` or `x ^ { 2 }`, joined by signs."""
    tokens: list[str] = []
    for term in range(terms):
        if term:
            tokens.append("+="[int(rng.integers(2))])
        tokens.append(LETTERS[int(rng.integers(len(LETTERS)))])
        if rng.random() < 0.4:
            tokens += ["^", "{", DIGITS[int(rng.integers(len(DIGITS)))], "}"]
    return tokens


def draw_formula(tokens: Iterable[str]) -> np.ndarray:
    """Draw tokens in a row, scripts raised: (H, W) uint8, 0 = ink, 255 = paper, not prepared yet."""
    image = Image.new("L", (400, 60), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default()
    x, y = 20.0, 30
    for token in tokens:
        if token == "^":
            y = 22
        elif token == "}":
            y = 30
        elif token != "{":
            draw.text((x, y), token, fill=0, font=font)
            x += draw.textlength(token, font=font) + 2
    return np.asarray(image)


def write_split(folder: Path, split: str, formulas: list[list[str]], settings: PreparationSettings) -> None:
    """Draw, prepare and store formulas as `split.tsv` and `split.images`."""
    entries = []
    with ImageStoreWriter(folder / f"{split}.images", settings.to_dict()) as store:
        for number, tokens in enumerate(formulas):
            image = prepare(draw_formula(tokens), settings)
            store.add(image)
            entries.append(make_entry(f"{split}{number}", image.shape, " ".join(tokens)))
    write_manifest(folder / f"{split}.tsv", entries)


def write_data(
    folder: Path,
    sizes: dict[str, int],
    *,
    settings: PreparationSettings | None = None,
    tokens: Iterable[str] = TOKENS,
    seed: int = 1,
) -> Path:
    """Write a folder of prepared data.

    Args:
        folder: Made if it isn't there.
        sizes: Number of pairs of each split.
        settings: Of the preparation; the defaults if None.
        tokens: Of the dictionary.
        seed: Of the formulas.
    """
    settings = settings if settings is not None else PreparationSettings()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dict.txt").write_text("".join(f"{token} 9\n" for token in tokens), encoding="utf-8")
    (folder / "preparation.json").write_text(json.dumps(settings.to_dict()), encoding="utf-8")
    rng = np.random.default_rng(seed)
    for split, size in sizes.items():
        formulas = [random_formula(rng, int(rng.integers(1, 5))) for _ in range(size)]
        write_split(folder, split, formulas, settings)
    return folder
