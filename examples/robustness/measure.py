"""How a model reads formulas in other faces, at other resolutions, and in pictures that went through something.

    python -m examples.robustness.measure --data DATA --formulas 500 --json robustness.json --markdown robustness.md
    python -m examples.robustness.measure --formulas 20 --conditions face,jpeg30      # formulas of its own, small

With --data, a folder that holds im2latex100k/valid.tsv and valid_images.tar, the given pictures are those of the
validate split; without it, the formulas of formulas.txt beside this file, drawn.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from examples.rendering.benchmark_data import read_processed
from examples.robustness.conditions import conditions_called
from examples.robustness.matrix import Draw, Read, Reader, Sample, markdown, measure
from im2latex_fairseq.data.atomic_file import write_json_atomically, write_text_atomically
from im2latex_fairseq.images import mathtext_renderer, renderer
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.normalizer import normalize

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from im2latex_fairseq.recognition.options import OptionFields, Scale
    from im2latex_fairseq.recognition.recognizer import Recognizer

FORMULAS = Path(__file__).with_name("formulas.txt")


def renderer_called(name: str) -> Draw:
    """What draws: "tex", "mathtext", or "auto", which is TeX where it is installed."""
    if name == "auto":
        name = "tex" if renderer.tex_available() else "mathtext"
    return renderer.render_formulas if name == "tex" else mathtext_renderer.render_formulas


def samples_of_split(data: Path, count: int, seed: int) -> list[Sample]:
    """Formulas and pictures of the validate split, drawn by the seed."""
    folder = data / "im2latex100k"
    pairs = read_processed(folder / "valid.tsv", folder / "valid_images.tar", count, seed)
    return [Sample(f"valid_{n}", _normal(formula), image) for n, (formula, image) in enumerate(pairs)]


def samples_of_lines(path: Path, count: int, seed: int, draw: Draw) -> list[Sample]:
    """Formulas of a file, one a line, drawn as the pictures of the split are.

    Raises:
        ValueError: None can be drawn.
    """
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    random.Random(seed).shuffle(lines)
    results = draw(lines[:count], renderer.PROCESSED_FACE)
    samples = [
        Sample(f"line_{n}", _normal(line), result.image)
        for n, (line, result) in enumerate(zip(lines, results, strict=False))
        if result.image is not None
    ]
    if not samples:
        raise ValueError(f"{path}: none of its formulas can be drawn")
    return samples


def reader_of(recognizer: Recognizer, **options: Unpack[OptionFields]) -> Reader:
    """The model as a user calls it: the size of the text is its own to find, unless an option says it."""

    def read(files: Sequence[bytes]) -> list[Read | None]:
        found = recognizer.predict(list(files), on_error="return", **options)
        return [
            None if isinstance(one, ImageError) else Read(" ".join(one.tokens), one.scale) for one in found
        ]

    return read


def _scale(text: str) -> Scale:
    return "auto" if text == "auto" else float(text)


def _normal(formula: str) -> str:
    try:
        return " ".join(normalize(formula))
    except LatexError:
        return formula


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of the benchmark (default: formulas of its own)")
    parser.add_argument("--formulas", type=int, default=500, help="how many, at random (default 500)")
    parser.add_argument("--seed", type=int, default=1, help="of the draw, noise and turning (default 1)")
    parser.add_argument("--model", type=Path, help="model file or checkpoint (default: the package's own)")
    parser.add_argument("--conditions", default="all", help="names or groups, parted by commas (default all)")
    parser.add_argument("--beam", type=int, default=5, help="hypotheses kept (default 5)")
    parser.add_argument("--scale", type=_scale, default="auto", help="of all pictures (default auto: found)")
    parser.add_argument("--batch-size", type=int, default=32, help="pictures decoded together (default 32)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: torch's choice)")
    parser.add_argument("--renderer", choices=("auto", "tex", "mathtext"), default="auto", help="what draws")
    parser.add_argument("--json", type=Path, help="also write the matrix to this file")
    parser.add_argument("--markdown", type=Path, help="also write the table to this file")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    from im2latex_fairseq.recognition.recognizer import Recognizer

    try:
        if options.formulas < 1:
            raise ValueError(f"--formulas must be at least 1, got {options.formulas}")
        conditions = conditions_called(options.conditions)
        recognizer = Recognizer.load(options.model, threads=options.threads)
        draw = renderer_called(options.renderer)
        if options.data is not None:
            samples = samples_of_split(options.data, options.formulas, options.seed)
        else:
            samples = samples_of_lines(FORMULAS, options.formulas, options.seed, draw)
        matrix = measure(
            samples,
            conditions,
            reader_of(recognizer, beam=options.beam, batch_size=options.batch_size, scale=options.scale),
            draw,
            seed=options.seed,
            say=partial(print, file=sys.stderr, flush=True),
        )
    except (OSError, ValueError, renderer.RenderError) as error:
        parser.error(str(error))
    table = markdown(matrix)
    settings = {
        "pictures": "im2latex100k valid" if options.data is not None else "own formulas",
        "seed": options.seed,
        "beam": options.beam,
        "scale": options.scale,
    }
    if options.json is not None:
        write_json_atomically(options.json, {**settings, **matrix.to_dict()})
    if options.markdown is not None:
        write_text_atomically(options.markdown, table + "\n")
    print(table)


if __name__ == "__main__":
    main()
