"""`im2latex report`: scores, curves, confusions and samples with their pictures as one HTML file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from im2latex_fairseq.commands.command import Command, CommandError
from im2latex_fairseq.commands.inputs import (
    FORMS_READ,
    add_evaluation_options,
    add_input_options,
    evaluation_of,
    read_inputs,
    resampling_of,
)
from im2latex_fairseq.report.settings import ReportSettings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from im2latex_fairseq.evaluation.evaluation import Evaluation


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    usual = ReportSettings()
    add_input_options(parser)
    parser.add_argument(
        "--evaluation",
        metavar="FILE",
        type=Path,
        help="what `im2latex score --save` wrote, in place of references and hypotheses: nothing is scored again, "
        "and its metrics are shown whatever --metrics says",
    )
    add_evaluation_options(parser)
    group = parser.add_argument_group("page")
    group.add_argument("--out", metavar="FILE.html", type=Path, required=True, help="page to write")
    group.add_argument("--title", default=usual.title, help="of the page")
    group.add_argument(
        "--worst",
        metavar="N",
        type=int,
        default=usual.worst,
        help="so many of the worst samples have pictures",
    )
    group.add_argument(
        "--worst-by",
        metavar="NAME",
        default=argparse.SUPPRESS,
        help="metric that tells the worst; without it token_edit_accuracy, or the first that was computed",
    )
    group.add_argument(
        "--random",
        metavar="N",
        type=int,
        default=usual.random,
        help="so many samples at random have pictures",
    )
    group.add_argument(
        "--listed",
        metavar="N",
        type=int,
        default=usual.listed,
        help="at most so many samples are on the page as text",
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, write the page, print what is on it."""
    from im2latex_fairseq.evaluation.saved_evaluation import read_evaluation
    from im2latex_fairseq.preparation.progress import Progress
    from im2latex_fairseq.report.building import build_report

    resampling = resampling_of(arguments)
    settings = ReportSettings(
        title=arguments.title,
        worst=arguments.worst,
        random=arguments.random,
        seed=arguments.seed,
        worst_by=getattr(arguments, "worst_by", ""),
        listed=arguments.listed,
    )
    if arguments.evaluation is None:
        inputs = read_inputs(arguments)
        evaluation, pictures = evaluation_of(arguments, inputs), inputs.pictures
    else:
        if arguments.hypotheses or arguments.references:
            raise CommandError(
                "--evaluation brings its references and hypotheses along; leave those options out"
            )
        evaluation = read_evaluation(arguments.evaluation)
        pictures = _pictures_of_saved(arguments.images, evaluation)
    report = build_report(
        evaluation,
        resampling,
        settings,
        pictures=pictures,
        processes=arguments.processes,
        progress=Progress,
    )
    report.write(arguments.out)
    print(f"{arguments.out}: {report}")
    return 0


def _pictures_of_saved(
    path: Path | None, evaluation: Evaluation
) -> Mapping[str, npt.NDArray[np.uint8]] | None:
    """The pictures of a saved evaluation, which doesn't tell the rows of the split."""
    from im2latex_fairseq.evaluation.picture_source import open_pictures

    if path is None:
        return None
    ids = [pair.id for pair in evaluation.pairs]
    return open_pictures(path, ids, range(len(ids)), no_others=True)


REPORT = Command(
    name="report",
    summary="write a page to look at: scores, curves, confused tokens, samples with their pictures",
    description=(
        "Write one HTML file that needs nothing else and opens offline: scores with intervals, curves by length,\n"
        "width and structure, confused tokens, and the worst and a random sample of the formulas with the picture\n"
        "that was read, the drawing of the prediction and the difference.\n" + FORMS_READ
    ),
    examples=(
        "im2latex report --hypotheses generate-test.txt --images data-bin/test.images --out report.html",
        "im2latex report --references gold.tsv --hypotheses read.tsv --images pictures/ --out report.html",
        "im2latex report --references gold.txt --hypotheses read.txt --metrics text --out report.html",
        "im2latex score --references gold.tsv --hypotheses read.tsv --save read.evaluation.jsonl",
        "im2latex report --evaluation read.evaluation.jsonl --images pictures/ --out report.html",
    ),
    add_options=add_options,
    run=run,
)
