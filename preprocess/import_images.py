"""Import existing pictures of formulas into a prepared set: OUTPUT.tsv (manifest) and OUTPUT.images (store)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex_fairseq.preparation.command_line import (
    add_preparation,
    add_processes,
    make_parser,
    preparation_of,
    run_command,
)
from im2latex_fairseq.preparation.image_files import ImageFiles
from im2latex_fairseq.preparation.image_import import import_images
from im2latex_fairseq.preparation.image_layouts import (
    read_im2markup_layout,
    read_pair_table,
    read_parallel_lists,
    read_release_layout,
)
from im2latex_fairseq.preparation.report import StepReport

EXAMPLES = """
  # the release of IM2LATEX-100K: full pages at 200 dpi, hence --scale 0.5
  python preprocess/import_images.py release pages.tar --split train --scale 0.5 --output work/pages
  # im2markup's processed form
  python preprocess/import_images.py im2markup images_processed --formulas formulas.norm.lst \\
      --image-list validate_filter.lst --keep-refused --output work/valid
  # a table with the columns image and formula (.csv, or tab-separated)
  python preprocess/import_images.py table valid_images.tar --table valid.tsv --keep-refused --output work/valid
  # two lists of equal length
  python preprocess/import_images.py lists images/ --formulas formulas.txt --image-list names.txt --output work/own

IMAGES is a folder or an uncompressed .tar. Pictures should show text of 10 to 12 pt at about 100 dpi once scaled.
What can't be used goes to OUTPUT.rejects.tsv, each with its reason.
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument(
        "layout", choices=("release", "im2markup", "table", "lists"), help="how they are listed"
    )
    parser.add_argument("images", type=Path, help="folder or .tar of the pictures (release: of everything)")
    parser.add_argument("--output", type=Path, required=True, help="prefix of the set to write")
    parser.add_argument("--split", default="train", help="release: train, validate or test")
    parser.add_argument("--table", type=Path, help="table: the .csv or tab-separated file")
    parser.add_argument("--image-column", default="image", help="table: column of the image names")
    parser.add_argument("--formula-column", default="formula", help="table: column of the formulas")
    parser.add_argument("--formulas", type=Path, help="im2markup, lists: the formulas, one a line")
    parser.add_argument("--image-list", type=Path, help="im2markup, lists: the images, one a line")
    parser.add_argument("--encoding", default="utf-8", help="of the formulas (release: always ISO-8859-1)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor for both sides; 0.5 for 200 dpi")
    parser.add_argument(
        "--keep-refused", action="store_true", help="keep formulas that can't be normalised as given"
    )
    parser.add_argument("--id-prefix", default="", help="start of the ids; the rest is the image's name")
    parser.add_argument("--shard-size", type=int, default=500, help="pairs a shard")
    add_processes(parser)
    add_preparation(parser)
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Run the step."""
    files = ImageFiles(arguments.images)
    if arguments.layout == "release":
        pairs = read_release_layout(files, arguments.split)
    elif arguments.layout == "table":
        pairs = read_pair_table(
            _needed(arguments, "table"),
            image_column=arguments.image_column,
            formula_column=arguments.formula_column,
            encoding=arguments.encoding,
        )
    else:
        read = read_im2markup_layout if arguments.layout == "im2markup" else read_parallel_lists
        pairs = read(
            _needed(arguments, "formulas"), _needed(arguments, "image_list"), encoding=arguments.encoding
        )
    report = import_images(
        arguments.output,
        pairs,
        files,
        settings=preparation_of(arguments),
        scale=arguments.scale,
        id_prefix=arguments.id_prefix,
        keep_refused=arguments.keep_refused,
        processes=arguments.processes,
        shard_size=arguments.shard_size,
    )
    return [report]


def _needed(arguments: argparse.Namespace, name: str) -> Path:
    value: Path | None = getattr(arguments, name)
    if value is None:
        raise ValueError(f"layout {arguments.layout} needs --{name.replace('_', '-')}")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command(command, build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
