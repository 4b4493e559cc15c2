"""`OnnxRecognizer`: pictures to LaTeX by onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.onnx_runtime.onnx_decoder import OnnxDecoder
from im2latex_fairseq.onnx_runtime.onnx_model import OnnxModel, read_onnx_model
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.picture_reader import PictureReader


class OnnxRecognizer(PictureReader):
    """An exported model that reads pictures of formulas, on the CPU; needs neither torch nor fairseq.

    `predict` and `recognize`, their options and their results are those of `recognition.Recognizer`.

    Args:
        model: What `read_onnx_model` returned.
        threads: CPU threads; onnxruntime's own choice if None.

    Attributes:
        model: As given: graphs, dictionary, preparation, calibration, origin.
    """

    def __init__(self, model: OnnxModel, *, threads: int | None = None) -> None:
        super().__init__(model.symbols, model.preparation, model.calibration)
        self.model = model
        self._decoder = OnnxDecoder(model, threads)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, threads: int | None = None) -> OnnxRecognizer:
        """Load the folder or the zip that `im2latex export --format onnx` made.

        Args:
            path: Its path.
            threads: CPU threads; onnxruntime's own choice if None.

        Raises:
            FileNotFoundError: There is nothing at that path.
            OnnxModelError: It is no export, of a later version, incomplete or damaged.
            ModuleNotFoundError: onnxruntime isn't installed.
            ValueError: `threads` is below 1.
        """
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        return cls(read_onnx_model(path), threads=threads)

    def __reduce__(self) -> tuple[Callable[[OnnxModel], OnnxRecognizer], tuple[OnnxModel]]:
        return OnnxRecognizer, (self.model,)  # sessions don't travel to other processes

    def begin_process(self) -> OnnxRecognizer:
        """See `PictureReader.begin_process`; a session's threads stay behind when a process is forked."""
        return OnnxRecognizer(self.model, threads=1)

    def _decode(
        self, pictures: Sequence[NDArray[np.uint8]], options: RecognitionOptions
    ) -> list[list[DecodedHypothesis]]:
        settings = options.decoding_settings()
        if settings.precision != "float32":
            raise ValueError(
                f"precision {settings.precision}: an exported model computes as it was exported; leave it out"
            )
        return self._decoder.decode(pictures, settings, self.rules if options.constrained else None)
