"""Pictures to token ids: encoder, decoder and search together."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from im2latex_fairseq.decoding.beam_search import beam_search
from im2latex_fairseq.decoding.greedy_search import greedy_search
from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.decoding.int8_products import convolutions_in_int8
from im2latex_fairseq.decoding.picture_memory import PictureMemory
from im2latex_fairseq.decoding.row_scorer import RowScorer
from im2latex_fairseq.decoding.search_limits import SearchLimits
from im2latex_fairseq.decoding.settings import ROWS_TOGETHER, DecodingSettings
from im2latex_fairseq.decoding.stepper import DecoderStepper
from im2latex_fairseq.decoding.token_filter import TokenFilter


class FormulaDecoder:
    """A model ready to decode: encoder, stepper with weights prepared once, ids of the special symbols.

    Args:
        encoder: An `ImageEncoder`, in evaluation mode; it computes where its weights lie.
        stepper: Of the decoder, on the same device.
        eos: Id of the end, which also stands before the first token.
        pad: Id that is never chosen.
        unk: Id of an unknown token.
        bos: Id of a beginning that no formula holds, if there is one.
    """

    # Of many pictures, those of like length go together.
    CPU_ROWS = ROWS_TOGETHER
    # Pixels, padding included, that a CPU's encoder looks at together: above it a grid outgrows the 32 MiB up to
    # which glibc reuses memory, and each is mapped and zeroed anew.
    CPU_PIXELS = 1 << 19
    # Below so many rows a CPU's bfloat16 products, which unpack their weights, take longer than float32.
    CPU_BFLOAT16_ROWS = 16

    def __init__(
        self,
        encoder: nn.Module,
        stepper: DecoderStepper,
        *,
        eos: int,
        pad: int,
        unk: int,
        bos: int | None = None,
    ) -> None:
        self._models = [(encoder, stepper)]
        self._encoders: dict[str, list[nn.Module]] = {"float32": [encoder]}
        self.eos = eos
        self.pad = pad
        self.unk = unk
        self.bos = bos

    @classmethod
    def ensemble(
        cls,
        models: Sequence[tuple[nn.Module, DecoderStepper]],
        *,
        eos: int,
        pad: int,
        unk: int,
        bos: int | None = None,
    ) -> FormulaDecoder:
        """Several models with one dictionary, whose probabilities are averaged.

        Raises:
            ValueError: There is none, or their dictionaries differ in size.
        """
        sizes = {stepper.vocabulary_size for _, stepper in models}
        if len(sizes) != 1:
            raise ValueError(f"an ensemble needs models with one dictionary, got sizes {sorted(sizes)}")
        decoder = cls(*models[0], eos=eos, pad=pad, unk=unk, bos=bos)
        decoder._models = list(models)
        decoder._encoders = {"float32": [encoder for encoder, _ in models]}
        return decoder

    def decode(
        self,
        images: torch.Tensor,
        sizes: torch.Tensor,
        settings: DecodingSettings,
        token_filter: TokenFilter | None = None,
    ) -> list[list[DecodedHypothesis]]:
        """The formulas of a batch of pictures.

        Args:
            images: (B, 1, H, W) float32 in [0, 1], 0 = paper; B may be 0.
            sizes: Unpadded (height, width) of each, (B, 2) int64, in pixels.
            settings: Beam, lengths, precision.
            token_filter: What may follow; None: everything.

        Returns:
            Of each picture, `settings.nbest` hypotheses or as many as there are, the best first.

        Raises:
            ValueError: The model's scores are no numbers, or the filter leaves no way to an end.
        """
        return self.decode_batches([(images, sizes)], settings, token_filter)

    def decode_batches(
        self,
        batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
        settings: DecodingSettings,
        token_filter: TokenFilter | None = None,
    ) -> list[list[DecodedHypothesis]]:
        """The formulas of several batches, each padded for itself and looked at alone, then decoded together.

        An encoder wants pictures of like shape together, a decoder formulas of like length, and more of
        them. Pictures are decoded in groups of like numbers of inked cells, which tell how long a formula
        will be.

        Args:
            batches: (images, sizes) of each, as `decode` takes them.
            settings: Beam, lengths, precision.
            token_filter: What may follow; None: everything.

        Returns:
            As `decode`, the pictures of the first batch first.

        Raises:
            ValueError: As `decode`.
        """
        batches = [batch for batch in batches if len(batch[0])]
        if not batches:
            return []
        device = batches[0][0].device.type
        with torch.no_grad(), torch.autocast(device, enabled=False):
            looked = [
                self._look_at(*part, settings.precision)
                for images, sizes in batches
                for part in self._parts(images, sizes)
            ]
        # One a model
        memories = [PictureMemory.join(parts) for parts in zip(*looked, strict=True)]
        limits = self._limits(settings)
        found: list[list[DecodedHypothesis]] = [[] for _ in range(len(memories[0].counts))]
        for group in self._groups(memories[0], limits.beam, device):
            parts = [memory.select(group) for memory in memories]
            with torch.inference_mode(), torch.autocast(device, enabled=False):
                hypotheses = self._search(parts, limits, settings, token_filter)
            for place, picture in enumerate(group.tolist()):
                found[picture] = [
                    _on_grid(hypothesis, parts[0], place)
                    for hypothesis in hypotheses[place][: settings.nbest]
                ]
        return found

    def _parts(
        self, images: torch.Tensor, sizes: torch.Tensor
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The pictures of a batch that are looked at together, in their order."""
        if images.device.type != "cpu":
            yield images, sizes
            return
        count = max(1, self.CPU_PIXELS // images[0].numel())
        for start in range(0, len(images), count):
            yield images[start : start + count], sizes[start : start + count]

    def _look_at(self, images: torch.Tensor, sizes: torch.Tensor, precision: str) -> list[PictureMemory]:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            outputs = [encoder(images, sizes) for encoder in self._encoders_in(precision)]
        return [PictureMemory.from_encoder_out(output) for output in outputs]

    def _encoders_in(self, precision: str) -> list[nn.Module]:
        if precision not in self._encoders:
            prepared = convolutions_in_int8 if precision == "int8" else _in_bfloat16
            self._encoders[precision] = [prepared(encoder) for encoder, _ in self._models]
        return self._encoders[precision]

    def _limits(self, settings: DecodingSettings) -> SearchLimits:
        steppers = [stepper for _, stepper in self._models]
        return SearchLimits(
            # Padding is never chosen, so that there are no more beams than other symbols.
            beam=min(settings.beam, steppers[0].vocabulary_size - 1),
            max_len=min(settings.max_len, *(stepper.max_positions - 1 for stepper in steppers)),
            length_penalty=settings.length_penalty,
            begin=self.eos,
            eos=self.eos,
            pad=self.pad,
        )

    def _groups(self, memory: PictureMemory, beam: int, device: str) -> list[np.ndarray]:
        order = np.argsort(memory.counts, kind="stable")
        if device != "cpu":
            return [order]
        count = -(-len(order) * beam // self.CPU_ROWS)
        return [np.sort(group) for group in np.array_split(order, max(1, min(count, len(order))))]

    def _search(
        self,
        memories: Sequence[PictureMemory],
        limits: SearchLimits,
        settings: DecodingSettings,
        token_filter: TokenFilter | None,
    ) -> list[list[DecodedHypothesis]]:
        pictures = len(memories[0].counts)
        is_few = pictures * limits.beam < self.CPU_BFLOAT16_ROWS
        if settings.precision == "bfloat16" and memories[0].keys.device.type == "cpu" and is_few:
            settings = replace(settings, precision="float32")
        scorer = RowScorer([stepper for _, stepper in self._models], memories, settings, limits.beam)
        search = greedy_search if limits.beam == 1 else beam_search
        return search(scorer, pictures, limits, token_filter)


def _in_bfloat16(encoder: nn.Module) -> nn.Module:
    """A copy with the weights of products in bfloat16, as autocast would cast them at each call."""
    copied = copy.deepcopy(encoder)
    for module in copied.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.to(torch.bfloat16)
    return copied


def _on_grid(hypothesis: DecodedHypothesis, memory: PictureMemory, picture: int) -> DecodedHypothesis:
    """With attention over the grid instead of over the cells that are read."""
    if hypothesis.attention is None:
        return hypothesis
    # Cloned outside of inference mode, so that it may be changed and trained with.
    attention = memory.to_grid(hypothesis.attention.clone(), picture)
    rows, columns = memory.grid_sizes[picture].tolist()
    return replace(hypothesis, attention=attention, grid_size=(rows, columns))
