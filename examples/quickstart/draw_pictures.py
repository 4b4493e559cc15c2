"""Draws the sample pictures of the quickstart from their formulas, by TeX.

python -m examples.quickstart.draw_pictures
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from PIL import Image

from im2latex_fairseq.images.renderer import RELEASE_FACE_HALVED, render_formulas

PICTURES = Path(__file__).parent / "pictures"
FORMULAS = PICTURES / "formulas.tsv"


def read_formulas(path: Path = FORMULAS) -> dict[str, str]:
    """Name of a picture -> its formula."""
    with open(path, encoding="utf-8", newline="") as file:
        return {
            row["id"]: row["formula"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        }


def main() -> int:
    """Draw them; the status is 1 if TeX refused one."""
    formulas = read_formulas()
    failed = 0
    for name, result in zip(
        formulas, render_formulas(list(formulas.values()), RELEASE_FACE_HALVED), strict=True
    ):
        if result.image is None:
            failed += 1
            print(f"{name}: {result.error}", file=sys.stderr)
        else:
            Image.fromarray(result.image).save(PICTURES / name, optimize=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
