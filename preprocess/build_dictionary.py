"""Count the tokens of manifests or formula tables and write fairseq's dict.txt."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex_fairseq.preparation.command_line import make_parser, run_command
from im2latex_fairseq.preparation.dictionary import count_tokens, write_dictionary
from im2latex_fairseq.preparation.report import StepReport
from im2latex_fairseq.preparation.selection_steps import open_source, rows_of

EXAMPLES = """
  python preprocess/build_dictionary.py data/train --output data/dict.txt
  python preprocess/build_dictionary.py data/train --threshold 5 --output data/dict.txt
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument("inputs", type=Path, nargs="+", help="prefixes of prepared sets, or formula tables")
    parser.add_argument("--threshold", type=int, default=1, help="tokens that occur less often are left out")
    parser.add_argument("--output", type=Path, required=True, help="dictionary to write")
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Run the step."""
    counts = count_tokens(row.formula for path in arguments.inputs for row in rows_of(open_source(path)))
    kept = write_dictionary(arguments.output, counts, arguments.threshold)
    report = StepReport(
        "build_dictionary (distinct tokens)",
        read=len(counts),
        kept=kept,
        dropped={"below_threshold": len(counts) - kept},
        details={"tokens_in_all": counts.total()},
    )
    return [report]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command(command, build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
