"""The experiments of experiments.toml: run them, keep what came out, write the page.

    python -m examples.im2latex_100k.experiments list
    python -m examples.im2latex_100k.experiments run --data data-bin/im2latex_100k --runs runs/exp --series short
    python -m examples.im2latex_100k.experiments collect --data data-bin/im2latex_100k --runs runs/exp
    python -m examples.im2latex_100k.experiments page

`run` goes on where it was stopped and skips what is done. `collect` writes results/NAME.json of each finished run,
`page` the tables and curves of EXPERIMENTS.md from those files alone. The page needs matplotlib
(`pip install im2latex-fairseq[mathtext]`).
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from examples.im2latex_100k.experiment_list import EXPERIMENTS, Experiment, ExperimentList, read_experiments
from examples.im2latex_100k.experiment_page import draw_series, fill_between, section
from examples.im2latex_100k.experiment_result import Result, collect, read_result, write_result
from examples.im2latex_100k.experiment_run import RunError, read_cost, run_experiment, training_command

HERE = Path(__file__).resolve().parent


def chosen_experiments(listed: ExperimentList, names: Sequence[str], series: str | None) -> list[Experiment]:
    """Those named, or all of a series, or all.

    Raises:
        ExperimentListError: There is none of a name.
    """
    if names:
        return [listed.named(name) for name in names]
    return [e for e in listed.experiments if series in (None, e.series)]


def collect_finished(
    listed: ExperimentList, chosen: Sequence[Experiment], options: argparse.Namespace
) -> None:
    """Write the result of each chosen run that is decoded, and say what became of the others."""
    for experiment in chosen:
        series, run = listed.series_of(experiment), options.runs / experiment.name
        if not (run / f"generate-{series.split}.txt").exists():
            print(f"{experiment.name}: not decoded")
            continue
        cost = read_cost(run)
        result = collect(
            experiment.name,
            run,
            series.split,
            references=options.data / f"{series.split}.tsv",
            commit=options.commit or (cost.commit if cost else "unknown"),
            hardware=options.hardware or (cost.hardware if cost else "unknown"),
            hours=options.hours,
            cpu_hours=cost.cpu_hours if cost else None,
        )
        write_result(options.results / f"{experiment.name}.json", result)
        print(f"{experiment.name}: BLEU {result.scores['bleu_multi_given'].score:.2f}")


def read_results(folder: Path) -> dict[str, Result]:
    """Name -> result, of all in a folder."""
    results = [read_result(path) for path in sorted(folder.glob("*.json"))]
    return {result.name: result for result in results}


def write_page(listed: ExperimentList, results: dict[str, Result], page: Path) -> None:
    """Write the sections between the markers of the page, and the curves beside it.

    Raises:
        PageError: A series has no markers on the page.
    """
    text = page.read_text(encoding="utf-8")
    for series in listed.series:
        curves = f"experiments_{series.name}.png"
        text = fill_between(text, series.name, section(listed, series, results, curves))
        if any(e.name in results for e in listed.of(series)):
            draw_series(listed.of(series), results, page.parent / curves)
    page.write_text(text, encoding="utf-8")


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("list", "run", "collect", "page"))
    parser.add_argument("names", nargs="*", help="experiments (default: all)")
    parser.add_argument("--series", help="all experiments of this series")
    parser.add_argument("--list", type=Path, default=EXPERIMENTS, help="the list (default: experiments.toml)")
    parser.add_argument("--data", type=Path, help="folder of prepared data")
    parser.add_argument("--runs", type=Path, default=Path("runs/exp"), help="folder of the runs")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of what is kept")
    parser.add_argument("--page", type=Path, default=HERE / "EXPERIMENTS.md", help="page to fill")
    parser.add_argument("--commit", help="collect: of the code that trained, where nobody noted it")
    parser.add_argument("--hardware", help="collect: where it trained")
    parser.add_argument(
        "--hours", type=float, help="collect: of the clock, where they aren't those of the log"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    parser = build_parser()
    options = parser.parse_intermixed_args(arguments)
    if options.command in ("run", "collect") and options.data is None:
        parser.error("--data is needed")
    try:
        listed = read_experiments(options.list)
        chosen = chosen_experiments(listed, options.names, options.series)
        if options.command == "page":
            write_page(listed, read_results(options.results), options.page)
        elif options.command == "collect":
            collect_finished(listed, chosen, options)
        else:
            for experiment in chosen:
                series, run = listed.series_of(experiment), options.runs / experiment.name
                print(f"{experiment.name}: {experiment.change}", flush=True)
                if options.command == "run":
                    run_experiment(experiment, series, options.data, run)
                else:
                    data = options.data or Path("DATA")
                    print(f"    {shlex.join(training_command(experiment, series, data, run))}")
    except (OSError, ValueError, RunError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
