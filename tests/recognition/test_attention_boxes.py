"""Boxes of tokens from attention that is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.recognition.attention_boxes import Box, token_boxes

CELL = (8, 8)


def page(*blocks: Box, height: int = 32, width: int = 96) -> np.ndarray:
    """Paper with a black block at each of these boxes."""
    picture = np.full((height, width), 255, dtype=np.uint8)
    for top, left, bottom, right in blocks:
        picture[top:bottom, left:right] = 0
    return picture


def look(*rows: dict[tuple[int, int], float], grid: tuple[int, int] = (4, 12)) -> np.ndarray:
    """Attention (T, S): each token's by (row, column) of the grid, a little everywhere else."""
    attention = np.full((len(rows), *grid), 0.01, dtype=np.float32)
    for token, cells in enumerate(rows):
        for cell, weight in cells.items():
            attention[(token, *cell)] = weight
    return attention.reshape(len(rows), -1)


LEFT, MIDDLE, RIGHT = (9, 8, 18, 15), (9, 40, 18, 47), (9, 72, 18, 79)
AT_LEFT, AT_MIDDLE, AT_RIGHT = {(1, 1): 1.0}, {(1, 5): 1.0}, {(1, 9): 1.0}


def boxes(attention: np.ndarray, picture: np.ndarray, *tokens: str) -> tuple[Box | None, ...]:
    return token_boxes(attention, (4, 12), CELL, picture, tokens)


def test_each_token_gets_the_stroke_that_it_looks_at() -> None:
    found = boxes(look(AT_RIGHT, AT_LEFT, AT_MIDDLE), page(LEFT, MIDDLE, RIGHT), "c", "a", "b")
    assert found == (RIGHT, LEFT, MIDDLE)


def test_the_row_of_the_end_is_not_needed_and_does_no_harm() -> None:
    attention = look(AT_LEFT, AT_MIDDLE, AT_RIGHT)
    assert boxes(attention[:2], page(LEFT, MIDDLE), "a", "b") == boxes(
        attention, page(LEFT, MIDDLE), "a", "b"
    )


def test_what_draws_nothing_has_no_box() -> None:
    tokens = r"x ^ { \mathrm { y } } \,".split()
    attention = look(AT_LEFT, AT_LEFT, AT_LEFT, AT_LEFT, AT_LEFT, AT_MIDDLE, AT_LEFT, AT_LEFT, AT_RIGHT)
    found = boxes(attention, page(LEFT, MIDDLE), *tokens)
    assert found == (LEFT, None, None, None, None, MIDDLE, None, None, None)


def test_letters_of_columns_and_empty_fences_draw_nothing() -> None:
    tokens = [r"\left(", r"\begin{array}", "{", "c", "}", "x", r"\end{array}", r"\right."]
    found = boxes(look(*[AT_LEFT] + [AT_MIDDLE] * 7), page(LEFT, MIDDLE), *tokens)
    assert found == (LEFT, None, None, None, None, MIDDLE, None, None)


def test_one_token_may_have_several_strokes() -> None:
    upper, lower = (9, 40, 11, 50), (14, 40, 16, 50)
    found = boxes(look(AT_LEFT, {(1, 5): 1.0}), page(LEFT, upper, lower), "x", "=")
    assert found == (LEFT, (9, 40, 16, 50))


def test_a_neighbour_that_is_looked_at_too_stays_with_its_own_token() -> None:
    found = boxes(look({(1, 1): 1.0, (1, 5): 0.7}, AT_MIDDLE), page(LEFT, MIDDLE), "a", "b")
    assert found == (LEFT, MIDDLE)


def test_symbols_that_touch_are_parted_where_the_looks_part() -> None:
    both = (9, 8, 18, 24)
    found = boxes(look({(1, 1): 1.0}, {(1, 2): 1.0}), page(both), "a", "b")
    assert found == ((9, 8, 18, 16), (9, 16, 18, 24))


def test_an_accent_is_the_mark_above_its_letter() -> None:
    bar = (6, 8, 7, 15)
    found = boxes(
        look(AT_LEFT, AT_RIGHT, AT_LEFT, AT_RIGHT, AT_RIGHT), page(LEFT, bar, RIGHT), *r"\bar { a } b".split()
    )
    assert found == (bar, None, LEFT, None, RIGHT)


def test_the_dot_belongs_to_its_i() -> None:
    dot = (6, 10, 8, 12)
    found = boxes(look({(1, 1): 1.0, (0, 1): 0.0}, AT_MIDDLE), page(LEFT, dot, MIDDLE), "i", "b")
    assert found == ((6, 8, 18, 15), MIDDLE)


def test_light_edges_do_not_join_dark_strokes() -> None:
    picture = page((9, 8, 18, 15), (9, 17, 18, 24))
    picture[9:18, 15:17] = 210
    found = boxes(look({(1, 1): 1.0}, {(1, 2): 1.0}), picture, "a", "b")
    assert found == ((9, 8, 18, 16), (9, 16, 18, 24))


def test_faint_strokes_are_strokes() -> None:
    picture = page(LEFT)
    picture[9:18, 40:47] = 220
    assert boxes(look(AT_LEFT, AT_MIDDLE), picture, "a", "b") == (LEFT, MIDDLE)


def test_no_ink_no_tokens_no_boxes() -> None:
    assert boxes(look(AT_LEFT), page(), "x") == (None,)
    assert boxes(np.zeros((0, 48), dtype=np.float32), page(LEFT)) == ()
    assert boxes(np.zeros((1, 48), dtype=np.float32), page(LEFT), "x") == (LEFT,)  # looked nowhere


@pytest.mark.parametrize(
    "attention, grid, picture, message",
    [
        (np.zeros((1, 47)), (4, 12), page(LEFT), r"a grid of \(4, 12\)"),
        (np.zeros((3, 48)), (4, 12), page(LEFT), "doesn't fit 1 tokens"),
        (np.zeros((1, 48)), (4, 12), page(LEFT, width=97), "less than the picture's"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    attention: np.ndarray, grid: tuple[int, int], picture: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        token_boxes(attention, grid, CELL, picture, ["x"])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_blocks_apart_are_always_found(data: st.DataObject) -> None:
    """Any order of reading, any size of blocks, cells of any size: each token has the block of its cell."""
    stride = data.draw(st.sampled_from([(8, 8), (8, 4), (4, 4)]))
    count = data.draw(st.integers(1, 6))
    order = data.draw(st.permutations(range(count)))
    blocks = []
    for number in range(count):
        height, width = data.draw(st.integers(3, 14)), data.draw(st.integers(3, 14))
        top, left = (
            data.draw(st.integers(1, 17 - height)),
            1 + 32 * number + data.draw(st.integers(0, 17 - width)),
        )
        blocks.append((top, left, top + height, left + width))
    picture = page(*blocks, height=24, width=32 * count + 8)
    grid = -(-picture.shape[0] // stride[0]), -(-picture.shape[1] // stride[1])
    rows = []
    for number in order:
        top, left, bottom, right = blocks[number]
        rows.append({((top + bottom) // 2 // stride[0], (left + right) // 2 // stride[1]): 1.0})
    attention = look(*rows, grid=grid)
    found = token_boxes(attention, grid, stride, picture, ["x"] * count)
    assert found == tuple(blocks[number] for number in order)
