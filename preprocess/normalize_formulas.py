"""Normalise a list of formulas, one a line, into a table of id, source and tokens."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex_fairseq.preparation.command_line import add_processes, make_parser, run_command
from im2latex_fairseq.preparation.normalization import NormalizationSettings, normalize_file
from im2latex_fairseq.preparation.report import StepReport

EXAMPLES = """
  python preprocess/normalize_formulas.py formulas.txt --output work/formulas.tsv
  python preprocess/normalize_formulas.py im2latex_formulas.lst --encoding latin-1 --output work/release.tsv
  python preprocess/normalize_formulas.py notes.txt --split-rows --macros notes_macros.tex --output work/notes.tsv

What is refused goes to OUTPUT.rejects.tsv with reason and position, the counts to OUTPUT.report.json.
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument(
        "formulas", type=Path, help="text file, one formula a line; only a line feed ends a line"
    )
    parser.add_argument("--output", type=Path, required=True, help="table (.tsv) to write")
    parser.add_argument(
        "--encoding", default="utf-8", help="of the text file; latin-1 for the official formula list"
    )
    parser.add_argument("--split-rows", action="store_true", help="cut multi-row displays into their rows")
    parser.add_argument("--macros", type=Path, help="file with the \\newcommand's that the formulas rely on")
    parser.add_argument("--limit", type=int, help="take at most this many lines, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="of that draw")
    parser.add_argument("--keep-duplicates", action="store_true", help="keep formulas of equal normal form")
    parser.add_argument("--id-prefix", help="start of the ids; else the file's name up to its first dot")
    add_processes(parser)
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Run the step."""
    settings = NormalizationSettings(
        encoding=arguments.encoding,
        split_rows=arguments.split_rows,
        macros=arguments.macros.read_text(encoding="utf-8") if arguments.macros else "",
        limit=arguments.limit,
        seed=arguments.seed,
        keep_duplicates=arguments.keep_duplicates,
    )
    report = normalize_file(
        arguments.formulas,
        arguments.output,
        settings,
        id_prefix=arguments.id_prefix,
        processes=arguments.processes,
    )
    return [report]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run_command(command, build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
