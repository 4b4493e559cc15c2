"""Part a prepared set (or a formula table) into splits at random, equal formulas always together."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex_fairseq.preparation.command_line import make_parser, run_command
from im2latex_fairseq.preparation.report import StepReport
from im2latex_fairseq.preparation.selection_steps import open_source, split_rows_at_random

EXAMPLES = """
  python preprocess/split_pairs.py work/all --parts train=0.9 valid=0.05 test=0.05 --output data
  python preprocess/split_pairs.py work/formulas.tsv --parts train=9 valid=1 --seed 7 --output work/parts
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument("input", type=Path, help="prefix of a prepared set, or a formula table")
    parser.add_argument(
        "--parts",
        nargs="+",
        default=["train=0.9", "valid=0.05", "test=0.05"],
        metavar="NAME=SHARE",
        help="shares; they are scaled to sum up to 1",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--output", type=Path, required=True, help="folder for the parts")
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Run the step."""
    shares: dict[str, float] = {}
    for part in arguments.parts:
        name, _, share = part.partition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            raise ValueError(f"{part!r}: write NAME=SHARE, for example train=0.9") from None
    source = open_source(arguments.input)
    suffix = ".tsv" if isinstance(source, list) else ""
    outputs = {name: arguments.output / f"{name}{suffix}" for name in shares}
    return list(split_rows_at_random(source, outputs, shares, seed=arguments.seed).values())


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command(command, build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
