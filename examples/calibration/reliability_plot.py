"""Draws confidence against the share that is right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.calibration.cross_fitting import Cases
from im2latex_fairseq.decoding.calibration_measures import reliability_bins

# Okabe and Ito's colours, which colour-blind people tell apart.
_COLOURS = ("#d55e00", "#e69f00", "#0072b2")


def draw_reliability(panels: Sequence[Cases], out: Path) -> None:
    """One panel for tokens, one for formulas; the same cases give the same bytes.

    Args:
        panels: What to draw.
        out: PNG to write; its folder is made if missing.

    Raises:
        RuntimeError: There is no matplotlib.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise RuntimeError("drawing needs matplotlib: pip install im2latex-fairseq[mathtext]") from error
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(panels), figsize=(4.6 * len(panels), 4.6), squeeze=False)
    for axis, cases in zip(axes[0], panels, strict=True):
        axis.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="--")
        said = [*cases.before.items(), ("calibrated", cases.after)]
        colours = (*_COLOURS[: len(said) - 1], _COLOURS[-1])
        for (name, confidences), colour in zip(said, colours, strict=True):
            bins = reliability_bins(confidences, cases.outcomes)
            axis.plot(
                [b.confidence for b in bins],
                [b.right for b in bins],
                "o-",
                ms=4,
                lw=1.2,
                color=colour,
                label=name,
            )
        axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="confidence", ylabel="share right")
        axis.set_title(f"{len(cases.outcomes):,} {cases.kind}, in bins of as many each", fontsize=10)
        axis.legend(loc="upper left", fontsize=8, frameon=False)
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=100, metadata={"Software": None})
    pyplot.close(figure)
