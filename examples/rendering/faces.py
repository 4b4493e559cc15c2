"""Draws one formula in every face, and counts how many real formulas each face can draw.

    python examples/rendering/faces.py --output faces.png [--data DIR]

With --data (a folder that holds im2latex100k/valid.tsv) a sample of formulas that together hold every token of the
split is drawn in each face.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.rendering.benchmark_data import GreyImage, read_table
from im2latex_fairseq.images.renderer import FACES, RenderSettings, render_formula, render_formulas

FORMULA = (
    r"\mathrm{%s}\quad \sum_{i=0}^{\infty} \frac{\alpha x^2 + \beta}{\Gamma(z)} \in \mathcal{ABC} \cup {\cal L} \cup "
    r"\mathscr{L} \cup \mathbb{R} \cup \mathfrak{g}, \quad \int_0^1 f(x)\,dx = \sqrt{\sin 12 \theta \cdot \mathbf{F}} "
    r"\left( \mathsf{a} \mathtt{b} \hat{a} \right) \rightarrow \hbar \ell \partial \text{ if } x \le y"
)


def draw_sheet(settings: RenderSettings) -> GreyImage:
    """One line a face, (height, width) uint8."""
    lines = [
        render_formula(FORMULA % name.replace("_", r"\ "), replace(settings, face=name, margin_px=6))
        for name in FACES
    ]
    width = max(line.shape[1] for line in lines)
    return np.vstack(
        [np.pad(line, ((0, 0), (0, width - line.shape[1])), constant_values=255) for line in lines]
    )


def cover_tokens(formulas: list[str]) -> list[str]:
    """Those formulas, in order, that hold a token which none before them holds."""
    seen: set[str] = set()
    kept = []
    for formula in formulas:
        tokens = set(formula.split())
        if tokens - seen:
            kept.append(formula)
            seen |= tokens
    return kept


def main() -> None:
    """Write the sheet and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=Path, required=True, help="PNG to write")
    parser.add_argument("--data", type=Path, help="folder that holds im2latex100k/valid.tsv")
    arguments = parser.parse_args()
    Image.fromarray(draw_sheet(RenderSettings(dpi=130, oversampling=3))).save(arguments.output, optimize=True)
    if arguments.data is None:
        return
    formulas = cover_tokens(
        [formula for _, formula in read_table(arguments.data / "im2latex100k" / "valid.tsv")]
    )
    print("| face | what | drawn | not drawn |")
    print("|---|---|---|---|")
    for name, face in FACES.items():
        results = render_formulas(formulas, RenderSettings(face=name, dpi=50))
        reasons = Counter(result.reason for result in results if result.reason)
        drawn = len(formulas) - sum(reasons.values())
        listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "-"
        print(f"| `{name}` | {face.description} | {drawn} of {len(formulas)} | {listed} |", flush=True)


if __name__ == "__main__":
    main()
