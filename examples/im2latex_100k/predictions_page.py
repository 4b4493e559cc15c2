"""A page of predictions drawn at random, beside their pictures: what the scores look like.

    python -m examples.im2latex_100k.predictions_page --generated generate.txt --data data-bin --split valid \
        --out predictions.html

The page is one file: no scripts, no fonts, nothing that is loaded from anywhere. The draw depends on the seed
and the number of pictures alone, so two models are shown on the same pictures.

Pictures of a data set that isn't ours to pass on stay on this machine: with `--redraw` the page shows what TeX
draws of each reference instead of the picture that was read, and says so.
"""

from __future__ import annotations

import argparse
import html
import random
from collections.abc import Sequence
from pathlib import Path

from examples.quickstart.write_report import STYLE, pair_html, scores
from im2latex_fairseq.data.atomic_file import write_text_atomically
from im2latex_fairseq.data.image_store import ImageStore
from im2latex_fairseq.evaluation.generation_log import GenerationOutput, Prediction, read_generation_output
from im2latex_fairseq.images.renderer import PROCESSED_FACE, GreyImage, RenderError, render_formulas
from im2latex_fairseq.metrics.exact_match import has_errors_up_to
from im2latex_fairseq.metrics.pair import make_pair


class PageError(ValueError):
    """The log and the data folder don't fit each other; says how."""


def draw_sample(predictions: Sequence[Prediction], count: int, seed: int) -> list[Prediction]:
    """Up to `count` predictions at random, in the order of the manifest."""
    chosen = random.Random(seed).sample(range(len(predictions)), min(count, len(predictions)))
    return [predictions[index] for index in sorted(chosen)]


def is_alike(prediction: Prediction) -> bool:
    """Whether nothing but redundant braces and spaces parts hypothesis and reference."""
    texts = (" ".join(prediction.hypothesis), " ".join(prediction.reference))
    return has_errors_up_to(0, "unified", make_pair(str(prediction.row), *texts))


def redraw(predictions: Sequence[Prediction]) -> dict[int, GreyImage]:
    """Row -> its reference drawn anew, about as the pictures of valid look.

    Raises:
        PageError: TeX is missing, or refuses a reference.
    """
    try:
        results = render_formulas([" ".join(p.reference) for p in predictions], PROCESSED_FACE)
    except RenderError as error:
        raise PageError(f"--redraw: {error}") from error
    pictures: dict[int, GreyImage] = {}
    for prediction, result in zip(predictions, results, strict=True):
        if result.image is None:
            raise PageError(
                f"--redraw: the reference of picture {prediction.row} can't be drawn ({result.error}); take "
                "another --seed, or show the pictures themselves"
            )
        pictures[prediction.row] = result.image
    return pictures


def page_html(
    output: GenerationOutput,
    store: ImageStore,
    *,
    count: int,
    seed: int,
    title: str,
    redrawn: bool = False,
) -> str:
    """The whole page.

    Args:
        output: All predictions of the split.
        store: Its pictures.
        count: How many to show.
        seed: Of the draw.
        title: Says which model and data these are.
        redrawn: Show the references drawn anew instead of the pictures that were read.

    Raises:
        PageError: A prediction is of a picture that the store hasn't, or can't be drawn anew.
    """
    beyond = [prediction.row for prediction in output.predictions if prediction.row >= len(store)]
    if beyond:
        raise PageError(
            f"{store.path} has {len(store)} pictures, but the log has a prediction of picture {max(beyond)}; "
            "they belong to different splits"
        )
    sample = draw_sample(output.predictions, count, seed)
    pictures = redraw(sample) if redrawn else {p.row: store[p.row] for p in sample}
    note = (
        " The pictures shown are drawn from the references; those that the model read stay with their data set."
        if redrawn
        else ""
    )
    right = sum(prediction.is_exact for prediction in sample)
    alike = sum(is_alike(prediction) for prediction in sample)
    total = len(output.predictions)
    figures = "".join(
        f"<li><b>{value:.1f}</b><span>{name}</span></li>"
        for name, value in scores(output.predictions).items()
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{html.escape(title)}</h1>"
        f"<p>{len(sample)} of {total} pictures, drawn at random (seed {seed}). {right} of them are read exactly, "
        f"{alike - right} more but for spaces and redundant braces. What differs is marked. The probability is "
        f"the model's own, a geometric mean over tokens. The figures are those of all {total}, over tokens as they "
        f"are.{note}</p>"
        f'<ul class="scores">{figures}</ul>'
        + "\n".join(pair_html(prediction, pictures[prediction.row]) for prediction in sample)
        + "</main></body></html>\n"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Write a page of random predictions beside their pictures.")
    parser.add_argument("--generated", type=Path, required=True, help="standard output of fairseq-generate")
    parser.add_argument("--data", type=Path, required=True, help="data folder that was decoded")
    parser.add_argument("--split", default="valid", help="split that was decoded (default valid)")
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    parser.add_argument("--count", type=int, default=50, help="pictures on the page (default 50)")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (default 1)")
    parser.add_argument(
        "--title", default="Pictures of formulas, and what the model read", help="of the page"
    )
    parser.add_argument(
        "--redraw", action="store_true", help="show references drawn by TeX, not the data set's own pictures"
    )
    options = parser.parse_args(arguments)
    try:
        output = read_generation_output(options.generated)
        store = ImageStore(options.data / f"{options.split}.images")
        page = page_html(
            output, store, count=options.count, seed=options.seed, title=options.title, redrawn=options.redraw
        )
    except (OSError, ValueError) as error:
        parser.error(str(error))
    write_text_atomically(options.out, page)
    print(f"page: {options.out} ({len(page.encode()) / 1024:.0f} KiB)")


if __name__ == "__main__":
    main()
