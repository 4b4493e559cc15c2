"""Draws how training went on a validation split: perplexity, token accuracy and BLEU over images seen.

The perplexity of training itself is the thin line beside: it tells in the first minutes whether a run learns.

    python -m examples.im2latex_100k.plot_curve --log train.log --out curve.png
    python -m examples.im2latex_100k.plot_curve --log one=a.log --log two=b.log --over hours --out curve.png

Needs matplotlib (`pip install im2latex-fairseq[mathtext]`). The same log gives the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.im2latex_100k.training_log import (
    Progress,
    TrainingLogError,
    Validation,
    read_progress,
    read_validations,
)


@dataclass(frozen=True)
class Panel:
    """One of the curves below each other.

    Attributes:
        key: What fairseq logs.
        title: For people.
        logarithmic: Whether the scale is.
    """

    key: str
    title: str
    logarithmic: bool = False


PANELS = (
    Panel("ppl", "perplexity", logarithmic=True),
    Panel("token_accuracy", "token accuracy, %"),
    Panel("bleu", "BLEU, greedy"),
    Panel("exact_match", "exact match, greedy, %"),
)
# Okabe and Ito's colours, which colour-blind people tell apart.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_AXES = {"images": "images seen, thousands", "hours": "hours"}


def draw_curves(
    runs: Mapping[str, Sequence[Validation]],
    out: Path,
    *,
    training: Mapping[str, Sequence[Progress]] | None = None,
    over: str = "images",
) -> None:
    """Draw the panels for which there are values.

    Args:
        runs: Name of each run -> its validations on one split.
        out: PNG to write.
        training: Name of each run -> what training logged, for the panel of perplexity.
        over: "images" or "hours".

    Raises:
        TrainingLogError: No run has a value of any panel.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

    panels = [panel for panel in PANELS if any(panel.key in v.values for run in runs.values() for v in run)]
    if not panels:
        raise TrainingLogError(
            f"the validations log none of {', '.join(panel.key for panel in PANELS)}: nothing to draw"
        )
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.6 * columns, 2.9 * rows), dpi=90, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for position, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, position)
        for number, (name, validations) in enumerate(runs.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            if panel.key == "ppl" and training is not None:
                steps = training.get(name, ())
                axes.plot(
                    [_place(step, over) for step in steps],
                    [step.ppl for step in steps],
                    color=colour,
                    linewidth=0.6,
                    alpha=0.6,
                )
            points = [v for v in validations if panel.key in v.values]
            axes.plot(
                [_place(v, over) for v in points],
                [v.values[panel.key] for v in points],
                color=colour,
                marker="." if len(points) < 60 else "",
                label=name,
            )
        if panel.logarithmic:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
            axes.yaxis.set_major_formatter(ScalarFormatter())
            axes.yaxis.set_minor_locator(NullLocator())
        axes.set_title(panel.title, fontsize=11)
        axes.set_xlabel(_AXES[over])
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if position == 1 and len(runs) > 1:
            axes.legend(frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Without the version of matplotlib in it, the file changes only when the curve does.
    canvas.print_png(out, metadata={"Software": None})


def _place(point: Progress | Validation, over: str) -> float:
    return point.images / 1000.0 if over == "images" else point.hours


def validations_of(path: Path, subset: str) -> list[Validation]:
    """The validations of a log on one split.

    Raises:
        TrainingLogError: There are none; the message lists the splits that were validated.
    """
    validations = read_validations(path)
    chosen = [v for v in validations if v.subset == subset]
    if not chosen:
        seen = ", ".join(sorted({v.subset for v in validations}))
        raise TrainingLogError(f"{path}: no validation on {subset!r}; there are some on {seen}")
    return chosen


def table(runs: Mapping[str, Sequence[Validation]]) -> str:
    """A Markdown table with the last validation of each run."""
    keys = [panel.key for panel in PANELS]
    lines = [
        "| run | images seen | hours | " + " | ".join(keys) + " |",
        "|---|" + "---:|" * (2 + len(keys)),
    ]
    for name, validations in runs.items():
        last = validations[-1]
        cells = [f"{last.values[key]:.2f}" if key in last.values else "" for key in keys]
        lines.append(f"| {name} | {last.images:,.0f} | {last.hours:.2f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the curve of one run or several."""
    parser = argparse.ArgumentParser(description="Draw the validation curve of fairseq-train's log.")
    parser.add_argument(
        "--log", action="append", required=True, metavar="[NAME=]FILE", help="log of a run; may be repeated"
    )
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    parser.add_argument("--subset", default="valid", help="validated split to draw (default valid)")
    parser.add_argument(
        "--over", choices=sorted(_AXES), default="images", help="horizontal axis (default images)"
    )
    options = parser.parse_args(arguments)
    runs: dict[str, list[Validation]] = {}
    training: dict[str, list[Progress]] = {}
    try:
        for given in options.log:
            name, _, file = given.rpartition("=")
            runs[name or Path(file).stem] = validations_of(Path(file), options.subset)
            training[name or Path(file).stem] = read_progress(Path(file))
        draw_curves(runs, options.out, training=training, over=options.over)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(table(runs))
    print(f"\ncurve: {options.out}")


if __name__ == "__main__":
    main()
