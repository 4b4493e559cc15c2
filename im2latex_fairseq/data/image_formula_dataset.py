"""Pairs of prepared images and formulas as a fairseq dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from fairseq.data import Dictionary, FairseqDataset, data_utils

from im2latex_fairseq.data.batching import curriculum_order, make_batches, order_by_shape, sample_costs
from im2latex_fairseq.images.transforms import pad_to_batch, to_tensor

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class ImageSequence(Protocol):
    """What the dataset reads images from: an `ImageStore`, or a list of arrays."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> np.ndarray: ...


class ImageFormulaDataset(FairseqDataset):  # type: ignore[misc]
    """Image-formula pairs.

    Args:
        images: Prepared images, uint8 (H, W), 255 = paper.
        sizes_px: (height, width) of each image, (N, 2) integers.
        dictionary: Of the target tokens.
        formulas: Space-joined tokens of each image, or None for inference.
        names: What messages call each sample, such as its id in the manifest; its index if None.
        numbers: The `id` of each sample in a batch; its index if None.
        augmentation: Applied to each image with a generator seeded by (seed, epoch, index), or None.
        shuffle: Mix samples of like shape anew in each epoch.
        seed: Of shuffling and augmentation.
        curriculum_ramp: The `ramp` of `curriculum_order`, in batches.

    Raises:
        ValueError: The numbers of images, sizes and formulas differ.
    """

    def __init__(
        self,
        images: ImageSequence,
        sizes_px: np.ndarray,
        dictionary: Dictionary,
        formulas: Sequence[str] | None = None,
        *,
        names: Sequence[str] | None = None,
        numbers: Sequence[int] | None = None,
        augmentation: Augmentation | None = None,
        shuffle: bool = False,
        seed: int = 1,
        curriculum_ramp: int = 600,
    ) -> None:
        super().__init__()
        counts = {"images": len(images), "sizes": len(sizes_px)}
        if formulas is not None:
            counts["formulas"] = len(formulas)
        if names is not None:
            counts["names"] = len(names)
        if numbers is not None:
            counts["numbers"] = len(numbers)
        if len(set(counts.values())) != 1:
            raise ValueError(f"as many images as sizes, formulas, names and numbers are needed, got {counts}")
        self.images = images
        self.image_sizes = np.asarray(sizes_px, dtype=np.int64).reshape(-1, 2)
        self.dictionary = dictionary
        self.names = names if names is not None else range(len(images))
        self.numbers = numbers if numbers is not None else range(len(images))
        self.augmentation = augmentation
        self.shuffle = shuffle
        self.seed = seed
        self.curriculum_ramp = curriculum_ramp
        self.epoch = 1
        self.targets = None if formulas is None else [encode_formula(f, dictionary) for f in formulas]
        self.target_lengths = (
            np.ones(len(images), dtype=np.int64)
            if self.targets is None
            else np.array([len(target) for target in self.targets], dtype=np.int64)
        )
        self._costs = sample_costs(self.image_sizes, self.target_lengths)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One pair: id, image (1, H, W) float32 with 0 = paper, target (T,) int64 ending in eos or None."""
        image = self.images[index]
        if self.augmentation is not None:
            # The same picture in the same epoch is distorted in the same way, whichever worker reads it.
            image = self.augmentation(image, np.random.default_rng((self.seed, self.epoch, index)))
        target = None if self.targets is None else self.targets[index]
        return {"id": self.numbers[index], "image": to_tensor(image), "target": target}

    def collater(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        """Pad pairs to a batch.

        Returns:
            id (B,); nsentences; ntokens; target (B, T) or None; net_input with src_tokens (B, 1, H, W)
            float32, 0 = paper and padding; src_lengths (B, 2), the unpadded (height, width); and
            prev_output_tokens (B, T), the target moved right by one, beginning with eos.
        """
        if not samples:
            return {}
        images, sizes = pad_to_batch([sample["image"] for sample in samples])
        batch: dict[str, Any] = {
            "id": torch.tensor([sample["id"] for sample in samples]),
            "nsentences": len(samples),
            "ntokens": len(samples),
            "net_input": {"src_tokens": images, "src_lengths": sizes},
            "target": None,
        }
        if samples[0]["target"] is not None:
            targets = [sample["target"] for sample in samples]
            pad, eos = self.dictionary.pad(), self.dictionary.eos()
            batch["ntokens"] = sum(len(target) for target in targets)
            batch["target"] = data_utils.collate_tokens(targets, pad, eos)
            batch["net_input"]["prev_output_tokens"] = data_utils.collate_tokens(
                targets, pad, eos, move_eos_to_beginning=True
            )
        return batch

    def num_tokens(self, index: int) -> int:
        """What `--max-tokens` counts of a sample: cells of 8x8 pixels plus target tokens."""
        return int(self._costs[index])

    def num_tokens_vec(self, indices: np.ndarray) -> np.ndarray:
        """`num_tokens` of several samples, (N,)."""
        return self._costs[indices]

    def size(self, index: int) -> tuple[int, int]:
        """(1, target length): an image is one source position, since its pixels are no tokens and
        `--max-source-positions` must not skip it."""
        return (1, int(self.target_lengths[index]))

    def ordered_indices(self) -> np.ndarray:
        """Indices with like shapes beside each other; mixed anew each epoch where `shuffle` is set."""
        rng = np.random.default_rng((self.seed, self.epoch)) if self.shuffle else None
        return order_by_shape(self.image_sizes, self.target_lengths, rng)

    def batch_by_size(
        self,
        indices: np.ndarray,
        max_tokens: int | None = None,
        max_sentences: int | None = None,
        required_batch_size_multiple: int = 1,
    ) -> list[np.ndarray]:
        """Batches by what they cost when padded; see `make_batches`.

        Training batches come in the order of `curriculum_order`, so that `--curriculum N` begins the
        first N epochs with short formulas; in all others fairseq shuffles the batches.
        """
        batches = make_batches(
            indices,
            self.image_sizes,
            self.target_lengths,
            max_cost=max_tokens,
            max_samples=max_sentences,
            multiple=required_batch_size_multiple,
        )
        if not self.shuffle:
            return batches
        return curriculum_order(
            batches,
            self.target_lengths,
            np.random.default_rng((self.seed, self.epoch, 1)),
            ramp=self.curriculum_ramp,
        )

    def set_epoch(self, epoch: int) -> None:
        """fairseq calls this before it reads an epoch."""
        self.epoch = epoch

    @property
    def can_reuse_epoch_itr_across_epochs(self) -> bool:
        """False where batches are mixed anew each epoch."""
        return not self.shuffle and self.augmentation is None

    @property
    def supports_prefetch(self) -> bool:
        """The store reads images when they are asked for."""
        return False


def encode_formula(formula: str, dictionary: Dictionary) -> torch.Tensor:
    """Space-joined tokens to ids (T,) int64, with eos at the end; unknown tokens become unk."""
    ids = [dictionary.index(token) for token in formula.split(" ") if token]
    return torch.tensor([*ids, dictionary.eos()], dtype=torch.long)
