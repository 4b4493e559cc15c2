"""Options by which commands take references, hypotheses and pictures, and what they read from them.

What evaluates is imported where it is used: importing a command stays light.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from im2latex_fairseq.commands.command import CommandError
from im2latex_fairseq.evaluation.forms import AUTO, FORMS
from im2latex_fairseq.preparation.workers import default_processes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from im2latex_fairseq.evaluation.alignment import AlignedTexts
    from im2latex_fairseq.evaluation.evaluation import Evaluation
    from im2latex_fairseq.evaluation.formula_list import FormulaList
    from im2latex_fairseq.evaluation.intervals import Resampling

FORMS_READ = """
what is read:
  lines  a formula a line; the line number tells which belong together
  tsv    columns with a header (id, reference or hypothesis, confidence; a split's manifest too), or id and formula
  json   JSON lines, {"id": ..., "hypothesis": ..., "confidence": ...}, or one array of such
  log    what fairseq-generate printed: T- lines are references, H- lines hypotheses, the first of an n-best list
         counts; H-0 belongs to the first reference
  Lines end in a line feed alone; CRLF is read and said.
"""


@dataclass(frozen=True)
class Inputs:
    """What was read.

    Attributes:
        aligned: References with their hypotheses.
        pictures: Id -> true picture; None without `--images`.
    """

    aligned: AlignedTexts
    pictures: Mapping[str, npt.NDArray[np.uint8]] | None


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `read_inputs` reads."""
    forms = (AUTO, *FORMS)
    group = parser.add_argument_group("input")
    group.add_argument(
        "--references",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="what is right; shards are joined; without it, the T- lines of the hypotheses' log",
    )
    group.add_argument(
        "--hypotheses", metavar="FILE", nargs="+", type=Path, help="what a system said; shards are joined"
    )
    group.add_argument("--references-form", choices=forms, default=AUTO, help="of the references; see above")
    group.add_argument("--hypotheses-form", choices=forms, default=AUTO, help="of the hypotheses; see above")
    group.add_argument(
        "--align",
        choices=("auto", "id", "line"),
        default="auto",
        help="which hypothesis belongs to which reference: by id, by place in the file, or as the files allow",
    )
    group.add_argument(
        "--allow-fewer",
        action="store_true",
        help="by line: the hypotheses may stop early, and the rest counts as missing",
    )
    group.add_argument(
        "--images",
        metavar="STORE|FOLDER",
        type=Path,
        help="the pictures that were read: an image store of the split, or a folder of files called by id",
    )


def add_evaluation_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `evaluation_of` and `resampling_of` read."""
    group = parser.add_argument_group("scores")
    group.add_argument(
        "--metrics",
        default="all",
        metavar="NAMES",
        help="all, text, image, symbol, or names parted by commas; all but text draw formulas by TeX",
    )
    group.add_argument("--processes", type=int, default=default_processes(), help="for drawing formulas")
    group.add_argument("--confidence", type=float, default=0.95, help="of the intervals")
    group.add_argument("--resamples", type=int, default=1000, help="of the bootstrap; 0: no intervals")
    group.add_argument("--seed", type=int, default=1, help="of the bootstrap")


def read_inputs(arguments: argparse.Namespace, hypotheses: Sequence[Path] | None = None) -> Inputs:
    """Read and align what the options of `add_input_options` say.

    Args:
        arguments: The options.
        hypotheses: In place of those of `--hypotheses`.

    Raises:
        CommandError: References or hypotheses aren't given.
        EvaluationInputError: They can't be read or don't fit.
    """
    from im2latex_fairseq.evaluation.alignment import align
    from im2latex_fairseq.evaluation.formula_list import read_formulas
    from im2latex_fairseq.evaluation.picture_source import open_pictures

    paths = arguments.hypotheses if hypotheses is None else hypotheses
    if not paths:
        raise CommandError("no hypotheses; give what the system said by --hypotheses FILE")
    found = read_formulas(paths, "hypothesis", arguments.hypotheses_form)
    aligned = align(_references(arguments, found), found, arguments.align, allow_fewer=arguments.allow_fewer)
    pictures = None
    if arguments.images is not None:
        pictures = open_pictures(arguments.images, aligned.ids, aligned.numbers)
    return Inputs(aligned, pictures)


def evaluation_of(arguments: argparse.Namespace, inputs: Inputs) -> Evaluation:
    """Evaluate as the options of `add_evaluation_options` say, with progress bars."""
    from im2latex_fairseq.evaluation.judging import judge, metrics_called
    from im2latex_fairseq.preparation.progress import Progress

    return judge(
        inputs.aligned,
        metrics_called(arguments.metrics),
        pictures=inputs.pictures,
        processes=arguments.processes,
        progress=Progress,
    )


def resampling_of(arguments: argparse.Namespace) -> Resampling:
    """How intervals are drawn.

    Raises:
        ValueError: Confidence or resamples are out of range.
    """
    from im2latex_fairseq.evaluation.intervals import Resampling

    return Resampling(arguments.confidence, arguments.resamples, arguments.seed)


def _references(arguments: argparse.Namespace, hypotheses: FormulaList) -> FormulaList:
    from im2latex_fairseq.evaluation.formula_list import read_formulas

    if arguments.references:
        return read_formulas(arguments.references, "reference", arguments.references_form)
    if hypotheses.form != "log":
        raise CommandError(
            f"no references; give what is right by --references FILE ({hypotheses.title} is read as "
            f"{hypotheses.form}; only a log of fairseq-generate brings its references along)"
        )
    return read_formulas(hypotheses.paths, "reference", "log")
