"""Drop pairs (or formulas of a table) that are too long, too large or hold rare tokens, each with its reason."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex_fairseq.preparation.command_line import make_parser, run_command
from im2latex_fairseq.preparation.report import StepReport
from im2latex_fairseq.preparation.selection import SizeLimits
from im2latex_fairseq.preparation.selection_steps import open_source, select_rows

EXAMPLES = """
  python preprocess/filter_pairs.py work/all --max-width-px 512 --max-height-px 160 --output work/filtered
  python preprocess/filter_pairs.py work/formulas.tsv --min-tokens 3 --output work/longer.tsv
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument("input", type=Path, help="prefix of a prepared set, or a formula table")
    parser.add_argument(
        "--output", type=Path, required=True, help="prefix or table to write, of the same kind"
    )
    parser.add_argument("--min-tokens", type=int, default=1, help="shorter formulas are dropped")
    parser.add_argument(
        "--max-tokens", type=int, default=150, help="longer formulas are dropped; 0: no limit"
    )
    parser.add_argument(
        "--max-height-px", type=int, default=0, help="higher pictures are dropped; 0: no limit"
    )
    parser.add_argument("--max-width-px", type=int, default=0, help="wider pictures are dropped; 0: no limit")
    parser.add_argument(
        "--max-spaces",
        type=int,
        default=0,
        help="formulas with more spacing tokens in a row are dropped; 0: no limit",
    )
    parser.add_argument(
        "--rare-tokens",
        type=int,
        default=0,
        help="drop formulas with a token that fewer than this many hold; 0: none",
    )
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Run the step."""
    report = select_rows(
        [open_source(arguments.input)],
        arguments.output,
        step="filter_pairs",
        limits=SizeLimits(
            arguments.min_tokens,
            arguments.max_tokens or None,
            arguments.max_height_px or None,
            arguments.max_width_px or None,
            arguments.max_spaces or None,
        ),
        rare_tokens=arguments.rare_tokens,
    )
    return [report]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command(command, build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
