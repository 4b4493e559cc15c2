"""How close the renderer comes to the real pictures of IM2LATEX-100K, in both of their faces.

    python examples/rendering/compare_with_release.py --data DIR

DIR holds im2latex100k/. Prints a table: for each way of drawing, how many formulas were drawn, how many pictures have
the size of the real one exactly and within one pixel, and how far the pixels are apart after alignment.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.rendering.benchmark_data import GreyImage, crop, read_processed, read_release
from im2latex_fairseq.images.renderer import (
    PROCESSED_FACE,
    RELEASE_FACE,
    RELEASE_FACE_HALVED,
    RenderSettings,
    render_formulas,
)

# Lanczos leaves greys down to 250 around the ink: below this is ink.
PROCESSED_INK = 200
MAX_SHIFT_PX = 2


@dataclass(frozen=True)
class Closeness:
    """How close drawn pictures come to real ones.

    Attributes:
        compared: Pairs with a drawn picture.
        same_size: Share whose cropped sizes are equal.
        within_one: Share whose height and width differ by a pixel at most.
        mean_difference: Mean over pairs of the mean absolute difference of pixels (0 to 255) over the box, at the
            best shift of up to 2 pixels; pairs more than 2 pixels apart in size are left out.
        relative_difference: The same sum, divided by the ink of the real picture: 2 if nothing coincides.
        ink: Ink of the drawn pictures over that of the real ones.
    """

    compared: int
    same_size: float
    within_one: float
    mean_difference: float
    relative_difference: float
    ink: float


def difference_when_aligned(real: GreyImage, drawn: GreyImage) -> float:
    """Smallest sum of absolute differences over all shifts of `drawn` by up to `MAX_SHIFT_PX`."""
    height = max(real.shape[0], drawn.shape[0]) + 2 * MAX_SHIFT_PX
    width = max(real.shape[1], drawn.shape[1]) + 2 * MAX_SHIFT_PX
    canvas = _place(real, height, width, MAX_SHIFT_PX, MAX_SHIFT_PX)
    return min(
        float(np.abs(canvas - _place(drawn, height, width, top, left)).sum())
        for top in range(2 * MAX_SHIFT_PX + 1)
        for left in range(2 * MAX_SHIFT_PX + 1)
    )


def _place(image: GreyImage, height: int, width: int, top: int, left: int) -> npt.NDArray[np.float32]:
    """Ink of `image` on blank paper (height, width)."""
    top, left = min(top, height - image.shape[0]), min(left, width - image.shape[1])
    canvas = np.zeros((height, width), dtype=np.float32)
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = 255.0 - image
    return canvas


def best_phase(real: GreyImage, fine: GreyImage, factor: int) -> GreyImage:
    """Average `factor` x `factor` pixels of `fine` from that starting point which comes closest to `real`.

    Where the ink lies between the pixels of the page is an accident of the page; this takes it out of the comparison.
    """
    best: tuple[float, GreyImage] | None = None
    for top in range(factor):
        for left in range(factor):
            height, width = -(-(fine.shape[0] + top) // factor), -(-(fine.shape[1] + left) // factor)
            padded = np.full((height * factor, width * factor), 255, dtype=np.uint8)
            padded[top : top + fine.shape[0], left : left + fine.shape[1]] = fine
            reduced = np.rint(padded.reshape(height, factor, width, factor).mean(axis=(1, 3))).astype(
                np.uint8
            )
            if max(abs(height - real.shape[0]), abs(width - real.shape[1])) > MAX_SHIFT_PX:
                continue
            difference = difference_when_aligned(real, reduced)
            if best is None or difference < best[0]:
                best = difference, reduced
    return fine if best is None else best[1]


def halve(image: GreyImage) -> GreyImage:
    """Average 2 x 2 pixels."""
    height, width = (-(-side // 2) for side in image.shape)
    padded = np.full((2 * height, 2 * width), 255, dtype=np.uint8)
    padded[: image.shape[0], : image.shape[1]] = image
    halved: GreyImage = np.rint(padded.reshape(height, 2, width, 2).mean(axis=(1, 3))).astype(np.uint8)
    return halved


def measure(real: Sequence[GreyImage], drawn: Sequence[GreyImage | None], threshold: int) -> Closeness:
    """Compare picture by picture, both cropped at `threshold`."""
    pairs = [
        (first, second)
        for first, second in (
            (crop(one, threshold), None if other is None else crop(other, threshold))
            for one, other in zip(real, drawn, strict=True)
        )
        if first is not None and second is not None
    ]
    gaps = [max(abs(a.shape[0] - b.shape[0]), abs(a.shape[1] - b.shape[1])) for a, b in pairs]
    near = [pair for pair, gap in zip(pairs, gaps, strict=True) if gap <= MAX_SHIFT_PX]
    sums = [difference_when_aligned(one, other) for one, other in near]
    inks = [(255.0 - one).sum() for one, _ in near]
    return Closeness(
        compared=len(pairs),
        same_size=float(np.mean([gap == 0 for gap in gaps])),
        within_one=float(np.mean([gap <= 1 for gap in gaps])),
        mean_difference=float(
            np.mean([total / pair[0].size for total, pair in zip(sums, near, strict=True)])
        ),
        relative_difference=float(np.mean([total / ink for total, ink in zip(sums, inks, strict=True)])),
        ink=float(np.mean([(255.0 - other).sum() / ink for (_, other), ink in zip(near, inks, strict=True)])),
    )


def _print_best_phase(pairs: Sequence[tuple[str, GreyImage]]) -> None:
    results = render_formulas([formula for formula, _ in pairs], RenderSettings(dpi=800))
    cropped = [None if result.image is None else crop(result.image) for result in results]
    drawn = [
        None if fine is None else best_phase(image, fine, 4)
        for (_, image), fine in zip(pairs, cropped, strict=True)
    ]
    found = measure([image for _, image in pairs], drawn, 255)
    _print_row("release, 200 dpi", "oversampling 4, best grid phase", found, len(pairs))


def _print_row(label: str, name: str, found: Closeness, total: int) -> None:
    print(
        f"| {label} | {name} | {found.compared} of {total} | {found.same_size:.1%} | {found.within_one:.1%} "
        f"| {found.mean_difference:.1f} | {found.relative_difference:.2f} | {found.ink:.2f} |",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds im2latex100k/")
    parser.add_argument(
        "--samples", type=int, default=400, help="pictures of each face (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = arguments.data / "im2latex100k"
    release = read_release(folder / "pages.tar", arguments.samples, arguments.seed)
    halved = [(formula, halve(image)) for formula, image in release]
    processed = read_processed(
        folder / "train.tsv", folder / "train_images.tar", arguments.samples, arguments.seed
    )
    plain_release = RenderSettings(size_pt=12, dpi=200)
    plain_processed = RenderSettings(size_pt=10, dpi=100, oversampling=2)
    rows: list[tuple[str, str, list[tuple[str, GreyImage]], RenderSettings, int]] = [
        ("release, 200 dpi", "RELEASE_FACE", release, RELEASE_FACE, 255),
        ("release, 200 dpi", "without oversampling", release, plain_release, 255),
        ("release, halved", "RELEASE_FACE_HALVED", halved, RELEASE_FACE_HALVED, 255),
        ("processed (train)", "PROCESSED_FACE", processed, PROCESSED_FACE, PROCESSED_INK),
        (
            "processed (train)",
            "with oversampling 4",
            processed,
            replace(PROCESSED_FACE, oversampling=4),
            PROCESSED_INK,
        ),
        ("processed (train)", "10 pt, averaged, no bold", processed, plain_processed, PROCESSED_INK),
    ]
    print(
        "| real pictures | drawn with | drawn | same size | within 1 px | mean difference | of the ink | ink |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for label, name, pairs, settings, threshold in rows:
        results = render_formulas([formula for formula, _ in pairs], settings)
        found = measure([image for _, image in pairs], [result.image for result in results], threshold)
        _print_row(label, name, found, len(pairs))
        if settings is RELEASE_FACE:
            _print_best_phase(pairs[: arguments.samples // 4])
        reasons = Counter(result.reason for result in results if result.reason)
        if reasons:
            print(f"not drawn: {dict(reasons)}", file=sys.stderr)


if __name__ == "__main__":
    main()
