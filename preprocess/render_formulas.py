"""Render a table of normalised formulas into a prepared set: OUTPUT.tsv (manifest) and OUTPUT.images (store)."""

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
from im2latex_fairseq.preparation.formula_table import read_formula_table
from im2latex_fairseq.preparation.rendering import ENGINES, parse_looks, render_set
from im2latex_fairseq.preparation.report import StepReport

EXAMPLES = """
  python preprocess/render_formulas.py work/formulas.tsv --output work/rendered
  python preprocess/render_formulas.py work/formulas.tsv --looks release=1 processed=1 --copies 2 --output work/both
  python preprocess/render_formulas.py work/formulas.tsv --looks release=5 processed=4 other=1 --output work/mix

Looks: release (the pages of IM2LATEX-100K), processed (its processed pictures), other (seven further faces), or the
name of a face of the renderer. A killed run goes on where it was when it is started again.
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument("table", type=Path, help="formula table that normalize_formulas.py wrote")
    parser.add_argument("--output", type=Path, required=True, help="prefix of the set to write")
    parser.add_argument(
        "--looks", nargs="+", default=["release=1"], metavar="LOOK=WEIGHT", help="mix to draw from, by weight"
    )
    parser.add_argument("--copies", type=int, default=1, help="different looks a formula")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of looks")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="auto: TeX where it is installed")
    parser.add_argument("--shard-size", type=int, default=1_000, help="pictures a shard")
    parser.add_argument("--timeout-s", type=float, default=3.0, help="time limit of one TeX run")
    parser.add_argument("--batch-size", type=int, default=200, help="formulas a TeX run")
    add_processes(parser)
    add_preparation(parser)
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Run the step."""
    report = render_set(
        arguments.output,
        read_formula_table(arguments.table),
        parse_looks(parse_weights(arguments.looks)),
        settings=preparation_of(arguments),
        copies=arguments.copies,
        seed=arguments.seed,
        engine=arguments.engine,
        processes=arguments.processes,
        shard_size=arguments.shard_size,
        timeout_s=arguments.timeout_s,
        batch_size=arguments.batch_size,
    )
    return [report]


def parse_weights(arguments: Sequence[str]) -> dict[str, float]:
    """NAME=WEIGHT arguments (a bare NAME weighs 1) as a mapping."""
    weights: dict[str, float] = {}
    for argument in arguments:
        name, _, weight = argument.partition("=")
        if name in weights:
            raise ValueError(f"{name!r} is given twice")
        try:
            weights[name] = float(weight) if weight else 1.0
        except ValueError:
            raise ValueError(f"{argument!r}: {weight!r} is no number; write NAME=WEIGHT") from None
    return weights


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command(command, build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
