"""How sure a model is of pictures that hold no formula: words, noise, circles, shades.

    python -m examples.calibration.foreign_pictures --model MODEL --calibration OUT/calibration.json

Prints a table: what its calibrated confidences should do is stay near 0. Blank pictures aren't among them, since the
package refuses those before a model sees them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from im2latex_fairseq.decoding.confidence import Calibration
from im2latex_fairseq.recognition.recognizer import Recognizer

_SIZE = (300, 48)  # PIL's: width, height
_WORDS = (
    "The quick brown fox jumps over",
    "Hello, world! This is a sentence.",
    "Invoice No. 2041, due on Friday",
    "lorem ipsum dolor sit amet",
    "Figure 3: results of the survey",
)


def foreign_pictures(count: int, seed: int) -> dict[str, list[Image.Image]]:
    """Pictures by what they show; the same seed draws the same.

    Args:
        count: Of each kind.
        seed: Of all that is random.
    """
    random = np.random.default_rng(seed)
    return {
        "words": [_words(number, random) for number in range(count)],
        "black dots": [_dots(random) for _ in range(count)],
        "grey noise": [_noise(random) for _ in range(count)],
        "circles": [_circles(random) for _ in range(count)],
        "strokes": [_strokes(random) for _ in range(count)],
        "shades": [_shades(random) for _ in range(count)],
    }


def table(confidences: Mapping[str, Sequence[float]]) -> str:
    """Markdown: the median and the greatest confidence of each kind."""
    lines = ["| pictures of | number | median confidence | greatest |", "|---|---:|---:|---:|"]
    for kind, values in confidences.items():
        lines.append(f"| {kind} | {len(values)} | {np.median(values):.3f} | {max(values):.3f} |")
    return "\n".join(lines)


def _words(number: int, random: np.random.Generator) -> Image.Image:
    picture = Image.new("L", _SIZE, 255)
    size = int(random.integers(13, 20))
    font = ImageFont.load_default(size)
    ImageDraw.Draw(picture).text((6, 10), _WORDS[number % len(_WORDS)], fill=0, font=font)
    return picture


def _dots(random: np.random.Generator) -> Image.Image:
    is_black = random.random(_SIZE[::-1]) < random.uniform(0.01, 0.5)
    return Image.fromarray(np.where(is_black, 0, 255).astype(np.uint8))


def _noise(random: np.random.Generator) -> Image.Image:
    return Image.fromarray(random.integers(0, 256, _SIZE[::-1]).astype(np.uint8))


def _circles(random: np.random.Generator) -> Image.Image:
    picture = Image.new("L", _SIZE, 255)
    for _ in range(8):
        x, y, radius = (int(value) for value in random.integers((0, 0, 4), (_SIZE[0], _SIZE[1], 20)))
        ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), outline=0)
    return picture


def _strokes(random: np.random.Generator) -> Image.Image:
    picture = Image.new("L", _SIZE, 255)
    for _ in range(8):
        ends = [(int(random.integers(_SIZE[0])), int(random.integers(_SIZE[1]))) for _ in range(2)]
        ImageDraw.Draw(picture).line(ends, fill=0)
    return picture


def _shades(random: np.random.Generator) -> Image.Image:
    across, down = random.uniform(3, 9, 2)
    x, y = np.linspace(0, across, _SIZE[0]), np.linspace(0, down, _SIZE[1])
    return Image.fromarray((127 + 120 * np.sin(x)[None, :] * np.cos(y)[:, None]).astype(np.uint8))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Confidences of pictures that hold no formula.")
    parser.add_argument("--model", type=Path, help="model file or checkpoint (default: the one shipped)")
    parser.add_argument("--calibration", type=Path, help="calibration.json (default: the model's own)")
    parser.add_argument("--count", type=int, default=5, help="pictures of each kind (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="of the drawing (default 1)")
    options = parser.parse_args(arguments)
    if options.count < 1:
        parser.error(f"--count must be at least 1, got {options.count}")
    try:
        recognizer = Recognizer.load(options.model)
        if options.calibration is not None:
            content = json.loads(options.calibration.read_text(encoding="utf-8"))
            recognizer.calibration = Calibration.from_dict(content)
        found = {}
        for kind, pictures in foreign_pictures(options.count, options.seed).items():
            found[kind] = [read.confidence for read in recognizer.predict((*pictures,), scale=1.0)]
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(table(found))


if __name__ == "__main__":
    main()
