"""Every picture is in one batch, and its result comes back to its place."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.recognition.shape_batches import ShapeBatches

SHAPES = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 300)), max_size=30)


@given(SHAPES)
def test_results_come_back_in_the_order_of_the_pictures(shapes: list[tuple[int, int]]) -> None:
    pictures = [np.full(shape, number, dtype=np.uint8) for number, shape in enumerate(shapes)]
    division = ShapeBatches(pictures)
    batches = division.batches()
    assert all(batches)
    values = [int(picture[0, 0]) for batch in batches for picture in batch]
    assert division.in_order(values) == list(range(len(pictures)))
    for batch in batches:
        cells = [-(-picture.shape[0] // 8) * -(-picture.shape[1] // 8) for picture in batch]
        rows, columns = (max(-(-picture.shape[axis] // 8) for picture in batch) for axis in (0, 1))
        assert sum(cells) >= 0.85 * len(batch) * rows * columns  # at most 15% of it is padding
