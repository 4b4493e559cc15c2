"""Remove from a set (or formula table) whatever equals a formula of other ones, such as valid and test.

Formulas are compared without spaces, braces, fonts, spacing and sizing commands.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex_fairseq.preparation.command_line import make_parser, run_command
from im2latex_fairseq.preparation.report import StepReport
from im2latex_fairseq.preparation.selection import comparison_keys
from im2latex_fairseq.preparation.selection_steps import open_source, rows_of, select_rows

EXAMPLES = """
  python preprocess/remove_duplicates.py work/train --not-in work/valid work/test --output data/train
  python preprocess/remove_duplicates.py work/formulas.tsv --not-in work/valid --unique --output work/fresh.tsv
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument("input", type=Path, help="prefix of a prepared set, or a formula table")
    parser.add_argument(
        "--not-in", type=Path, nargs="*", default=[], help="sets or tables whose formulas must go"
    )
    parser.add_argument(
        "--unique", action="store_true", help="of equal formulas within the input keep the first"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="prefix or table to write, of the same kind"
    )
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Run the step."""
    if not arguments.not_in and not arguments.unique:
        raise ValueError("nothing to do: name sets by --not-in, or ask for --unique")
    known: dict[str, str] = {}
    for path in arguments.not_in:
        known.update(comparison_keys(rows_of(open_source(path))))
    report = select_rows(
        [open_source(arguments.input)],
        arguments.output,
        step="remove_duplicates",
        known=known,
        unique=arguments.unique,
    )
    return [report]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command(command, build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
