"""The dataset: pairs, padding, and randomness that depends on (seed, epoch, index) alone."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from fairseq.data import Dictionary

from im2latex_fairseq.data.image_formula_dataset import ImageFormulaDataset, encode_formula

SIZES = [(16, 24), (16, 40), (24, 24), (16, 24)]
FORMULAS = ["a b", "a \\frac { b }", "b", "a x b"]


@pytest.fixture
def dictionary() -> Dictionary:
    dictionary = Dictionary()
    for token in ("a", "b", "\\frac", "{", "}"):
        dictionary.add_symbol(token)
    return dictionary


def make_images() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, size, dtype=np.uint8) for size in SIZES]


def add_noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, image.shape, dtype=np.uint8)


def make_dataset(dictionary: Dictionary, **options: Any) -> ImageFormulaDataset:
    return ImageFormulaDataset(make_images(), np.array(SIZES), dictionary, FORMULAS, **options)


def test_a_pair(dictionary: Dictionary) -> None:
    dataset = make_dataset(dictionary)
    assert len(dataset) == 4
    sample = dataset[1]
    assert sample["id"] == 1
    assert sample["image"].shape == (1, 16, 40)
    assert sample["image"].dtype == torch.float32
    expected = 1.0 - make_images()[1] / 255.0  # 0 is paper
    torch.testing.assert_close(sample["image"][0], torch.tensor(expected, dtype=torch.float32))
    assert dictionary.string(sample["target"]) == "a \\frac { b }"
    assert sample["target"][-1] == dictionary.eos()


def test_a_batch(dictionary: Dictionary) -> None:
    dataset = make_dataset(dictionary)
    batch = dataset.collater([dataset[i] for i in (2, 1)])
    net_input = batch["net_input"]
    assert net_input["src_tokens"].shape == (2, 1, 24, 40)
    assert net_input["src_lengths"].tolist() == [[24, 24], [16, 40]]
    assert torch.equal(net_input["src_tokens"][1, :, :16], dataset[1]["image"])
    assert net_input["src_tokens"][1, :, 16:].abs().max() == 0
    assert net_input["src_tokens"][0, :, :, 24:].abs().max() == 0
    assert batch["id"].tolist() == [2, 1]
    assert (batch["nsentences"], batch["ntokens"]) == (2, 2 + 6)
    pad, eos = dictionary.pad(), dictionary.eos()
    b = dictionary.index("b")
    assert batch["target"][0].tolist() == [b, eos, pad, pad, pad, pad]
    assert net_input["prev_output_tokens"][0].tolist() == [eos, b, pad, pad, pad, pad]
    assert net_input["prev_output_tokens"][1, 1:].tolist() == batch["target"][1, :-1].tolist()


def test_pictures_without_formulas(dictionary: Dictionary) -> None:
    dataset = ImageFormulaDataset(make_images(), np.array(SIZES), dictionary)
    batch = dataset.collater([dataset[0], dataset[3]])
    assert batch["target"] is None
    assert set(batch["net_input"]) == {"src_tokens", "src_lengths"}


def test_nothing_collates_to_nothing(dictionary: Dictionary) -> None:
    assert make_dataset(dictionary).collater([]) == {}


def test_tokens_that_the_dictionary_lacks_become_unknown(dictionary: Dictionary) -> None:
    ids = encode_formula("a x  b", dictionary)
    assert ids.tolist() == [
        dictionary.index("a"), dictionary.unk(), dictionary.index("b"), dictionary.eos()
    ]  # fmt: skip


@pytest.mark.parametrize("images, sizes, formulas", [(3, 4, 4), (4, 3, 4), (4, 4, 3), (0, 4, 4)])
def test_different_numbers_are_refused(
    dictionary: Dictionary, images: int, sizes: int, formulas: int
) -> None:
    with pytest.raises(
        ValueError, match=f"got .*'images': {images}, 'sizes': {sizes}, 'formulas': {formulas}"
    ):
        ImageFormulaDataset(make_images()[:images], np.array(SIZES)[:sizes], dictionary, FORMULAS[:formulas])


def test_sizes_that_fairseq_asks_for(dictionary: Dictionary) -> None:
    """A width in pixels must not meet --max-source-positions, nor --max-tokens as it is."""
    dataset = make_dataset(dictionary)
    assert dataset.size(1) == (1, 6)
    assert dataset.num_tokens(1) == 2 * 5 + 6
    assert dataset.num_tokens_vec(np.array([0, 1])).tolist() == [2 * 3 + 3, 16]
    kept, ignored = dataset.filter_indices_by_size(np.arange(4), (10**9, 4))
    assert (kept.tolist(), ignored) == ([0, 2, 3], [1])


def test_augmentation_depends_on_seed_epoch_and_index_alone(dictionary: Dictionary) -> None:
    first = make_dataset(dictionary, augmentation=add_noise, seed=3)
    again = make_dataset(dictionary, augmentation=add_noise, seed=3)
    _ = [again[i] for i in (2, 1, 3)]  # whatever was read before, by whichever worker
    assert torch.equal(first[0]["image"], again[0]["image"])
    assert not torch.equal(first[0]["image"], first[3]["image"])  # another index of the same shape
    other_seed = make_dataset(dictionary, augmentation=add_noise, seed=4)
    assert not torch.equal(first[0]["image"], other_seed[0]["image"])
    before = first[0]["image"]
    first.set_epoch(2)
    assert not torch.equal(first[0]["image"], before)
    first.set_epoch(1)
    assert torch.equal(first[0]["image"], before)


def test_batches_are_mixed_anew_each_epoch_where_asked(dictionary: Dictionary) -> None:
    rng = np.random.default_rng(1)
    sizes = np.stack([np.full(200, 16), rng.integers(16, 200, 200)], axis=1)
    images = [np.full(size, 255, dtype=np.uint8) for size in sizes]
    formulas = [" ".join(["a"] * int(n)) for n in rng.integers(1, 9, 200)]

    def epoch(dataset: ImageFormulaDataset, number: int) -> list[list[int]]:
        dataset.set_epoch(number)
        return [b.tolist() for b in dataset.batch_by_size(dataset.ordered_indices(), max_sentences=8)]

    mixed = ImageFormulaDataset(images, sizes, dictionary, formulas, shuffle=True, seed=1)
    assert epoch(mixed, 1) != epoch(mixed, 2)
    again = ImageFormulaDataset(images, sizes, dictionary, formulas, shuffle=True, seed=1)
    assert epoch(mixed, 2) == epoch(again, 2)
    assert not mixed.can_reuse_epoch_itr_across_epochs
    fixed = ImageFormulaDataset(images, sizes, dictionary, formulas)
    assert epoch(fixed, 1) == epoch(fixed, 2)
    assert fixed.can_reuse_epoch_itr_across_epochs


def test_workers_can_take_it(dictionary: Dictionary) -> None:
    dataset = pickle.loads(pickle.dumps(make_dataset(dictionary, augmentation=add_noise)))
    assert torch.equal(dataset[1]["image"], make_dataset(dictionary, augmentation=add_noise)[1]["image"])


def test_the_ramp_says_how_long_short_formulas_come_first(dictionary: Dictionary) -> None:
    count = 60
    images = [np.zeros((16, 24), dtype=np.uint8)] * count
    formulas = ["a " * (1 + number % 20) for number in range(count)]

    def mean_lengths(ramp: int) -> np.ndarray:
        dataset = ImageFormulaDataset(
            images, np.array([(16, 24)] * count), dictionary, formulas, shuffle=True, curriculum_ramp=ramp
        )
        batches = dataset.batch_by_size(dataset.ordered_indices(), max_sentences=2)
        return np.array([dataset.target_lengths[batch].mean() for batch in batches])

    ramped, mixed = mean_lengths(ramp=20), mean_lengths(ramp=0)
    assert ramped[:5].max() <= 2 + 20 * 5 / 20
    assert mixed[:5].max() > ramped[:5].max()
    assert sorted(ramped) == sorted(mixed)
