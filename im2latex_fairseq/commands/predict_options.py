"""Options of `im2latex predict`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    _add_input_options(parser)
    _add_reading_options(parser)
    _add_output_options(parser)


def _add_input_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pictures",
        metavar="PICTURE",
        nargs="*",
        help="a file, a folder, a pattern in quotes, - for a picture on standard input, FILE.pdf, FILE.pdf#2",
    )
    group = parser.add_argument_group("input")
    group.add_argument("-r", "--recursive", action="store_true", help="take folders with the folders in them")
    group.add_argument(
        "--suffixes",
        metavar="LIST",
        type=_suffixes,
        help="endings of the files taken from folders, as png,jpg,pdf; without it those of all pictures, no PDF",
    )
    group.add_argument(
        "--page",
        metavar="PAGES",
        type=_pages,
        help="of PDF files, as 2 or 1,3-5; without it, all",
    )
    group.add_argument(
        "--from-list",
        metavar="FILE",
        help="read the pictures whose paths FILE lists, one a line; - is standard input",
    )
    group.add_argument(
        "-0",
        "--null",
        action="store_true",
        help="the paths of --from-list end in null bytes, as find -print0 writes",
    )
    group.add_argument("--from-clipboard", action="store_true", help="read the picture on the clipboard")


def _add_reading_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--model",
        metavar="FILE",
        type=Path,
        help="model file, checkpoint of fairseq-train or export for onnxruntime; without it, the shipped one",
    )
    group.add_argument(
        "--beam", metavar="N", type=_positive, default=5, help="width of the search; 1 is fastest"
    )
    group.add_argument(
        "--nbest", metavar="N", type=_positive, default=1, help="readings of a picture; with --json"
    )
    group.add_argument(
        "--max-len", metavar="N", type=_positive, default=200, help="longest formula, in tokens"
    )
    group.add_argument(
        "--batch-size",
        metavar="N",
        type=_positive,
        help="most pictures read at once; without it 320 divided by the width of the search",
    )
    group.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "int8"),
        default="float32",
        help="bfloat16 reads many pictures 1.4 times as fast on some processors, more slowly on others, and one "
        "formula in twenty-five otherwise, no worse on average; int8 reads them 1.1 to 1.3 times as fast on processors "
        "with VNNI, and one in twelve otherwise (default: float32)",
    )
    group.add_argument(
        "--scale",
        metavar="X",
        type=_scale,
        default="auto",
        help="factor that brings the text to 12 pt at 100 dpi (0.5 for 200 dpi), or auto: by the picture itself, and "
        "readings with hardly any confidence are tried in other sizes, which takes several times as long",
    )
    group.add_argument(
        "--no-constrained",
        action="store_true",
        help="let the model write what isn't LaTeX, as unbalanced braces",
    )
    group.add_argument(
        "--rerank",
        choices=("render",),
        help="draw the readings by TeX and prefer the one that looks like the picture",
    )
    group.add_argument(
        "--threads", metavar="N", type=_positive, help="of the processor; without it, all cores"
    )
    group.add_argument(
        "--processes",
        metavar="N",
        type=_positive,
        default=1,
        help="read by so many processes of one thread each: with as many as cores, hundreds of pictures are read "
        "faster than by the threads of one, and take more memory (default: 1)",
    )
    group.add_argument("--device", metavar="NAME", help="cpu or cuda; without it, cuda where there is a GPU")


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="an object a line; see above")
    group.add_argument(
        "--output", metavar="FILE", type=Path, help="write the lines there, not to standard output"
    )
    group.add_argument(
        "--path",
        action=argparse.BooleanOptionalAction,
        help="begin lines with the path and a tab; without it only where there may be several pictures",
    )
    group.add_argument(
        "--with-confidence",
        action="store_true",
        help="a column before the LaTeX: probability that it is right",
    )
    group.add_argument(
        "--min-confidence",
        metavar="P",
        type=_probability,
        help="say on stderr, and in JSON by low_confidence, which pictures were read with less; without it, "
        "0.1 for models whose confidences were calibrated, 0 for others",
    )
    group.add_argument("--copy", action="store_true", help="put the LaTeX on the clipboard as well")
    group.add_argument(
        "-q", "--quiet", action="store_true", help="no progress and no remarks; errors are said"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _probability(text: str) -> float:
    number = float(text)
    if not 0.0 <= number <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return number


def _scale(text: str) -> float | Literal["auto"]:
    if text == "auto":
        return "auto"
    number = float(text)
    if not 0.01 <= number <= 100.0:
        raise argparse.ArgumentTypeError(f"{text} is not from 0.01 to 100")
    return number


def _suffixes(text: str) -> tuple[str, ...]:
    suffixes = tuple(part.strip().lower().removeprefix(".") for part in text.split(","))
    if not all(suffixes):
        raise argparse.ArgumentTypeError(f"{text!r}: an ending is empty; example: png,jpg")
    return suffixes


def _pages(text: str) -> tuple[range, ...]:
    from im2latex_fairseq.recognition.picture_sources import parse_pages

    try:
        return parse_pages(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
