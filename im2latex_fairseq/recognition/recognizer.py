"""Pictures of formulas to LaTeX: load a model once, then read as many pictures as there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from im2latex_fairseq.decoding.formula_decoder import FormulaDecoder
from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.decoding.token_filter import TokenFilter
from im2latex_fairseq.images.transforms import pad_to_batch, to_tensor
from im2latex_fairseq.recognition.model_building import build_decoder
from im2latex_fairseq.recognition.model_file import ModelFile, ModelFileError, load_model_file
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.picture_reader import PictureReader
from im2latex_fairseq.recognition.shape_batches import ShapeBatches

SHIPPED_MODEL = Path(__file__).parent / "weights" / "base.safetensors"


class Recognizer(PictureReader):
    """A model that reads pictures of formulas, by torch.

    Not for several threads at once; each may have its own.

    Args:
        model: What `load_model_file` or `convert_checkpoint` returned.
        device: Where it computes, "cuda" for example.

    Attributes:
        model: As given: architecture, dictionary, preparation, calibration, card.
        decoder: Encoder and decoder.
        device: Where it computes.
    """

    def __init__(self, model: ModelFile, *, device: torch.device | str = "cpu") -> None:
        super().__init__(model.dictionary, model.preparation, model.calibration, model.known_text)
        self.model = model
        self.device = torch.device(device)
        self.decoder: FormulaDecoder = build_decoder(model, self.device)

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str] | None = None,
        *,
        device: torch.device | str | None = None,
        threads: int | None = None,
    ) -> Recognizer:
        """Load a model.

        Args:
            model: A model file (`.safetensors`) or a checkpoint of fairseq-train (`.pt`); None for the
                model that comes with the package.
            device: Where to compute; None: on the GPU if torch finds one, else on the CPU.
            threads: CPU threads that torch uses, in the whole process; its own choice if None.

        Raises:
            FileNotFoundError: There is no such file.
            ModelFileError: It is damaged, foreign, of a later release, or no checkpoint of this task.
            ValueError: `threads` is below 1.
        """
        if threads is not None:
            if threads < 1:
                raise ValueError(f"threads must be at least 1, got {threads}")
            torch.set_num_threads(threads)
        return cls(read_model(model), device=device or usual_device())

    def __reduce__(self) -> tuple[Callable[[ModelFile, str], Recognizer], tuple[ModelFile, str]]:
        return _rebuilt, (self.model, str(self.device))  # packed weights don't travel to other processes

    def begin_process(self) -> Recognizer:
        """See `PictureReader.begin_process`; several processes compute on the CPU."""
        torch.set_num_threads(1)
        return self if self.device.type == "cpu" else Recognizer(self.model)

    def _decode(
        self, pictures: Sequence[NDArray[np.uint8]], options: RecognitionOptions
    ) -> list[list[DecodedHypothesis]]:
        rules = self.rules if options.constrained else None
        return decode_pictures(self.decoder, pictures, options.decoding_settings(), rules, self.device)


def usual_device() -> str:
    """Where a model computes if nobody says where: on the GPU if torch finds one, else on the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _rebuilt(model: ModelFile, device: str) -> Recognizer:
    return Recognizer(model, device=device)


def decode_pictures(
    decoder: FormulaDecoder,
    pictures: Sequence[NDArray[np.uint8]],
    settings: DecodingSettings,
    token_filter: TokenFilter | None = None,
    device: torch.device | str = "cpu",
) -> list[list[DecodedHypothesis]]:
    """Decode pictures of any shapes together; the encoder looks at them in batches of like shapes.

    Args:
        decoder: On that device.
        pictures: Prepared, (H, W) each, uint8, 255 = paper; those of like amounts of ink go well together.
        settings: The search.
        token_filter: What may follow; None: everything.
        device: Where to compute.

    Returns:
        As `FormulaDecoder.decode`, in the order of the pictures.
    """
    division = ShapeBatches(pictures)
    padded = [pad_to_batch([to_tensor(picture) for picture in batch]) for batch in division.batches()]
    decoded = decoder.decode_batches(
        [(images.to(device), sizes.to(device)) for images, sizes in padded], settings, token_filter
    )
    return division.in_order(decoded)


def read_model(model: str | os.PathLike[str] | None = None) -> ModelFile:
    """Read a model file or a checkpoint; see `Recognizer.load`."""
    path = SHIPPED_MODEL if model is None else Path(model)
    if path.suffix == ".safetensors":
        if path == SHIPPED_MODEL and not path.is_file():
            raise ModelFileError(
                "this installation holds no weights; name a model file or a checkpoint of your own training"
            )
        return load_model_file(path)
    # Imported here, since most programs read the model file alone.
    from im2latex_fairseq.recognition.checkpoint_conversion import convert_checkpoint

    return convert_checkpoint(path)
