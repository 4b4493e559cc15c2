"""The page of experiments: a table and curves for each series, written between the markers of EXPERIMENTS.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from examples.im2latex_100k.experiment_list import Experiment, ExperimentList, Series
from examples.im2latex_100k.experiment_result import Result

#: Title of a column -> name of the metric.
COLUMNS = {
    "BLEU": "bleu_multi_given",
    "BLEU, unified": "bleu_multi_unified",
    "edit": "token_edit_accuracy_given",
    "edit, unified": "token_edit_accuracy_unified",
    "exact": "exact_match_given",
    "exact, unified": "exact_match_unified",
}
_BASE, _OTHER, _FAINT = "#888888", "#d55e00", "#dddddd"


class PageError(ValueError):
    """A page without its markers; says which."""


def fill_between(text: str, name: str, content: str) -> str:
    """A page with what lies between its markers `<!-- NAME -->` and `<!-- /NAME -->` replaced.

    Raises:
        PageError: A marker is missing, or they come in another order.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise PageError(f"the page needs {begin} and, behind it, {end}, once each")
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{content.strip()}\n{end}{rest.partition(end)[2]}"


def section(experiments: ExperimentList, series: Series, results: Mapping[str, Result], curves: str) -> str:
    """The section of a series, Markdown.

    Args:
        experiments: All there are.
        series: Which.
        results: Name -> result, of those that were run.
        curves: Name of the file with the curves.
    """
    listed = experiments.of(series)
    done = [(e, results[e.name]) for e in listed if e.name in results]
    lines = [f"## {series.title}", "", series.why, ""]
    lines += [f"- **`{e.name}`**, {e.change}. {e.question} {_outcome(e, listed[0], results)}" for e in listed]
    if not done:
        return "\n".join([*lines, "", "None of them has been run."])
    head = ["run", "parameters", "pictures", "hours", "perplexity", *COLUMNS]
    lines += ["", f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    lines += [_row(experiment, result) for experiment, result in done]
    lines += ["", f"![Perplexity of training over pictures and over hours]({curves})", ""]
    return "\n".join([*lines, *_notes(series, [result for _, result in done])])


def _outcome(experiment: Experiment, base: Experiment, results: Mapping[str, Result]) -> str:
    """The answer in figures: the difference from the first of the series, and whether intervals overlap."""
    result, first = results.get(experiment.name), results.get(base.name)
    if result is None:
        return "*Not run yet.*"
    ours = result.scores["bleu_multi_given"]
    if first is None or experiment is base:
        return f"*BLEU {ours.score:.1f}.*"
    theirs = first.scores["bleu_multi_given"]
    apart = ours.low > theirs.high or ours.high < theirs.low
    cost = result.cost_hours / first.cost_hours
    same_clock = (result.cpu_hours is None) == (first.cpu_hours is None) and result.hardware == first.hardware
    return (
        f"*BLEU {ours.score:.1f}, {ours.score - theirs.score:+.1f} against `{base.name}`"
        + (f", at {cost:.2f} times the hours" if same_clock else "")
        + ("" if apart else "; their intervals overlap")
        + ".*"
    )


def _row(experiment: Experiment, result: Result) -> str:
    hours = f"{result.cost_hours:.2f}" + ("" if result.cpu_hours is not None else " (wall)")
    cells = [f"`{experiment.name}`", f"{result.parameters / 1e6:.1f}M", f"{result.images:,}", hours]
    cells += [f"{result.valid_ppl:.2f}", *(_figure(result, metric) for metric in COLUMNS.values())]
    return f"| {' | '.join(cells)} |"


def _figure(result: Result, metric: str) -> str:
    score = result.scores[metric]
    return f"{score.score:.1f} ± {(score.high - score.low) / 2:.1f}"


def _notes(series: Series, results: Sequence[Result]) -> list[str]:
    """How to read the table: what hours are, which commits, the signatures."""
    signatures = {name: score.signature for name, score in results[0].scores.items()}
    return [
        f"Decoded: {results[0].pictures:,} pictures of `{series.split}`, beam {series.beam}. Perplexity is that of "
        "the split after the last update; ± is half of the 95% bootstrap interval over pictures, which says nothing of "
        "another seed. Hours are of CPU time, start-up and validations included; (wall): of the clock, where that "
        "wasn't measured.",
        "",
        f"{_where(results)} One run each. Signatures:",
        "",
        *(f"- {title}: `{signatures[name]}`" for title, name in COLUMNS.items()),
    ]


def _where(results: Sequence[Result]) -> str:
    """By which code and on what the runs were made; their names where not all were on the same."""
    places: dict[str, list[Result]] = {}
    for result in results:
        places.setdefault(result.hardware, []).append(result)
    sentences = []
    for hardware, there in places.items():
        names = ", ".join(f"`{result.name}`" for result in there) + " by c" if len(places) > 1 else "C"
        commits = ", ".join(dict.fromkeys(result.commit for result in there))
        sentences.append(f"{names}ommit {commits}; {hardware}.")
    if len(places) > 1:
        sentences.append("Hours on different hardware can't be compared.")
    return " ".join(sentences)


def draw_series(
    experiments: Sequence[Experiment], results: Mapping[str, Result], out: Path, columns: int = 3
) -> None:
    """One panel a run: its curve over the first one's, which is grey; over pictures, and over hours below.

    Args:
        experiments: Of one series, the first is what the others are compared with.
        results: Of those that were run.
        out: PNG to write.
        columns: Runs side by side.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    done = [e for e in experiments if e.name in results]
    shown = [e for e in done if e is not experiments[0]] or done
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.0 * columns, 3.4 * rows), dpi=80, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.subplots(2 * rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat:
        axes.set_visible(False)
    for number, experiment in enumerate(shown):
        for part, over in enumerate(("pictures, thousands", "hours")):
            axes = grid[2 * (number // columns) + part][number % columns]
            axes.set_visible(True)
            for name, colour in ((experiments[0].name, _BASE), (experiment.name, _OTHER)):
                if name in results:
                    axes.plot(*_curve(results[name], part), color=colour, linewidth=1.2)
            _dress(axes, experiment.name if part == 0 else "", over)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Without the version of matplotlib in it, the file changes only when a curve does.
    canvas.print_png(out, metadata={"Software": None})


def _curve(result: Result, part: int) -> tuple[list[float], list[float]]:
    """Places on the horizontal axis and perplexities; hours are stretched to those that the table states."""
    factor = result.cost_hours / result.hours if result.hours else 1.0
    places = [p.images / 1000.0 if part == 0 else p.hours * factor for p in result.curve]
    return places, [p.ppl for p in result.curve]


def _dress(axes: Any, title: str, over: str) -> None:
    from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(over, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(color=_FAINT, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
