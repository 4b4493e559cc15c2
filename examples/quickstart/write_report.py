"""Scores of a fairseq-generate run, printed, and a page that shows pictures beside predictions.

    python -m examples.quickstart.write_report --generated generate.txt --data data --out report.html

The page is one file: no scripts, no fonts, nothing that is loaded from anywhere.
"""

from __future__ import annotations

import argparse
import base64
import difflib
import html
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from im2latex_fairseq.data.atomic_file import write_text_atomically
from im2latex_fairseq.data.image_store import ImageStore
from im2latex_fairseq.evaluation.generation_log import GenerationOutput, Prediction, read_generation_output
from im2latex_fairseq.metrics.bleu import corpus_bleu
from im2latex_fairseq.metrics.edit_distance import edit_distance_accuracy
from im2latex_fairseq.metrics.exact_match import exact_match

STYLE = """
:root { color-scheme: light dark; --text: #1c2330; --soft: #5b6577; --page: #f6f7f9; --card: #ffffff;
  --line: #d9dee7; --good: #17703c; --bad: #a6201d; --bad-ground: #fbe3e2; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ef; --soft: #9aa5b8; --page: #14171d;
  --card: #1d222b; --line: #333b48; --good: #6fd09a; --bad: #ff9a94; --bad-ground: #4d2626; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .75rem; }
p { margin: .25rem 0; color: var(--soft); }
.scores { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; padding: 0; list-style: none; }
.scores li { flex: 1 1 9rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .6rem .9rem; }
.scores b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.scores span { color: var(--soft); font-size: .875rem; }
.pair { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: 0 0 .75rem;
  display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
.pair > * { padding: .75rem; min-width: 0; }
.picture { background: #fff; border-radius: .5rem 0 0 .5rem; display: flex; align-items: center;
  justify-content: center; }
.picture img { max-width: 100%; height: auto; }
@media (max-width: 40rem) { .pair { grid-template-columns: minmax(0, 1fr); }
  .picture { border-radius: .5rem .5rem 0 0; } }
.mark { font-size: .875rem; } .right { color: var(--good); } .wrong { color: var(--bad); }
code { display: block; font: .875rem/1.6 ui-monospace, monospace; overflow-wrap: anywhere;
  margin-top: .25rem; }
code del, code ins { color: var(--bad); background: var(--bad-ground); border-radius: .2rem;
  padding: 0 .15rem; text-decoration: none; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .9rem; margin: .5rem 0; font-size: .875rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
"""


def scores(predictions: Sequence[Prediction]) -> dict[str, float]:
    """BLEU-4, edit-distance accuracy and exact match over tokens, each in [0, 100]."""
    hypotheses = [p.hypothesis for p in predictions]
    references = [p.reference for p in predictions]
    return {
        "BLEU": corpus_bleu(hypotheses, references),
        "edit accuracy": edit_distance_accuracy(hypotheses, references),
        "exact match": exact_match(hypotheses, references),
    }


def marked_difference(tokens: Sequence[str], other: Sequence[str], tag: str) -> str:
    """The tokens as HTML, those that `other` hasn't at this place inside `tag`."""
    parts = []
    matcher = difflib.SequenceMatcher(a=tokens, b=other, autojunk=False)
    for kind, start, end, _, _ in matcher.get_opcodes():
        if start == end:
            continue
        text = html.escape(" ".join(tokens[start:end]))
        parts.append(text if kind == "equal" else f"<{tag}>{text}</{tag}>")
    return " ".join(parts)


def png_source(image: npt.NDArray[np.uint8]) -> str:
    """A grey picture (H, W) as a data URI."""
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode('ascii')}"


def pair_html(prediction: Prediction, image: npt.NDArray[np.uint8]) -> str:
    """A picture beside what was read in it; where that is wrong, both texts with the difference marked."""
    height, width = image.shape
    probability = f"{2**prediction.log2_probability:.2f} a token"
    if prediction.is_exact:
        reading = (
            f'<span class="mark right">right</span> <span class="mark">({probability})</span>'
            f"<code>{html.escape(' '.join(prediction.hypothesis))}</code>"
        )
    else:
        reading = (
            f'<span class="mark wrong">read</span> <span class="mark">({probability})</span>'
            f"<code>{marked_difference(prediction.hypothesis, prediction.reference, 'del')}</code>"
            '<span class="mark">written</span>'
            f"<code>{marked_difference(prediction.reference, prediction.hypothesis, 'ins')}</code>"
        )
    return (
        f'<div class="pair"><div class="picture"><img src="{png_source(image)}" '
        f'width="{width}" height="{height}" alt="picture {prediction.row}"></div><div>{reading}</div></div>'
    )


def page_html(
    output: GenerationOutput, store: ImageStore, facts: Iterable[tuple[str, str]], shown: int
) -> str:
    """The whole page.

    Args:
        output: All predictions of the split.
        store: Its pictures.
        facts: Names and values for the head of the page.
        shown: At most so many mistakes, and so many right readings.
    """
    wrong = [p for p in output.predictions if not p.is_exact]
    right = [p for p in output.predictions if p.is_exact]
    # The longest right readings say more than the many short ones.
    longest = sorted(right, key=lambda p: -len(p.reference))[: shown // 2]
    others = [p for p in right if p not in longest][: shown - len(longest)]
    figures = "".join(
        f"<li><b>{value:.1f}</b><span>{name}</span></li>"
        for name, value in scores(output.predictions).items()
    )
    table = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts)
    sections = [
        (
            f"Mistakes ({len(wrong)} of {len(output.predictions)}; {min(shown, len(wrong))} shown)",
            wrong[:shown],
        ),
        (f"Right ({len(right)}; the longest first, {len(longest) + len(others)} shown)", longest + others),
    ]
    body = "".join(
        f"<h2>{title}</h2>" + "".join(pair_html(p, store[p.row]) for p in group)
        for title, group in sections
        if group
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>im2latex-fairseq: quickstart</title><style>{STYLE}</style></head><body><main>"
        "<h1>Pictures of formulas, and what the model read</h1>"
        f"<p>{len(output.predictions)} formulas that were in neither training nor validation.</p>"
        f'<ul class="scores">{figures}</ul><dl>{table}</dl>{body}</main></body></html>\n'
    )


def main() -> None:
    """Print the scores and write the page."""
    parser = argparse.ArgumentParser(
        description="Print the scores of a fairseq-generate run; write a page of it."
    )
    parser.add_argument("--generated", type=Path, required=True, help="standard output of fairseq-generate")
    parser.add_argument("--data", type=Path, required=True, help="data folder that was decoded")
    parser.add_argument("--split", default="test", help="split that was decoded (default test)")
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    parser.add_argument(
        "--shown", type=int, default=40, help="pictures of each kind on the page (default 40)"
    )
    parser.add_argument(
        "--fact",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a line for the page's head",
    )
    arguments = parser.parse_args()

    output = read_generation_output(arguments.generated)
    store = ImageStore(arguments.data / f"{arguments.split}.images")
    facts = [*arguments.fact, ("fairseq's own score", output.score_line)]
    page = page_html(output, store, facts, arguments.shown)
    write_text_atomically(arguments.out, page)
    result = {name: round(value, 2) for name, value in scores(output.predictions).items()}
    write_text_atomically(arguments.out.with_suffix(".json"), json.dumps(result, indent=2) + "\n")
    width = max(len(name) for name in result)
    print(f"{len(output.predictions)} pictures of held-out formulas:")
    for name, value in result.items():
        print(f"  {name:<{width}}  {value:6.2f}")
    print(f"page: {arguments.out}")


if __name__ == "__main__":
    main()
