"""Prepared pictures to token ids by the two graphs of an exported model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.decoding.token_filter import ArrayFilter
from im2latex_fairseq.onnx_runtime.onnx_model import OnnxModel, OnnxModelError
from im2latex_fairseq.onnx_runtime.picture_memory import PictureMemory, StepDecoder
from im2latex_fairseq.onnx_runtime.search import BeamSearch
from im2latex_fairseq.recognition.shape_batches import ShapeBatches


class OnnxDecoder:
    """Sessions of onnxruntime on the CPU, ready to decode; what `decoding.FormulaDecoder` is with torch.

    Args:
        model: The graphs and what belongs to them.
        threads: CPU threads; onnxruntime's own choice if None.

    Raises:
        OnnxModelError: onnxruntime refuses a graph.
        ModuleNotFoundError: onnxruntime isn't installed.
    """

    def __init__(self, model: OnnxModel, threads: int | None = None) -> None:
        self._model = model
        self._encoder = _session(model.encoder, "the encoder", threads)
        self._step = StepDecoder(_session(model.decoder_step, "the decoder's step", threads))

    def decode(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        settings: DecodingSettings,
        token_filter: ArrayFilter | None = None,
    ) -> list[list[DecodedHypothesis]]:
        """Read pictures together.

        Args:
            pictures: Prepared, (H, W) uint8, 255 = paper, of any sizes.
            settings: Beam, lengths, number of results; float32 on the CPU, without attention.
            token_filter: What may follow; None for everything.

        Returns:
            For each picture its hypotheses, best first, at most `settings.nbest`.
        """
        longest = min(settings.max_len, self._model.max_positions - 1)
        settings = dataclasses.replace(settings, max_len=longest)
        search = BeamSearch(self._step, settings, token_filter)
        division = ShapeBatches(pictures)
        memories = [self.encode(batch).packed() for batch in division.batches()]
        return division.in_order(search.run(PictureMemory.join(memories)))

    def encode(self, pictures: Sequence[NDArray[np.uint8]]) -> PictureMemory:
        """Keys and values of prepared pictures of like shapes, which are padded to one."""
        images, sizes = batch_of(pictures)
        names = ["keys", "values", "unread"]
        return PictureMemory(*self._encoder.run(names, {"images": images, "sizes": sizes}))


def batch_of(pictures: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Put prepared pictures into one batch.

    Args:
        pictures: (H, W) uint8 each, 255 = paper.

    Returns:
        (B, 1, H, W) float32 in [0, 1], 0 = paper, which also pads; (height, width) of each, (B, 2) int64.
    """
    sizes = np.array([picture.shape for picture in pictures], dtype=np.int64)
    height, width = sizes.max(axis=0)
    images = np.zeros((len(pictures), 1, height, width), dtype=np.float32)
    for row, picture in enumerate(pictures):
        ink = np.subtract(255, picture, dtype=np.uint8).astype(np.float32)
        images[row, 0, : picture.shape[0], : picture.shape[1]] = ink / np.float32(255.0)
    return images, sizes


def _session(graph: bytes, name: str, threads: int | None) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "reading an exported model needs onnxruntime: pip install 'im2latex-fairseq[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, which it doesn't document
        raise OnnxModelError(
            f"onnxruntime refuses the graph of {name}: {error}; export the model again"
        ) from error
