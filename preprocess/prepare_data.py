"""Run every step of a recipe: from formula lists and pictures to a folder that `--task im2latex` reads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex_fairseq.preparation.command_line import add_processes, make_parser, run_command
from im2latex_fairseq.preparation.pipeline import prepare_data
from im2latex_fairseq.preparation.recipe import read_recipe
from im2latex_fairseq.preparation.report import StepReport

EXAMPLES = """
  python preprocess/prepare_data.py examples/im2latex_100k/recipe.toml --data DATA --output data-bin/im2latex_100k

The recipe (TOML) names formula lists, pictures, renderings and splits; see examples/im2latex_100k/recipe.toml.
Steps that have finished are not done again; a killed run goes on where it was. OUTPUT/report.json holds all counts.
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument("recipe", type=Path, help="recipe file (.toml)")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that the recipe's paths are relative to"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to make")
    add_processes(parser)
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Run the steps; they print their reports as they finish."""
    prepare_data(
        read_recipe(arguments.recipe), arguments.data, arguments.output, processes=arguments.processes
    )
    return []


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command(command, build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
