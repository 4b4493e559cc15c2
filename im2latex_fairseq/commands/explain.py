"""`im2latex explain`: where in the picture each token was read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from im2latex_fairseq.commands.command import Command, CommandError

if TYPE_CHECKING:
    from im2latex_fairseq.recognition.explanation import Explanation
    from im2latex_fairseq.recognition.picture_sources import PictureSource


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "picture", metavar="PICTURE", help="a file, FILE.pdf#2, or - for a picture on standard input"
    )
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--model",
        metavar="FILE",
        type=Path,
        help="model file or checkpoint of fairseq-train; without it, the shipped one",
    )
    group.add_argument("--beam", metavar="N", type=_positive, default=5, help="width of the search")
    group.add_argument(
        "--scale",
        metavar="X",
        type=_scale,
        default="auto",
        help="factor that brings the text to 12 pt at 100 dpi, or auto: by the picture itself",
    )
    group.add_argument(
        "--rerank", choices=("render",), help="prefer the reading that TeX draws like the picture"
    )
    group.add_argument(
        "--threads", metavar="N", type=_positive, help="of the processor; without it, all cores"
    )
    group = parser.add_argument_group("output")
    group.add_argument("--output", metavar="FILE.html", type=Path, help="page to write; needs nothing else")
    group.add_argument(
        "--picture", dest="drawing", metavar="FILE.png", type=Path, help="picture with the places to write"
    )


def run(arguments: argparse.Namespace) -> int:
    """Read the picture, write what was asked for, print the LaTeX."""
    source = _source(arguments.picture)
    page, drawing = _outputs(arguments, source)
    # Imported when what costs little is known to be right.
    from im2latex_fairseq.recognition.explanation import explain
    from im2latex_fairseq.recognition.options import RecognitionOptions
    from im2latex_fairseq.recognition.recognizer import Recognizer

    options = RecognitionOptions(
        beam=arguments.beam, nbest=arguments.beam, scale=arguments.scale, rerank=arguments.rerank
    )
    recognizer = Recognizer.load(arguments.model, threads=arguments.threads)
    explanation = explain(recognizer, source.open, options)
    _write(explanation, source.name, page, drawing)
    print(explanation.recognition.latex)
    return 0


def _source(name: str) -> PictureSource:
    from im2latex_fairseq.recognition.picture_sources import collect_sources

    sources = collect_sources([name])
    if len(sources) != 1:
        raise CommandError(
            f"{name} is {len(sources)} pictures; explain takes one, as FILE.pdf#2 of a document"
        )
    return sources[0]


def _outputs(arguments: argparse.Namespace, source: PictureSource) -> tuple[Path | None, Path | None]:
    """Where page and picture go; without either option, the page beside the picture."""
    page, drawing = arguments.output, arguments.drawing
    if page is None and drawing is None:
        if source.path is None:
            raise CommandError("name the page to write by --output FILE.html")
        page = Path(f"{Path(source.name).stem or 'picture'}.explained.html")
    if drawing is not None and drawing.suffix.lower() != ".png":
        raise CommandError(f"--picture {drawing} should end in .png")
    for path in (page, drawing):
        if path is not None and source.path is not None and _is_same_file(path, source.path):
            raise CommandError(f"{path} is the picture to read; name another file")
        if path is not None and path.is_dir():
            raise CommandError(f"{path} is a folder; name a file")
    if page is not None and page == drawing:
        raise CommandError(f"--output and --picture are both {page}")
    return page, drawing


def _is_same_file(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


def _write(explanation: Explanation, name: str, page: Path | None, drawing: Path | None) -> None:
    from im2latex_fairseq.data.atomic_file import atomic_writer, write_text_atomically

    if page is not None:
        from im2latex_fairseq.report.explanation_page import explanation_page

        write_text_atomically(page, explanation_page(explanation, name))
    if drawing is not None:
        from im2latex_fairseq.report.explanation_picture import explanation_picture

        with atomic_writer(drawing) as file:
            explanation_picture(explanation).save(file, format="PNG")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _scale(text: str) -> float | str:
    return text if text == "auto" else float(text)


EXPLAIN = Command(
    name="explain",
    summary="show where in the picture each token was read, and how sure it is",
    description=(
        "Read a picture of a formula and write a page that shows from which place each token was read: hover a token\n"
        "and see its place, hover a place and see its token. Colours tell how likely each token is right; other\n"
        "readings are listed below. The page is one file that needs no network. The LaTeX is printed.\n\n"
        "Without --output and --picture, the page is written to NAME.explained.html in the current folder."
    ),
    examples=(
        "im2latex explain formula.png",
        "im2latex explain formula.png --output formula.html --picture formula-places.png",
        "im2latex explain paper.pdf#2 --output page2.html",
        "curl -s https://example.org/formula.png | im2latex explain - --output formula.html",
    ),
    add_options=add_options,
    run=run,
)
