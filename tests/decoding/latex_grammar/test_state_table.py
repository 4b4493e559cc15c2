from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from im2latex_fairseq.decoding.latex_grammar.dictionary_kinds import DictionaryKinds
from im2latex_fairseq.decoding.latex_grammar.state_table import BEGIN, MAX_FRAMES, StateTable

# Small enough to try everything.
_SYMBOLS = (
    "</s> { } x ~ _ ^ \\frac \\sqrt [ ] \\left( \\right) \\begin{array} \\end{array} c & \\\\ "
    "\\hspace 1 m \\textrm $ \\not \\atop \\phantom \\big ("
).split()


@pytest.fixture(scope="module")
def table() -> StateTable:
    return StateTable(DictionaryKinds(_SYMBOLS, 0, set()).kinds)


def following(table: StateTable, state: int) -> Iterator[int]:
    for kind in range(len(table.kinds)):
        after = table.follow(state, kind)
        if after is not None:
            yield after


def shortest_way(table: StateTable, state: int, most: int) -> int | None:
    """Tokens to the end, the end among them, by trying everything."""
    reached = {state}
    for tokens in range(most + 1):
        if any(number >> 1 == 0 for number in reached):
            return tokens
        reached = {after for number in reached for after in following(table, number)}
    return None


@pytest.mark.parametrize("seed", range(60))
def test_the_distance_is_that_of_the_shortest_way(table: StateTable, seed: int) -> None:
    rng = random.Random(seed)
    state = BEGIN
    for _ in range(rng.randrange(8)):
        choices = [after for after in following(table, state) if after >> 1]
        state = rng.choice(choices)
    distance = int(table.distances(np.array([state]))[0])
    most = 4
    expected = distance if distance <= most else None
    assert shortest_way(table, state, most) == expected


def test_distances_after_are_those_of_the_states_after(table: StateTable) -> None:
    rng = random.Random(1)
    state = BEGIN
    for _ in range(200):
        after = table.distances_after(np.array([state]))[0]
        moves = [(kind, table.follow(state, kind)) for kind in range(len(table.kinds))]
        for kind, number in moves:
            if number is not None:
                assert after[kind] == table.distances(np.array([number]))[0]
        open_ends = [number for _, number in moves if number is not None and number >> 1]
        state = rng.choice(open_ends)


def test_nesting_is_bounded(table: StateTable) -> None:
    brace = next(number for number, kind in enumerate(table.kinds) if kind.role.value == "{")
    state, depth = BEGIN, 0
    while (after := table.follow(state, brace)) is not None:
        state, depth = after, depth + 1
    assert depth == MAX_FRAMES - 1
    assert int(table.distances(np.array([state]))[0]) == depth + 2  # ink, the braces, the end
