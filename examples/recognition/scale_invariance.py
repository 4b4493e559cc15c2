"""Does the size of a picture matter? The same formulas at 50% to 400%, read by the recogniser.

    python examples/recognition/scale_invariance.py --data DIR [--model FILE] [--pictures drawn]

DIR holds im2latex100k/valid.tsv and valid_images.tar. The pictures of the split are resampled; with `--pictures drawn`
TeX draws each formula at each size instead. What is read at a size is compared with what is read at 100%, character
for character and in the unified form (without the braces and spaces that nobody sees), and token for token with
the reference.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.rendering.benchmark_data import crop, read_processed
from im2latex_fairseq import Recognizer
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.renderer import RenderSettings, render_formulas
from im2latex_fairseq.latex.unified_form import unified_form
from im2latex_fairseq.metrics.edit_distance import EditStatistics, edit_accuracy, edit_statistics
from im2latex_fairseq.recognition.results import Recognition

GreyImage = npt.NDArray[np.uint8]
Scale = Literal["auto"] | float | None

SIZES = (1.0, 0.5, 0.75, 1.25, 1.5, 2.0, 3.0, 4.0)


class Case(NamedTuple):
    """A formula and its picture at 100%."""

    formula: str
    picture: GreyImage


def read_cases(data: Path, count: int, seed: int) -> list[Case]:
    """A random sample of valid."""
    folder = data / "im2latex100k"
    pairs = read_processed(folder / "valid.tsv", folder / "valid_images.tar", count, seed)
    cases = []
    for formula, picture in pairs:
        cropped = crop(picture)
        assert cropped is not None, f"{formula}: a blank picture"
        cases.append(Case(formula, np.pad(cropped, 8, constant_values=255)))
    return cases


def resampled(cases: Sequence[Case], size: float) -> list[GreyImage | None]:
    """Each picture made larger or smaller, as a viewer would."""
    pictures: list[GreyImage | None] = []
    for case in cases:
        image = Image.fromarray(case.picture)
        sides = (round(image.width * size), round(image.height * size))
        pictures.append(
            case.picture if size == 1 else np.asarray(image.resize(sides, Image.Resampling.BICUBIC))
        )
    return pictures


def drawn(cases: Sequence[Case], size: float) -> list[GreyImage | None]:
    """Each formula drawn in 10 pt at 100 dpi times the size; None where TeX can't."""
    settings = RenderSettings(size_pt=10, dpi=round(100 * size), oversampling=2)
    return [result.image for result in render_formulas([case.formula for case in cases], settings)]


def read(
    recognizer: Recognizer, pictures: Sequence[GreyImage | None], beam: int, scale: Scale
) -> Iterator[Recognition | None]:
    """What is read in each picture, None where there is none or it is refused."""
    present = [picture for picture in pictures if picture is not None]
    results = iter(recognizer.predict(present, beam=beam, scale=scale, on_error="return"))
    for picture in pictures:
        result = None if picture is None else next(results)
        yield None if isinstance(result, ImageError) else result


def are_same(
    found: Sequence[Recognition | None], first: Sequence[Recognition | None], *, unified: bool
) -> npt.NDArray[np.bool_]:
    """Where both say the same; where one is refused they don't.

    Args:
        found: At a size.
        first: At 100%.
        unified: Compare the tokens in the unified form instead of the LaTeX.
    """

    def says(result: Recognition) -> str:
        return " ".join(unified_form(result.tokens)) if unified else result.latex

    pairs = zip(found, first, strict=True)
    return np.array([a is not None and b is not None and says(a) == says(b) for a, b in pairs])


def main() -> None:
    """Read, compare, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with im2latex100k/")
    parser.add_argument("--model", type=Path, help="model file or checkpoint; the package's without it")
    parser.add_argument("--formulas", type=int, default=200, help="of valid")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--pictures", choices=("resampled", "drawn"), default="resampled")
    parser.add_argument(
        "--scale", choices=("auto", "known", "none"), default="auto", help="how pictures are brought to size"
    )
    parser.add_argument("--seed", type=int, default=random.Random(1).randrange(2**31))
    arguments = parser.parse_args()
    recognizer = Recognizer.load(arguments.model)
    cases = read_cases(arguments.data, arguments.formulas, arguments.seed)
    make = resampled if arguments.pictures == "resampled" else drawn
    first: list[Recognition | None] = []
    same_at_all = np.ones(len(cases), dtype=bool)
    print("| size | same LaTeX as at 100% | unified | edit accuracy | refused | median factor |")
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        scale: Scale = {"auto": "auto", "known": 1 / size, "none": None}[arguments.scale]  # type: ignore[assignment]
        found = list(read(recognizer, make(cases, size), arguments.beam, scale))
        first = first or found
        same = are_same(found, first, unified=False)
        same_at_all &= same
        edits = EditStatistics()
        for case, result in zip(cases, found, strict=True):
            edits += edit_statistics(() if result is None else result.tokens, case.formula.split())
        factors = [result.scale for result in found if result is not None]
        print(
            f"| {size:.0%} | {same.mean():.1%} | {are_same(found, first, unified=True).mean():.1%} "
            f"| {edit_accuracy(edits):.1f} | {found.count(None)} | {np.median(factors):.2f} |",
            flush=True,
        )
    print(
        f"\nthe same at all {len(SIZES)} sizes: {same_at_all.sum()} of {len(cases)} ({same_at_all.mean():.1%})"
    )


if __name__ == "__main__":
    main()
