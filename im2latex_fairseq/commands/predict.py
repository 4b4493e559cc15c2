"""`im2latex predict`: pictures of formulas to LaTeX."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from im2latex_fairseq.commands.command import Command, CommandError
from im2latex_fairseq.commands.predict_options import add_options

if TYPE_CHECKING:
    from im2latex_fairseq.images.errors import ImageError
    from im2latex_fairseq.preparation.progress import Progress
    from im2latex_fairseq.recognition.line_output import LineOutput
    from im2latex_fairseq.recognition.options import RecognitionOptions
    from im2latex_fairseq.recognition.picture_reader import PictureReader
    from im2latex_fairseq.recognition.picture_sources import PictureSource
    from im2latex_fairseq.recognition.results import Outcome, Recognition

_READ, _SOME_FAILED, _INTERRUPTED = 0, 1, 130
_USUAL_MIN_CONFIDENCE = 0.1


def run(arguments: argparse.Namespace) -> int:
    """Read the pictures, write a line each."""
    if arguments.nbest > 1 and not arguments.json:
        raise CommandError("--nbest gives several readings of a picture, which take --json")
    if arguments.processes > 1 and arguments.threads not in (None, 1):
        raise CommandError("--processes have one thread each; leave --threads out")
    if arguments.processes > 1 and arguments.device not in (None, "cpu"):
        raise CommandError(f"--processes compute on the CPU; leave --device {arguments.device} out")
    if arguments.nbest > arguments.beam:
        raise CommandError(f"--nbest {arguments.nbest} takes a --beam at least as wide, not {arguments.beam}")
    from im2latex_fairseq.recognition.line_output import LineOutput

    sources = _collect(arguments)
    with LineOutput(arguments.output) as output:
        for source in sources:
            if source.path is not None and output.is_file(source.path):
                raise CommandError(f"--output {arguments.output} is a picture to read; name another file")
        recognizer = _load(arguments)  # when what costs little is known to be right
        output.begin()
        results = _Results(arguments, sources, output, _min_confidence(arguments, recognizer))
        try:
            with _in_processes(recognizer, min(arguments.processes, len(sources))) as reader:
                results.read_all(reader)
        except KeyboardInterrupt:
            results.write_waiting()
            _say(f"interrupted; {results.read:,} of {len(sources):,} pictures were read and written")
            return _INTERRUPTED
        except (RuntimeError, MemoryError) as error:
            results.write_waiting()
            raise CommandError(
                f"{error}; {results.read:,} of {len(sources):,} pictures were read and written; "
                "if memory ran out, a smaller --batch-size helps"
            ) from error
    if arguments.copy and results.formulas:
        from im2latex_fairseq.recognition.clipboard import write_text

        write_text("\n".join(results.formulas))
    return _SOME_FAILED if results.failed else _READ


@dataclass
class _Results:
    """Pictures on their way to lines, which come in the order of the pictures.

    Attributes:
        arguments: The options.
        sources: The pictures.
        output: Where the lines go.
        min_confidence: Pictures that are read with less are said.
        waiting: Outcomes that came before those of pictures named earlier; by number.
        written: So many pictures have had their turn.
        read: So many of them were read.
        failed: Reasons of the others.
        formulas: What was read, for the clipboard.
    """

    arguments: argparse.Namespace
    sources: list[PictureSource]
    output: LineOutput
    min_confidence: float
    waiting: dict[int, Outcome] = field(default_factory=dict)
    written: int = 0
    read: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    formulas: list[str] = field(default_factory=list)

    def read_all(self, recognizer: PictureReader) -> None:
        """Read every picture; one that can't be read costs only itself."""
        outcomes = recognizer.recognize((source.open for source in self.sources), _options(self.arguments))
        with _progress(self.arguments, len(self.sources)) as progress:
            for outcome in outcomes:
                self.waiting[outcome.number] = outcome
                while self.written in self.waiting:
                    self._write(self.written)
                    self.written += 1
                if progress is not None:
                    progress.advance()
        if self.failed and len(self.sources) > 1:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(self.failed.items()))
            _say(f"{self.failed.total():,} of {len(self.sources):,} pictures could not be read ({reasons})")

    def write_waiting(self) -> None:
        """Write what was read out of turn when there is no more to come."""
        for number in sorted(self.waiting):
            self._write(number)

    def _write(self, number: int) -> None:
        """Write what became of a picture and count it; Ctrl-C comes before both or after both."""
        source, outcome = self.sources[number], self.waiting[number]
        if outcome.recognition is not None:
            self._write_recognition(source, number, outcome.recognition)
        elif outcome.error is not None:
            self._write_error(source, number, outcome.error)

    def _write_error(self, source: PictureSource, number: int, error: ImageError) -> None:
        from im2latex_fairseq.recognition.result_lines import json_error_line

        message = str(error)
        if not message.startswith(source.name):
            message = f"{source.name}: {message}"
        with self.output.uninterrupted():
            if self.arguments.json:
                self.output.write(json_error_line(source.name, message, error.reason))
            del self.waiting[number]
            self.failed[error.reason] += 1
        _say(message)

    def _write_recognition(self, source: PictureSource, number: int, recognition: Recognition) -> None:
        from im2latex_fairseq.recognition.result_lines import json_line, plain_line

        arguments = self.arguments
        unsure = recognition.confidence < self.min_confidence
        if arguments.json:
            line = json_line(source.name, recognition, flagged=unsure)
        else:
            name = source.name if _names_are_shown(arguments) else None
            line = plain_line(recognition, name=name, with_confidence=arguments.with_confidence)
        with self.output.uninterrupted():
            self.output.write(line)
            del self.waiting[number]
            self.read += 1
            if arguments.copy:
                self.formulas.append(recognition.latex)
        if unsure and not arguments.quiet:
            _say(f"{source.name}: confidence {recognition.confidence:.0%}; compare it with the picture")


@contextlib.contextmanager
def _in_processes(recognizer: PictureReader, processes: int) -> Iterator[PictureReader]:
    """The reader itself, or several that read as it does."""
    if processes <= 1:
        yield recognizer
        return
    from im2latex_fairseq.recognition.parallel_reader import ParallelReader

    with ParallelReader(recognizer, processes) as reader:
        yield reader


def _load(arguments: argparse.Namespace) -> PictureReader:
    """The model of the command line: ours, a checkpoint, or an export for onnxruntime, which needs no torch."""
    from im2latex_fairseq.onnx_runtime.onnx_model import is_onnx_model

    if arguments.model is None or not is_onnx_model(arguments.model):
        from im2latex_fairseq.recognition.recognizer import Recognizer

        on_cpu = arguments.processes > 1 or arguments.precision == "int8"
        device = arguments.device or ("cpu" if on_cpu else None)
        return Recognizer.load(arguments.model, device=device, threads=arguments.threads)
    if arguments.device not in (None, "cpu"):
        raise CommandError(f"--device {arguments.device}: exported models compute on the CPU; leave it out")
    if arguments.precision != "float32":
        raise CommandError(
            f"--precision {arguments.precision}: exported models compute as they were exported; leave it out"
        )
    from im2latex_fairseq.onnx_runtime.recognizer import OnnxRecognizer

    try:
        return OnnxRecognizer.load(arguments.model, threads=arguments.threads)
    except ModuleNotFoundError as error:
        raise CommandError(str(error)) from error


def _min_confidence(arguments: argparse.Namespace, recognizer: PictureReader) -> float:
    if arguments.min_confidence is not None:
        return float(arguments.min_confidence)
    # An uncalibrated model's own probability of a formula is low even where it is right.
    return _USUAL_MIN_CONFIDENCE if recognizer.calibration.is_fitted else 0.0


def _options(arguments: argparse.Namespace) -> RecognitionOptions:
    from im2latex_fairseq.recognition.options import RecognitionOptions

    return RecognitionOptions(
        beam=arguments.beam,
        nbest=arguments.nbest,
        max_len=arguments.max_len,
        batch_size=arguments.batch_size,
        precision=arguments.precision,
        constrained=not arguments.no_constrained,
        scale=arguments.scale,
        rerank=arguments.rerank,
    )


def _collect(arguments: argparse.Namespace) -> list[PictureSource]:
    from im2latex_fairseq.recognition.clipboard import read_picture
    from im2latex_fairseq.recognition.picture_sources import (
        PICTURE_SUFFIXES,
        STANDARD_INPUT,
        PictureSource,
        SourceSettings,
        collect_listed,
        collect_sources,
        read_list,
    )

    if not (arguments.pictures or arguments.from_list or arguments.from_clipboard):
        raise CommandError("no pictures; name files or folders, - for standard input, or --from-clipboard")
    if [*arguments.pictures, arguments.from_list].count(STANDARD_INPUT) > 1:
        raise CommandError("standard input can be read only once; give - once")
    if arguments.null and not arguments.from_list:
        raise CommandError("--null says how the paths of --from-list are parted; give that too")
    settings = SourceSettings(
        arguments.recursive, arguments.suffixes or PICTURE_SUFFIXES, arguments.page or ()
    )
    sources = collect_sources(arguments.pictures, settings)
    if arguments.from_list:
        listing = read_list(arguments.from_list)
        sources += collect_listed(listing, arguments.from_list, null=arguments.null, settings=settings)
    if arguments.from_clipboard:
        sources.append(PictureSource("clipboard", read_picture))
    return sources


def _names_are_shown(arguments: argparse.Namespace) -> bool:
    """As `grep` does: with the names where the command line may stand for several pictures."""
    if arguments.path is not None:
        return bool(arguments.path)
    names = arguments.pictures
    if arguments.from_list or len(names) + arguments.from_clipboard != 1:
        return True
    return bool(names) and names[0] != "-" and not Path(names[0]).is_file()


@contextlib.contextmanager
def _progress(arguments: argparse.Namespace, total: int) -> Iterator[Progress | None]:
    """A bar on stderr for many pictures, unless the lines themselves run over the same terminal."""
    lines_are_seen = arguments.output is None and sys.stdout.isatty()
    if arguments.quiet or total < 2 or (lines_are_seen and sys.stderr.isatty()):
        yield None
        return
    from im2latex_fairseq.preparation.progress import Progress

    with Progress("reading", total, "pictures") as progress:
        yield progress


def _say(message: str) -> None:
    """One line on stderr; a bar that stands there is drawn again below it."""
    line = f"im2latex predict: {message}".encode(errors="backslashreplace").decode()
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr)


PREDICT = Command(
    name="predict",
    summary="read pictures of formulas as LaTeX",
    description=(
        "Read pictures of printed formulas, one formula each, as LaTeX. Needs neither a network nor a GPU.\n\n"
        "what is written:\n"
        "  One picture gives its LaTeX on one line. Where there may be several (names, a folder, pages), a line is\n"
        "  the path, a tab and the LaTeX, in the order of the names.\n"
        "  Tabs and line feeds in paths are written as \\t and \\n.\n"
        "  --json writes an object a line: path, latex, tokens, confidence (probability that the formula is right),\n"
        "  score, token_confidences, alternatives (the readings after the first), seconds, scale, low_confidence\n"
        "  and error; for a picture that could not be read path, latex (null), error and reason.\n"
        "  Both forms can be scored as they are: im2latex score --hypotheses FILE.tsv or FILE.jsonl.\n\n"
        "exit status:\n"
        "  0    all pictures were read\n"
        "  1    some could not be read: stderr says which and why, the others were read\n"
        "  2    nothing could be done: wrong options, model or output\n"
        "  130  interrupted: what was read until then is written"
    ),
    examples=(
        "im2latex predict formula.png",
        "im2latex predict scans/ more/*.jpg --output read.tsv",
        "im2latex predict 'scans/**/*.png' --json --nbest 3 > read.jsonl",
        "im2latex predict -r archive/ --processes 4 --precision bfloat16 --output read.tsv",
        "im2latex predict formula.pdf paper.pdf#2",
        "im2latex predict --from-clipboard --copy",
        "find scans -name '*.png' -print0 | im2latex predict --from-list - --null",
        "curl -s https://example.org/formula.png | im2latex predict -",
    ),
    add_options=add_options,
    run=run,
)
