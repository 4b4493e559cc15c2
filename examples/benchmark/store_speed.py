"""Size and reading speed of an image store: python examples/benchmark/store_speed.py data/valid.images"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from im2latex_fairseq.data.image_store import ImageStore


def measure(path: Path, seconds: float) -> dict[str, float]:
    """Read images in random order, as training does, for about that long; one process, one thread.

    Args:
        path: The store.
        seconds: How long to read at least.

    Returns:
        "images", "bytes_per_image", "images_per_s", "pixels_per_image".
    """
    store = ImageStore(path)
    order = np.random.default_rng(1).permutation(len(store))
    done = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for index in order[: min(len(order), 2_000)]:
            store[int(index)]
        done += min(len(order), 2_000)
    return {
        "images": len(store),
        "bytes_per_image": path.stat().st_size / len(store),
        "images_per_s": done / elapsed,
        "pixels_per_image": float((store.heights * store.widths).mean()),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", type=Path, nargs="+", help="files that preprocess/ wrote")
    parser.add_argument("--seconds", type=float, default=3.0, help="reading time a store")
    arguments = parser.parse_args(argv)
    for path in arguments.stores:
        try:
            figures = measure(path, arguments.seconds)
        except (OSError, ValueError) as error:
            print(f"{parser.prog}: error: {error}", file=sys.stderr)
            return 2
        print(
            f"{path}: {figures['images']:,.0f} images of {figures['pixels_per_image']:,.0f} pixels, "
            f"{figures['bytes_per_image']:,.0f} bytes an image, {figures['images_per_s']:,.0f} images/s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
