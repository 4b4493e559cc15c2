"""`im2latex score`: how good predictions are, in every convention of the field."""

from __future__ import annotations

import argparse
import json
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

if TYPE_CHECKING:
    from im2latex_fairseq.evaluation.evaluation import Evaluation


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add_input_options(parser)
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        type=Path,
        help="say which of two systems is better: two files of hypotheses, or two evaluations of --save",
    )
    parser.add_argument(
        "--merge",
        nargs="+",
        metavar="FILE",
        type=Path,
        help="score the shards that --save wrote as one; equal to scoring all at once",
    )
    add_evaluation_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print JSON, not a table")
    group.add_argument(
        "--save",
        metavar="FILE",
        type=Path,
        help="keep what each metric says of each pair, for --compare and --merge",
    )


def run(arguments: argparse.Namespace) -> int:
    """Score, merge or compare, and print."""
    from im2latex_fairseq.evaluation.comparison import compare
    from im2latex_fairseq.evaluation.evaluation import merge
    from im2latex_fairseq.evaluation.json_form import comparison_json, scores_json
    from im2latex_fairseq.evaluation.saved_evaluation import read_evaluation, write_evaluation
    from im2latex_fairseq.evaluation.table import comparison_table, scores_table

    resampling = resampling_of(arguments)
    if arguments.compare:
        if arguments.merge or arguments.hypotheses or arguments.save:
            raise CommandError("--compare A B goes without --hypotheses, --merge and --save")
        if resampling.resamples == 0:
            raise CommandError("--compare takes resamples; give --resamples 1000 for example")
        first, second = (_system(arguments, path) for path in arguments.compare)
        names = (str(arguments.compare[0]), str(arguments.compare[1]))
        comparison = compare(first, second, resampling)
        _show(
            arguments,
            comparison_json(comparison, names) if arguments.json else comparison_table(comparison, names),
        )
        return 0
    if arguments.merge:
        if arguments.hypotheses or arguments.references or arguments.images:
            raise CommandError("--merge takes evaluations of --save, and no references, hypotheses or images")
        evaluation = merge([read_evaluation(path) for path in arguments.merge])
    else:
        evaluation = evaluation_of(arguments, read_inputs(arguments))
    if arguments.save:
        write_evaluation(arguments.save, evaluation)
    _show(
        arguments,
        scores_json(evaluation, resampling) if arguments.json else scores_table(evaluation, resampling),
    )
    return 0


def _system(arguments: argparse.Namespace, path: Path) -> Evaluation:
    """One side of a comparison: an evaluation of --save, or hypotheses to be evaluated."""
    from im2latex_fairseq.evaluation.saved_evaluation import is_evaluation_file, read_evaluation

    if is_evaluation_file(path):
        return read_evaluation(path)
    return evaluation_of(arguments, read_inputs(arguments, [path]))


def _show(arguments: argparse.Namespace, output: object) -> None:
    print(json.dumps(output, indent=2, ensure_ascii=False, allow_nan=False) if arguments.json else output)


SCORE = Command(
    name="score",
    summary="score predictions in every convention of the field; say which of two systems is better",
    description=(
        "Score formulas that a system read against what is right: text, pictures, symbols, each metric with its\n"
        "signature and a confidence interval. A picture without a hypothesis counts as an empty one; nothing is\n"
        "left out unsaid.\n" + FORMS_READ
    ),
    examples=(
        "im2latex score --references test.formulas.txt --hypotheses read.txt",
        "im2latex score --hypotheses generate-test.txt                     # references are its own T- lines",
        "im2latex score --references data-bin/test.tsv --hypotheses generate-test.txt --json > scores.json",
        "im2latex score --references gold.jsonl --hypotheses a.jsonl --metrics text --save a.evaluation.jsonl",
        "im2latex score --compare a.evaluation.jsonl b.evaluation.jsonl",
        "im2latex score --references gold.tsv --compare a.tsv b.tsv",
        "im2latex score --merge shard0.evaluation.jsonl shard1.evaluation.jsonl",
    ),
    add_options=add_options,
    run=run,
)
