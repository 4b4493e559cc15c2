"""Batches: every sample once, no limit broken, little padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.data.batching import (
    batch_pictures,
    curriculum_order,
    grid_sizes,
    group_pictures,
    make_batches,
    order_by_shape,
    padding_waste,
    sample_costs,
)


def realistic_shapes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and lengths such as prepared formulas have: most of one line, some tall, widths 40 to 500 px."""
    rng = np.random.default_rng(seed)
    heights = np.clip(rng.lognormal(3.5, 0.45, count), 16, 160).astype(int)
    widths = np.clip(rng.lognormal(5.3, 0.5, count), 24, 512).astype(int)
    lengths = np.clip(widths * heights / 180 * rng.lognormal(0, 0.3, count), 2, 150).astype(int)
    return np.stack([heights, widths], axis=1), lengths


def padded_cost(batch: np.ndarray, sizes: np.ndarray, lengths: np.ndarray) -> int:
    rows, columns = grid_sizes(sizes[batch]).max(axis=0)
    return len(batch) * int(rows * columns + lengths[batch].max())


SHAPES = st.lists(
    st.tuples(st.integers(1, 200), st.integers(1, 600), st.integers(1, 150)), min_size=1, max_size=40
)


@given(
    SHAPES,
    st.one_of(st.none(), st.integers(1, 4)),
    st.one_of(st.none(), st.integers(1, 9)),
    st.integers(1, 8),
)
@settings(max_examples=100, deadline=None)
def test_every_sample_once_and_no_limit_broken(
    shapes: list[tuple[int, int, int]], slack: int | None, max_samples: int | None, multiple: int
) -> None:
    sizes = np.array([(h, w) for h, w, _ in shapes])
    lengths = np.array([length for _, _, length in shapes])
    # the dearest sample must fit, and a few like it
    max_cost = None if slack is None else int(sample_costs(sizes, lengths).max()) * slack
    order = order_by_shape(sizes, lengths)
    batches = make_batches(
        order, sizes, lengths, max_cost=max_cost, max_samples=max_samples, multiple=multiple
    )
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(shapes)))
    assert np.concatenate(batches).tolist() == order.tolist()
    for batch in batches:
        assert max_cost is None or padded_cost(batch, sizes, lengths) <= max_cost
        assert max_samples is None or len(batch) <= max_samples
        cells = grid_sizes(sizes[batch])
        padded = len(batch) * np.prod(cells.max(axis=0))
        assert 1 - np.prod(cells, axis=1).sum() / padded <= 0.15 + 1e-9


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "limits", [{"max_cost": 8000}, {"max_samples": 32}, {"max_cost": 8000, "multiple": 8}]
)
def test_little_of_a_batch_is_padding(seed: int, limits: dict[str, int]) -> None:
    """Below 15% of the pixels, with whole cells and shuffling counted, while batches stay large."""
    sizes, lengths = realistic_shapes(10_000, seed)
    order = order_by_shape(sizes, lengths, np.random.default_rng(seed))
    batches = make_batches(order, sizes, lengths, **limits)
    assert padding_waste(batches, sizes) < 0.15
    assert np.mean([len(batch) for batch in batches]) > 8


def test_a_cost_is_cells_plus_tokens() -> None:
    # 9x17 pixels are 2x3 cells
    assert sample_costs(np.array([[8, 16], [9, 17]]), np.array([5, 7])).tolist() == [2 + 5, 6 + 7]


def test_max_tokens_and_batch_size_each_mean_something() -> None:
    sizes, lengths = np.full((100, 2), 16), np.full(100, 6)  # 10 each
    assert [len(b) for b in make_batches(np.arange(100), sizes, lengths, max_cost=250)] == [25] * 4
    assert [len(b) for b in make_batches(np.arange(100), sizes, lengths, max_samples=40)] == [40, 40, 20]
    both = make_batches(np.arange(100), sizes, lengths, max_samples=40, max_cost=250)
    assert [len(b) for b in both] == [25] * 4
    assert [len(b) for b in make_batches(np.arange(100), sizes, lengths)] == [100]


def test_batches_are_a_multiple_where_a_limit_cuts_them() -> None:
    sizes, lengths = np.full((30, 2), 16), np.full(30, 6)
    batches = make_batches(np.arange(30), sizes, lengths, max_cost=130, multiple=8)  # 13 fit
    assert [len(b) for b in batches] == [8, 8, 8, 6]


def test_a_sample_dearer_than_the_limit_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"sample 1 costs 40 .* 4x5 cells .* 20 tokens.*--max-tokens 30"):
        make_batches(np.arange(2), np.array([[8, 8], [32, 40]]), np.array([3, 20]), max_cost=30)


def test_no_samples_make_no_batches() -> None:
    assert make_batches(np.array([], dtype=int), np.zeros((0, 2)), np.zeros(0), max_samples=4) == []
    assert padding_waste([], np.zeros((0, 2))) == 0.0


def test_waste_counts_whole_cells() -> None:
    # 4x8 pixels in one cell of 8x8, twice
    assert padding_waste([np.array([0, 1])], np.array([[4, 8], [4, 8]])) == 0.5


def test_the_order_is_fixed_without_a_generator_and_differs_with_one() -> None:
    sizes, lengths = realistic_shapes(300, 1)
    fixed = order_by_shape(sizes, lengths)
    assert np.array_equal(fixed, order_by_shape(sizes, lengths))
    first, again, second = (order_by_shape(sizes, lengths, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert sorted(first) == sorted(fixed) == list(range(300))


def test_a_curriculum_begins_with_short_formulas_and_admits_longer_ones() -> None:
    lengths = np.repeat(np.arange(1, 101), 4)
    batches = [np.arange(start, start + 4) for start in range(0, 400, 4)]
    ordered = curriculum_order(batches, lengths, np.random.default_rng(1), ramp=50)
    assert sorted(b[0] for b in ordered) == sorted(b[0] for b in batches)
    means = np.array([lengths[b].mean() for b in ordered])
    limits = 1 + 99 * np.arange(1, 51) / 50
    assert (means[:50] <= limits).all()
    assert means[:10].mean() < 15
    assert 40 < means[50:].mean() < 90  # the rest is mixed, and richer in long ones
    assert (np.diff(means[50:]) < 0).mean() > 0.3


def test_a_curriculum_differs_with_the_seed_alone() -> None:
    lengths = np.repeat(np.arange(1, 41), 2)
    batches = [np.arange(start, start + 2) for start in range(0, 80, 2)]
    orders = [
        [int(b[0]) for b in curriculum_order(batches, lengths, np.random.default_rng(seed))]
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(
    "count, ramp",
    [
        (0, 10),  # nothing to order
        (1, 10),  # one batch: no ramp at all
        (4, 600),  # fewer batches than the ramp: it covers two thirds of them
        (4, 0),  # no ramp: a random order
    ],
)
def test_a_curriculum_keeps_every_batch(count: int, ramp: int) -> None:
    lengths = np.array([10, 90, 80, 70])
    batches = [np.array([i]) for i in range(count)]
    ordered = curriculum_order(batches, lengths, np.random.default_rng(1), ramp=ramp)
    assert sorted(int(b[0]) for b in ordered) == list(range(count))
    if count == 4 and ramp:
        assert ordered[0][0] == 0


def test_a_negative_ramp_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more batches, got -1"):
        curriculum_order([np.array([0])], np.array([1]), np.random.default_rng(1), ramp=-1)


def test_pictures_to_look_at_share_batches_by_shape_and_never_fill_the_memory() -> None:
    sizes = np.array([(16, 40), (160, 700), (16, 41)] * 12)
    batches = batch_pictures(sizes, 9)
    assert sorted(number for batch in batches for number in batch) == list(range(36))
    # 20 x 88 cells each: four fit into 8,192
    assert [len(batch) for batch in batches] == [9, 9, 6, 4, 4, 4]
    assert all(len({sizes[number, 0] for number in batch}) == 1 for batch in batches)
    assert batch_pictures(np.zeros((0, 2)), 4) == batch_pictures(np.array([]), 4) == []


@given(st.lists(st.tuples(st.integers(1, 192), st.integers(1, 768)), max_size=60), st.integers(1, 20))
def test_pictures_to_read_meet_those_with_as_much_ink(sizes: list[tuple[int, int]], most: int) -> None:
    ink = np.array([height * width % 97 for height, width in sizes])
    groups = group_pictures(np.array(sizes), ink, most)
    assert sorted(number for group in groups for number in group) == list(range(len(sizes)))
    in_order = [int(ink[number]) for group in groups for number in group]
    assert in_order == sorted(in_order)
    for group in groups:
        assert 1 <= len(group) <= most
        largest = max(-(-sizes[n][0] // 8) * -(-sizes[n][1] // 8) for n in group)
        assert len(group) == 1 or len(group) * largest <= 65_536


def test_few_large_pictures_are_decoded_together() -> None:
    """20 x 88 cells each, of 65,536; one alone may be larger than that."""
    groups = group_pictures(np.array([(160, 700)] * 40 + [(4000, 8000)]), np.arange(41), 64)
    assert [len(group) for group in groups] == [37, 3, 1]
