"""Reads the two faces of IM2LATEX-100K: the release's full pages, and the pictures that im2markup's scripts drew."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

GreyImage = npt.NDArray[np.uint8]


def read_table(path: Path) -> list[tuple[str, str]]:
    r"""(image name, formula) of a TSV with a heading; rows end in ``\n`` alone."""
    rows = path.read_bytes().decode("utf-8").split("\n")[1:]
    return [(name, formula) for name, _, formula in (row.partition("\t") for row in rows if row)]


def read_release(archive: Path, samples: int, seed: int) -> list[tuple[str, GreyImage]]:
    """A random sample of the release: raw formula and its page's ink, cropped. Blank pages are left out."""
    with tarfile.open(archive) as tar:
        formulas = _member(tar, "pages/im2latex_formulas.lst").decode("latin-1").split("\n")
        rows = [
            row.split() for row in _member(tar, "pages/im2latex_train.lst").decode("ascii").split("\n") if row
        ]
        random.Random(seed).shuffle(rows)
        pairs: list[tuple[str, GreyImage]] = []
        for line, name, _ in rows:
            if len(pairs) == samples:
                break
            # Black everywhere; the picture is in the transparency.
            page = Image.open(io.BytesIO(_member(tar, f"pages/formula_images/{name}.png"))).convert("RGBA")
            cropped = crop(255 - np.asarray(page)[..., 3])
            if cropped is not None:
                pairs.append((formulas[int(line)], cropped))
    return pairs


def read_processed(table: Path, archive: Path, samples: int, seed: int) -> list[tuple[str, GreyImage]]:
    """A random sample of a split: formula and its picture, as it is (padded)."""
    rows = read_table(table)
    random.Random(seed).shuffle(rows)
    with tarfile.open(archive) as tar:
        return [
            (formula, np.asarray(Image.open(io.BytesIO(_member(tar, name))).convert("L")))
            for name, formula in rows[:samples]
        ]


def crop(image: GreyImage, threshold: int = 255) -> GreyImage | None:
    """Cut to the pixels darker than `threshold`; None if there are none."""
    rows, columns = np.flatnonzero((image < threshold).any(1)), np.flatnonzero((image < threshold).any(0))
    if not rows.size:
        return None
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise FileNotFoundError(f"{tar.name!r}: no file {name}")
    return file.read()
