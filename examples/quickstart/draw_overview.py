"""The picture of the README: some held-out pictures of the quickstart, and what its model read in them.

python -m examples.quickstart.draw_overview --generated generated.txt --data data --out overview.svg
"""

from __future__ import annotations

import argparse
import html
import textwrap
from collections.abc import Sequence
from pathlib import Path

from examples.quickstart.write_report import png_source
from im2latex_fairseq.data.atomic_file import write_text_atomically
from im2latex_fairseq.data.image_store import ImageStore
from im2latex_fairseq.evaluation.generation_log import Prediction, read_generation_output
from im2latex_fairseq.latex.formatter import format_tokens

WIDTH_PX = 900
PICTURE_WIDTH_PX = 330
TEXT_START_PX = 400
TEXT_COLUMNS = 56
LINE_HEIGHT_PX = 22
GAP_PX = 16

# What a glance should show: one formula with each of these, if the model read one right.
WANTED = (r"\int", r"\frac", r"\sum", r"\sqrt", r"\begin{array}", r"\left[")


def choose(predictions: Sequence[Prediction], store: ImageStore) -> list[Prediction]:
    """For each wanted construct the longest right reading that fits into its column."""
    chosen: list[Prediction] = []
    fitting = [p for p in predictions if p.is_exact and store[p.row].shape[1] <= PICTURE_WIDTH_PX]
    for token in WANTED:
        with_it = [
            p for p in fitting if p not in chosen and any(part.startswith(token) for part in p.reference)
        ]
        if with_it:
            chosen.append(max(with_it, key=lambda p: len(p.reference)))
    return chosen


def overview_svg(chosen: Sequence[Prediction], store: ImageStore) -> str:
    """The drawing: picture, arrow, text, one row each; readable on light and dark pages."""
    rows = []
    y = GAP_PX
    for prediction in chosen:
        image = store[prediction.row]
        height, width = image.shape
        lines = textwrap.wrap(
            format_tokens(prediction.hypothesis), TEXT_COLUMNS, break_long_words=False, break_on_hyphens=False
        )
        row_height = max(height, len(lines) * LINE_HEIGHT_PX)
        middle = y + row_height / 2
        first = middle - (len(lines) - 1) * LINE_HEIGHT_PX / 2 + 5
        rows.append(
            f'<image x="{GAP_PX + (PICTURE_WIDTH_PX - width) / 2:.0f}" y="{middle - height / 2:.0f}" '
            f'width="{width}" height="{height}" href="{png_source(image)}"/>'
            f'<text class="arrow" x="{(PICTURE_WIDTH_PX + TEXT_START_PX + GAP_PX) / 2 - 8:.0f}" '
            f'y="{middle + 6:.0f}">\u2192</text>'
            + "".join(
                f'<text class="latex" x="{TEXT_START_PX}" y="{first + number * LINE_HEIGHT_PX:.0f}">'
                f"{html.escape(line)}</text>"
                for number, line in enumerate(lines)
            )
        )
        y += row_height + GAP_PX
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {y}" width="{WIDTH_PX}" height="{y}" '
        'role="img" aria-label="Pictures of formulas and the LaTeX that the model read in them">'
        "<style>text{font:15px ui-monospace,Menlo,Consolas,monospace;fill:#1c2330}.arrow{font-size:22px;"
        "fill:#5b6577}</style>"
        f'<rect width="{WIDTH_PX}" height="{y}" rx="10" fill="#ffffff"/>' + "".join(rows) + "</svg>\n"
    )


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description="Draw the README's picture from real predictions.")
    parser.add_argument("--generated", type=Path, required=True, help="standard output of fairseq-generate")
    parser.add_argument("--data", type=Path, required=True, help="data folder that was decoded")
    parser.add_argument("--split", default="test", help="split that was decoded (default test)")
    parser.add_argument("--out", type=Path, required=True, help="drawing to write (.svg)")
    arguments = parser.parse_args()
    store = ImageStore(arguments.data / f"{arguments.split}.images")
    chosen = choose(read_generation_output(arguments.generated).predictions, store)
    write_text_atomically(arguments.out, overview_svg(chosen, store))
    print(f"{arguments.out}: {len(chosen)} readings")


if __name__ == "__main__":
    main()
