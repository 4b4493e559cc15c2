"""`im2latex export`: a model for programs without torch."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from im2latex_fairseq.commands.command import Command, CommandError

FORMATS = ("onnx",)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        type=Path,
        help="model file or checkpoint of fairseq-train; without it, the shipped one",
    )
    parser.add_argument("--format", choices=FORMATS, required=True, help="onnx: for onnxruntime")
    parser.add_argument(
        "--output",
        metavar="FOLDER|FILE.zip",
        type=Path,
        required=True,
        help="folder for encoder.onnx, decoder_step.onnx and model.json, or one zip of them",
    )
    parser.add_argument(
        "--int8", action="store_true", help="weights in int8: half the size, and the decoder is faster"
    )
    parser.add_argument(
        "--pictures",
        metavar="PICTURE",
        nargs="+",
        help="with --int8: some dozens of pictures like those to be read (files, folders, or valid.images of "
        "prepared data); the encoder computes in int8 then, and is faster too",
    )


def run(arguments: argparse.Namespace) -> int:
    """Export, load what was written, say what it is."""
    if arguments.pictures and not arguments.int8:
        raise CommandError("--pictures tell the ranges of --int8; give that too")
    if arguments.output.suffix != ".zip" and arguments.output.is_file():
        raise CommandError(
            f"--output {arguments.output} is a file; name a folder, or a file that ends in .zip"
        )
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise CommandError(f"needs {' and '.join(missing)}: pip install 'im2latex-fairseq[onnx]'")
    # Imported here: torch takes seconds, and --help doesn't need it.
    from im2latex_fairseq.onnx_export.exporting import export_onnx
    from im2latex_fairseq.onnx_export.quantization import export_int8
    from im2latex_fairseq.onnx_export.range_pictures import read_range_pictures
    from im2latex_fairseq.onnx_runtime.onnx_model import write_onnx_model
    from im2latex_fairseq.onnx_runtime.recognizer import OnnxRecognizer
    from im2latex_fairseq.recognition.recognizer import read_model

    model = read_model(arguments.model)
    if arguments.int8:
        pictures = read_range_pictures(arguments.pictures, model.preparation) if arguments.pictures else ()
        exported = export_int8(model, pictures)
    else:
        exported = export_onnx(model)
    files = write_onnx_model(exported, arguments.output)
    OnnxRecognizer.load(arguments.output)  # what onnxruntime refuses is said here, not where it is to be used
    size = sum(file.stat().st_size for file in files)
    print(
        f"{arguments.output}: {size / 1e6:.1f} MB, {exported.precision}, {', '.join(f.name for f in files)}"
    )
    return 0


EXPORT = Command(
    name="export",
    summary="export a model for programs without torch",
    description=(
        "Write a model as two ONNX graphs, the image encoder and one step of the decoder, with all that reading\n"
        "pictures takes beside. im2latex predict --model FOLDER reads it, and so does, with numpy, Pillow and\n"
        "onnxruntime alone:\n\n"
        "  from im2latex_fairseq.onnx_runtime.recognizer import OnnxRecognizer\n"
        '  OnnxRecognizer.load("FOLDER").predict("formula.png").latex'
    ),
    examples=(
        "im2latex export --format onnx --output im2latex_onnx                  # the shipped model",
        "im2latex export checkpoint_best.pt --format onnx --output my_model.zip",
        "im2latex export my_model.safetensors --format onnx --int8 --pictures scans/ --output small",
        "im2latex export checkpoint_best.pt --format onnx --int8 --pictures data-bin/valid.images --output small",
    ),
    add_options=add_options,
    run=run,
)
