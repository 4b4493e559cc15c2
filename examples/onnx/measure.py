"""How an exported model compares with torch: the same LaTeX? how large, how fast, what int8 loses.

    python -m examples.onnx.measure --model base.safetensors --data data-bin/im2latex_100k --split valid \\
        --pictures 1000 --threads 1 --page examples/onnx/README.md

The model is exported three times (float, int8 weights, int8), and each way reads the same pictures in a process of
its own. What the table says is in README.md beside this file, which `--page` writes it into.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from examples.benchmark.processor import processor_name
from examples.onnx.engines import BEAMS, CLOCKS, Job, Measured, measure
from im2latex_fairseq.commands.main import main as im2latex
from im2latex_fairseq.data.manifest import read_manifest
from im2latex_fairseq.metrics.metric import corpus_score
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.registry import metric

MARK = "<!-- measured: what follows is written by measure.py -->"
TORCH = "torch"
RANGE_SPLIT = "train"
QUALITY = ("bleu_multi", "token_edit_accuracy", "exact_match")


def export_all(model: Path, data: Path, folder: Path) -> dict[str, Path]:
    """Export a model by the command, in every variant: name in the table -> where it lies."""
    ranges = ("--int8", "--pictures", str(data / f"{RANGE_SPLIT}.images"))
    variants = {"onnx": (), "onnx, int8 weights": ("--int8",), "onnx, int8": ranges}
    exported = {}
    for number, (name, options) in enumerate(variants.items()):
        exported[name] = folder / str(number)
        arguments = ["export", str(model), "--format", "onnx", "--output", str(exported[name]), *options]
        if im2latex(arguments) != 0:
            raise SystemExit(f"the export {name!r} failed; im2latex says why above")
    return exported


def same_share(one: Sequence[object], other: Sequence[object]) -> float:
    """Share of pictures, in percent, that were read alike."""
    return 100 * sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


def quality(tokens: Sequence[tuple[str, ...]], references: Sequence[str]) -> list[float]:
    """`QUALITY` of what was read."""
    pairs = [
        make_pair(str(number), " ".join(read), reference)
        for number, (read, reference) in enumerate(zip(tokens, references, strict=True))
    ]
    return [corpus_score(metric(name), pairs) for name in QUALITY]


def table(results: Sequence[Measured], references: Sequence[str]) -> str:
    """What was measured, as Markdown; the first result is what the others are compared with."""
    widest, greedy = BEAMS
    lines = [
        "| | MB | load, s | memory, MB | one picture, ms | pictures a second, "
        f"beam {widest} | beam {greedy} | same LaTeX, % | beam {greedy} | BLEU | edit accuracy | exact match |",
        "|---|" + "---:|" * 11,
    ]
    first = results[0]
    for result in results:
        same = [f"{same_share(result.latex[beam], first.latex[beam]):.1f}" for beam in BEAMS]
        cells = [
            result.name,
            f"{result.size_bytes / 1e6:.1f}",
            f"{result.load_s:.1f}",
            f"{result.peak_mb:.0f}",
            f"{1000 * result.single_s:.0f}",
            *(f"{result.rates[beam]:.1f}" for beam in BEAMS),
            *(same if result is not first else ["", ""]),
            *(f"{score:.2f}" for score in quality(result.tokens[widest], references)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine(threads: int) -> str:
    """What the figures were taken on."""
    libraries = ", ".join(f"{library} {version(library)}" for library in ("torch", "onnxruntime"))
    return f"{processor_name()}, {threads} thread{'s' * (threads > 1)}, {libraries}"


def write_page(page: Path, text: str) -> None:
    """Replace what stands behind the mark of a page."""
    head, mark, _ = page.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise SystemExit(f"{page}: no line {MARK}")
    page.write_text(f"{head}{MARK}\n\n{text}\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Export, measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="model file or checkpoint")
    parser.add_argument("--data", type=Path, required=True, help="folder of prepared data")
    parser.add_argument("--split", default="valid", help="whose pictures are read")
    parser.add_argument("--pictures", type=int, default=200, help="how many, spread evenly over the split")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--clock", choices=tuple(CLOCKS), default="wall", help="cpu on a busy machine, one thread"
    )
    parser.add_argument("--page", type=Path, help="page to write the table into")
    options = parser.parse_args(arguments)

    formulas = [entry.formula for entry in read_manifest(options.data / f"{options.split}.tsv")]
    count = min(options.pictures, len(formulas))
    numbers = tuple(np.linspace(0, len(formulas) - 1, count).astype(int).tolist())
    store = options.data / f"{options.split}.images"
    with tempfile.TemporaryDirectory(prefix="im2latex-") as folder:
        models = {TORCH: options.model, **export_all(options.model, options.data, Path(folder))}
        results = []
        for name, path in models.items():
            job = Job(name, path, store, numbers, options.threads, options.clock)
            results.append(measure(job))
            print(f"{name}: done", flush=True)
    text = (
        f"{options.model.name}, {count:,} pictures of {options.split}, {machine(options.threads)}, "
        f"{options.clock} time:\n\n{table(results, [formulas[number] for number in numbers])}"
    )
    print(text)
    if options.page:
        write_page(options.page, text)


if __name__ == "__main__":
    main()
