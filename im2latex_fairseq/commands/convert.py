"""`im2latex convert`: a checkpoint of one's own training as a model file for recognition."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from im2latex_fairseq.commands.command import Command, CommandError

if TYPE_CHECKING:
    from im2latex_fairseq.recognition.scale import KnownText


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", type=Path, help="of fairseq-train: checkpoint_best.pt"
    )
    parser.add_argument(
        "--output",
        metavar="FILE.safetensors",
        type=Path,
        required=True,
        help="model file to write; FILE.json with its checksum and card is written beside it, and belongs to it",
    )
    parser.add_argument(
        "--calibration", metavar="FILE", type=Path, help="JSON of a calibration: confidences as measured"
    )
    parser.add_argument(
        "--known-text",
        metavar="FILE",
        type=Path,
        help="JSON of the size of text that the model reads well: em_px, smallest_em_px, largest_em_px; without it, "
        "that of IM2LATEX-100K",
    )
    parser.add_argument(
        "--card",
        metavar="FILE",
        type=Path,
        help="JSON object to put on the model's card: data, figures, licence",
    )


def run(arguments: argparse.Namespace) -> int:
    """Convert, write, say what was written."""
    # Imported here: torch takes seconds, and --help doesn't need it.
    from dataclasses import replace

    from im2latex_fairseq.decoding.confidence import Calibration
    from im2latex_fairseq.recognition.checkpoint_conversion import convert_checkpoint, with_card
    from im2latex_fairseq.recognition.model_building import build_decoder
    from im2latex_fairseq.recognition.model_file import card_path, save_model_file

    model = convert_checkpoint(arguments.checkpoint)
    if arguments.calibration is not None:
        model = replace(model, calibration=Calibration.from_dict(_json_object(arguments.calibration)))
    if arguments.known_text is not None:
        model = replace(model, known_text=_known_text(arguments.known_text))
    if arguments.card is not None:
        model = with_card(model, _json_object(arguments.card))
    build_decoder(model)  # a model that can't be built is refused here, not where it is to be used
    checksum = save_model_file(arguments.output, model)
    size = arguments.output.stat().st_size
    print(
        f"{arguments.output}: {size / 1e6:.1f} MB, SHA-256 {checksum}; with {card_path(arguments.output).name}"
    )
    return 0


def _known_text(path: Path) -> KnownText:
    from im2latex_fairseq.recognition.scale import KnownText

    try:
        return KnownText(**_json_object(path))
    except TypeError as error:
        raise CommandError(f"{path}: not the size of known text ({error})") from error


def _json_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path}: not JSON ({error})") from error
    if not isinstance(content, dict):
        raise CommandError(f"{path}: a JSON object is needed, not {type(content).__name__}")
    return content


CONVERT = Command(
    name="convert",
    summary="make a model file for predict of a checkpoint of fairseq-train",
    description=(
        "Make a model file of a checkpoint of fairseq-train: what reading pictures takes, in half precision, with its\n"
        "dictionary and preparation settings, safe to load. im2latex predict --model and Recognizer.load read it."
    ),
    examples=(
        "im2latex convert checkpoints/checkpoint_best.pt --output my_model.safetensors",
        "im2latex convert checkpoint_best.pt --output base.safetensors --calibration calibration.json --card card.json",
    ),
    add_options=add_options,
    run=run,
)
