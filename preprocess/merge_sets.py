"""Join several prepared sets (or several formula tables) into one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex_fairseq.preparation.command_line import make_parser, run_command
from im2latex_fairseq.preparation.report import StepReport
from im2latex_fairseq.preparation.selection_steps import open_source, select_rows

EXAMPLES = """
  python preprocess/merge_sets.py work/pages work/rendered --output data/train
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument("inputs", type=Path, nargs="+", help="prefixes of prepared sets, or formula tables")
    parser.add_argument(
        "--output", type=Path, required=True, help="prefix or table to write, of the same kind"
    )
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Run the step."""
    return [
        select_rows([open_source(path) for path in arguments.inputs], arguments.output, step="merge_sets")
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command(command, build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
