"""Which images go into one batch: what a batch costs, and how little of it is padding."""

from __future__ import annotations

import numpy as np

CELL_PX = 8

_MOST_CELLS = 8_192
"""Of a batch of pictures to look at: it is what the encoder's memory grows with, about 20 KB each."""

_MOST_GROUP_CELLS = 65_536
"""Of pictures to decode together: it is what the decoder's memory grows with, about 2 KB each."""


def grid_sizes(sizes_px: np.ndarray) -> np.ndarray:
    """Whole cells of 8x8 pixels that cover each image: (N, 2) int64 from (N, 2) pixels."""
    cells: np.ndarray = -(-np.asarray(sizes_px, dtype=np.int64) // CELL_PX)
    return cells


def sample_costs(sizes_px: np.ndarray, target_lengths: np.ndarray) -> np.ndarray:
    """What `--max-tokens` counts of each sample: cells of its image plus tokens of its target, (N,)."""
    cells = grid_sizes(sizes_px)
    return cells[:, 0] * cells[:, 1] + np.asarray(target_lengths, dtype=np.int64)


def order_by_shape(
    sizes_px: np.ndarray, target_lengths: np.ndarray, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Indices ordered so that neighbours have like shapes: by rows of cells, then by width, then by length.

    Args:
        sizes_px: (height, width) of each image, (N, 2).
        target_lengths: (N,).
        rng: Shuffles among equals, and blurs the width by half a cell, so that batches differ from
            epoch to epoch; None gives the same order always.
    """
    cells = grid_sizes(sizes_px)
    widths = np.asarray(sizes_px, dtype=np.float64)[:, 1] / CELL_PX
    lengths = np.asarray(target_lengths, dtype=np.float64)
    if rng is not None:
        widths = widths + rng.uniform(-0.5, 0.5, len(widths))
        lengths = lengths + rng.uniform(-0.5, 0.5, len(lengths))
    return np.lexsort((lengths, np.round(widths), cells[:, 0]))


def make_batches(
    indices: np.ndarray,
    sizes_px: np.ndarray,
    target_lengths: np.ndarray,
    *,
    max_cost: int | None = None,
    max_samples: int | None = None,
    multiple: int = 1,
    max_waste: float = 0.15,
) -> list[np.ndarray]:
    """Cut ordered indices into batches.

    A batch ends before its padded cost (samples * (padded cells + longest target)) exceeds `max_cost`,
    before it has more than `max_samples`, and before more than `max_waste` of its pixels are padding.

    Args:
        indices: Of the samples, in an order such as `order_by_shape` gives.
        sizes_px: (height, width) of all images, (N, 2).
        target_lengths: Of all samples, (N,), tokens.
        max_cost: In cells of 8x8 pixels plus target tokens; None for no limit.
        max_samples: None for no limit.
        multiple: Batches of more samples than this have a multiple of it, where limits cut them.
        max_waste: Share of padding among the cells of a batch.

    Returns:
        Batches that hold each index exactly once.

    Raises:
        ValueError: One sample alone costs more than `max_cost`.
    """
    cells = grid_sizes(sizes_px)
    lengths = np.asarray(target_lengths, dtype=np.int64)
    costs = sample_costs(sizes_px, lengths)
    batches: list[np.ndarray] = []
    current: list[int] = []
    rows = columns = length = own_cells = 0
    for index in np.asarray(indices).tolist():
        if max_cost is not None and costs[index] > max_cost:
            raise ValueError(
                f"sample {index} costs {costs[index]} (its image has {cells[index, 0]}x{cells[index, 1]} "
                f"cells of {CELL_PX}x{CELL_PX} pixels, its formula {lengths[index]} tokens), more than "
                f"--max-tokens {max_cost}; raise --max-tokens or limit sizes when preparing the data"
            )
        new_rows, new_columns = max(rows, cells[index, 0]), max(columns, cells[index, 1])
        new_length = max(length, lengths[index])
        new_own = own_cells + cells[index, 0] * cells[index, 1]
        while current:
            count = len(current) + 1
            padded = count * new_rows * new_columns
            too_costly = max_cost is not None and padded + count * new_length > max_cost
            too_many = max_samples is not None and count > max_samples
            if not (too_costly or too_many or padded - new_own > max_waste * padded):
                break
            # What is cut off to leave a multiple begins the next batch, if it suits this sample.
            kept = len(current) - len(current) % multiple if len(current) > multiple else len(current)
            batches.append(np.array(current[:kept], dtype=np.int64))
            current = current[kept:]
            new_rows, new_columns, new_length, new_own = _extent([*current, index], cells, lengths)
        current.append(index)
        rows, columns, length, own_cells = new_rows, new_columns, new_length, new_own
    if current:
        batches.append(np.array(current, dtype=np.int64))
    return batches


def batch_pictures(sizes_px: np.ndarray, max_samples: int) -> list[list[int]]:
    """Cut pictures to look at into batches, like shapes together.

    Args:
        sizes_px: (height, width) of each, (N, 2).
        max_samples: Of a batch; fewer where they are so large that their cells would fill the memory.

    Returns:
        Batches that hold each index below N exactly once.

    Raises:
        ValueError: A picture alone has too many cells.
    """
    sizes = np.asarray(sizes_px, dtype=np.int64).reshape(-1, 2)
    lengths = np.zeros(len(sizes), dtype=np.int64)
    order = order_by_shape(sizes, lengths)
    batches = make_batches(order, sizes, lengths, max_cost=_MOST_CELLS, max_samples=max_samples)
    return [batch.tolist() for batch in batches]


def group_pictures(sizes_px: np.ndarray, ink: np.ndarray, max_samples: int) -> list[list[int]]:
    """Cut pictures to read, whose formulas nobody knows, into groups to decode together, like lengths together.

    The amount of ink foretells a formula's length better than its area or its width do: on valid of
    IM2LATEX-100K the logarithms correlate by 0.88, 0.85 and 0.82.

    Args:
        sizes_px: (height, width) of each, (N, 2).
        ink: How much ink each holds, (N,), in any unit.
        max_samples: Of a group; fewer where they are so large that their cells would fill the memory.

    Returns:
        Groups that hold each index below N exactly once, those with little ink first.
    """
    areas = grid_sizes(np.asarray(sizes_px).reshape(-1, 2)).prod(axis=1)
    groups: list[list[int]] = []
    largest = 0
    for index in np.argsort(ink, kind="stable").tolist():
        largest = max(largest, int(areas[index]))
        if (
            not groups
            or len(groups[-1]) == max_samples
            or (len(groups[-1]) + 1) * largest > _MOST_GROUP_CELLS
        ):
            groups.append([])
            largest = int(areas[index])
        groups[-1].append(index)
    return groups


def curriculum_order(
    batches: list[np.ndarray],
    target_lengths: np.ndarray,
    rng: np.random.Generator,
    *,
    ramp: int = 600,
) -> list[np.ndarray]:
    """A random order of batches that begins with the shortest formulas and slowly admits longer ones.

    On a formula of five tokens attention can hardly miss, so that the encoder learns to tell glyphs before
    the decoder has learned where to look; a model that meets long formulas first stays a language model
    for long. At place i of the first `ramp`, a batch is drawn from those whose mean length is within a
    limit that grows evenly from the shortest to the longest; the rest is a random mixture.

    Args:
        batches: Of sample indices.
        target_lengths: Of all samples, (N,), tokens.
        rng: Of the random order.
        ramp: Batches until all lengths are admitted; at most two thirds of all batches are. 0 mixes at once.

    Raises:
        ValueError: ramp is negative.
    """
    if ramp < 0:
        raise ValueError(f"curriculum ramp must be 0 or more batches, got {ramp}")
    if not batches:
        return []
    lengths = np.array([np.asarray(target_lengths)[batch].mean() for batch in batches])
    by_length = np.argsort(lengths, kind="stable").tolist()
    ramp = min(ramp, 2 * len(batches) // 3)
    shortest, longest = lengths.min(), lengths.max()
    admitted: list[int] = []
    order: list[int] = []
    following = 0
    for place in range(ramp):
        limit = shortest + (longest - shortest) * (place + 1) / ramp
        while following < len(by_length) and (lengths[by_length[following]] <= limit or not admitted):
            admitted.append(by_length[following])
            following += 1
        chosen = int(rng.integers(len(admitted)))
        admitted[chosen], admitted[-1] = admitted[-1], admitted[chosen]
        order.append(admitted.pop())
    rest = admitted + by_length[following:]
    return [batches[i] for i in (*order, *(rest[k] for k in rng.permutation(len(rest))))]


def padding_waste(batches: list[np.ndarray], sizes_px: np.ndarray) -> float:
    """Share of a set of batches' pixels that is padding, images alone being padded to nothing."""
    sizes = np.asarray(sizes_px, dtype=np.int64)
    padded = sum(
        len(batch) * int(np.prod(grid_sizes(sizes[batch]).max(axis=0) * CELL_PX)) for batch in batches
    )
    own = sum(int(np.prod(sizes[batch], axis=1).sum()) for batch in batches)
    return 1.0 - own / padded if padded else 0.0


def _extent(indices: list[int], cells: np.ndarray, lengths: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = cells[indices].max(axis=0)
    return int(rows), int(columns), int(lengths[indices].max()), int(np.prod(cells[indices], axis=1).sum())
