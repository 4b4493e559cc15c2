"""Extract the formulas of LaTeX sources (a folder of .tex files or arXiv archives) into a formula table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex_fairseq.preparation.command_line import add_processes, make_parser, run_command
from im2latex_fairseq.preparation.formula_extraction import KINDS, ExtractionSettings, extract_sources
from im2latex_fairseq.preparation.report import StepReport
from im2latex_fairseq.preparation.source_files import SourceLimits

EXAMPLES = """
  python preprocess/extract_formulas.py arxiv_sources/ --output work/arxiv.tsv
  python preprocess/extract_formulas.py 2101.00001.tar.gz --kinds display --output work/paper.tsv
  python preprocess/extract_formulas.py thesis/ --rows split --min-tokens 3 --output work/thesis.tsv

The table goes to preprocess/render_formulas.py as that of normalize_formulas.py does. Beside it lie
OUTPUT.raw.tsv (the formulas as they were written), OUTPUT.rejects.tsv (what was dropped, and why),
OUTPUT.files.tsv (files that were not read, and why), OUTPUT.report.json and OUTPUT.report.txt.
"""


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    defaults = ExtractionSettings()
    parser = make_parser(__doc__ or "", EXAMPLES)
    parser.add_argument(
        "source",
        type=Path,
        help="folder, .tex file, .tar.gz (or .tar, .tar.bz2, .tar.xz), or .gz of one file",
    )
    parser.add_argument("--output", type=Path, required=True, help="formula table (.tsv) to write")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="formulas to take")
    parser.add_argument(
        "--rows",
        choices=("whole", "split"),
        default=defaults.rows,
        help="displays of several rows: one formula, or one for each row",
    )
    parser.add_argument(
        "--min-tokens", type=int, default=defaults.min_tokens, help="drop formulas with fewer tokens"
    )
    parser.add_argument(
        "--max-tokens", type=int, default=defaults.max_tokens, help="drop formulas with more tokens"
    )
    parser.add_argument("--keep-duplicates", action="store_true", help="keep formulas of equal normal form")
    parser.add_argument("--id-prefix", help="start of the ids; else the source's name up to its first dot")
    limits = parser.add_argument_group("limits, against archives made to harm")
    limits.add_argument(
        "--max-file-mib", type=int, default=defaults.limits.file_bytes >> 20, help="of a single file"
    )
    limits.add_argument(
        "--max-archive-mib",
        type=int,
        default=defaults.limits.archive_bytes >> 20,
        help="of an archive, unpacked",
    )
    limits.add_argument("--max-members", type=int, default=defaults.limits.members, help="of an archive")
    add_processes(parser)
    return parser


def command(arguments: argparse.Namespace) -> list[StepReport]:
    """Run the step."""
    settings = ExtractionSettings(
        kinds=tuple(arguments.kinds),
        rows=arguments.rows,
        min_tokens=arguments.min_tokens,
        max_tokens=arguments.max_tokens,
        keep_duplicates=arguments.keep_duplicates,
        limits=SourceLimits(
            file_bytes=arguments.max_file_mib << 20,
            archive_bytes=arguments.max_archive_mib << 20,
            members=arguments.max_members,
        ),
    )
    report = extract_sources(
        arguments.source,
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
