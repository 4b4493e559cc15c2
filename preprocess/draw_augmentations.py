"""Draw a contact sheet of the augmentation: pictures as they are, and as training may see them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex_fairseq.data.image_store import ImageStore
from im2latex_fairseq.images.augment import AUGMENT_PRESETS, AugmentSettings
from im2latex_fairseq.images.contact_sheet import draw_contact_sheet
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.images.transforms import PreparationSettings, prepare
from im2latex_fairseq.preparation.command_line import make_parser, run_command
from im2latex_fairseq.preparation.report import StepReport

EXAMPLES = """
  python preprocess/draw_augmentations.py data/train.images --augment standard --output sheet.png
  python preprocess/draw_augmentations.py a.png b.jpg --augment rotation=2,blur=0.5 --output sheet.png
  python preprocess/draw_augmentations.py page.png --scale 0.5 --augment heavy --seed 7 --output sheet.png
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument("inputs", nargs="+", help="picture files, or stores (*.images) to draw pictures from")
    parser.add_argument("--output", type=Path, required=True, help="file to write, PNG or JPEG by its ending")
    parser.add_argument(
        "--augment",
        default="standard",
        help=f"preset ({', '.join(AUGMENT_PRESETS)}), name=number pairs, or both, separated by commas",
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same sheet")
    parser.add_argument("--count", type=int, default=10, help="pictures drawn at random from each store")
    parser.add_argument("--variants", type=int, default=5, help="distorted copies of each picture")
    parser.add_argument("--scale", type=float, default=1.0, help="factor for picture files (not for stores)")
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Draw the sheet."""
    if arguments.seed < 0 or arguments.count < 1:
        raise ValueError(f"--seed {arguments.seed} --count {arguments.count}: a seed from 0, a count from 1")
    settings = AugmentSettings.from_string(arguments.augment)
    pictures: list[NDArray[np.uint8]] = []
    for path in arguments.inputs:
        if path.endswith(".images"):
            pictures += _draw_from_store(path, arguments.count, arguments.seed)
        else:
            pictures += _read_file(path, arguments.scale)
    if not pictures:
        raise ValueError("no picture could be used, so there is nothing to draw")
    title = f"{arguments.augment}, seed {arguments.seed}"
    sheet = draw_contact_sheet(
        pictures, settings, seed=arguments.seed, variants=arguments.variants, title=title
    )
    Image.fromarray(sheet).save(arguments.output)
    print(f"{arguments.output}: {len(pictures)} pictures, {arguments.variants} variants each ({title})")
    return []


def _draw_from_store(path: str, count: int, seed: int) -> list[NDArray[np.uint8]]:
    store = ImageStore(path)
    chosen = np.random.default_rng(seed).permutation(len(store))[:count]
    return [store[int(index)] for index in sorted(chosen)]


def _read_file(path: str, scale: float) -> list[NDArray[np.uint8]]:
    try:
        return [prepare(load_image(path), PreparationSettings(), scale=scale)]
    except ImageError as error:
        name = "" if path in str(error) else f"{path}: "
        print(f"left out ({error.reason}): {name}{error}", file=sys.stderr)
        return []


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command(command, build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
