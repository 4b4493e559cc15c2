"""The alignment behind image match: of all shortest ones, python-Levenshtein 0.12's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from im2latex_fairseq.metrics.column_alignment import differing_runs

STRINGS = st.text("abc", max_size=14)


@pytest.mark.parametrize(
    "source, target, runs",
    [
        ("", "", []),
        ("abc", "abc", []),
        ("", "ab", [(0, 0, 0, 2)]),  # all inserted
        ("ab", "", [(0, 2, 0, 0)]),  # all deleted
        ("abc", "axc", [(1, 2, 1, 2)]),
        ("abc", "axyc", [(1, 1, 1, 2), (1, 2, 2, 3)]),  # inserted, then replaced: two runs
        ("axyc", "abc", [(1, 2, 1, 1), (2, 3, 1, 2)]),  # deleted, then replaced
        (
            "aab",
            "ab",
            [(1, 2, 1, 1)],
        ),  # the common start is set aside before: not the first `a` but the second
        ("spam", "park", [(0, 1, 0, 0), (3, 3, 2, 3), (3, 4, 3, 4)]),
    ],
)
def test_runs_as_python_levenshtein_gives_them(
    source: str, target: str, runs: list[tuple[int, int, int, int]]
) -> None:
    assert differing_runs(source, target) == runs


# What python-Levenshtein 0.12.0 returned for random strings; rapidfuzz 3.14 returns other runs for each.
FROM_PYTHON_LEVENSHTEIN: list[tuple[str, str, list[tuple[int, int, int, int]]]] = [
    ("abcaaca", "cacaaab", [(0, 2, 0, 2), (5, 7, 5, 7)]),
    ("aaacbaca", "cccacc", [(0, 2, 0, 0), (2, 3, 0, 1), (4, 5, 2, 3), (7, 8, 5, 6)]),
    ("aaacabba", "acbccaacc", [(1, 1, 1, 2), (1, 3, 2, 4), (5, 8, 6, 9)]),
    ("aacaacb", "bbcbbcaac", [(0, 0, 0, 3), (0, 2, 3, 5), (6, 7, 9, 9)]),
    ("ababbaca", "cbbcbcbcb", [(0, 0, 0, 1), (0, 1, 1, 2), (2, 3, 3, 4), (4, 6, 5, 7), (7, 8, 8, 9)]),
    ("abbcc", "accbc", [(1, 4, 1, 4)]),
    ("cbbcbcbab", "acabaab", [(0, 2, 0, 0), (2, 3, 0, 1), (4, 7, 2, 5)]),
    ("cabbba", "bbcbab", [(0, 1, 0, 0), (1, 2, 0, 1), (3, 4, 2, 3), (6, 6, 5, 6)]),
]


@pytest.mark.parametrize("source, target, runs", FROM_PYTHON_LEVENSHTEIN)
def test_ties_are_broken_as_in_python_levenshtein(
    source: str, target: str, runs: list[tuple[int, int, int, int]]
) -> None:
    assert differing_runs(source, target) == runs
    others = [
        (op.src_start, op.src_end, op.dest_start, op.dest_end)
        for op in Levenshtein.opcodes(source, target)
        if op.tag != "equal"
    ]
    assert sum(max(s - r, e - d) for r, s, d, e in others) == sum(max(s - r, e - d) for r, s, d, e in runs)


@given(STRINGS, STRINGS)
def test_runs_turn_the_source_into_the_target_at_the_least_cost(source: str, target: str) -> None:
    runs = differing_runs(source, target)
    assert sum(max(run.source_length, run.target_length) for run in runs) == Levenshtein.distance(
        source, target
    )
    rebuilt, position = "", 0
    for run in runs:
        rebuilt += source[position : run.source_start]
        assert len(rebuilt) == run.target_start
        rebuilt += target[run.target_start : run.target_end]
        position = run.source_end
        assert run.source_length == run.target_length or 0 in (run.source_length, run.target_length)
    assert rebuilt + source[position:] == target


@given(STRINGS, STRINGS)
def test_the_way_back_is_that_of_the_cost_matrix(source: str, target: str) -> None:
    assert differing_runs(source, target) == runs_by_cost_matrix(source, target)


def runs_by_cost_matrix(source: str, target: str) -> list[tuple[int, int, int, int]]:
    """python-Levenshtein's editops_find and editops_to_opcodes, step by step and with the whole matrix."""
    start = 0
    while source[start:] and target[start:] and source[start] == target[start]:
        start += 1
    source, target = source[start:], target[start:]
    while source and target and source[-1] == target[-1]:
        source, target = source[:-1], target[:-1]
    cost = [
        [i + j if i == 0 or j == 0 else 0 for j in range(len(target) + 1)] for i in range(len(source) + 1)
    ]
    for i, char in enumerate(source, 1):
        for j, other in enumerate(target, 1):
            cost[i][j] = min(cost[i - 1][j - 1] + (char != other), cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    steps: list[tuple[str, int, int]] = []
    i, j, direction = len(source), len(target), 0
    while i or j:
        from_left = j > 0 and cost[i][j] == cost[i][j - 1] + 1
        from_above = i > 0 and cost[i][j] == cost[i - 1][j] + 1
        corner = cost[i][j] - cost[i - 1][j - 1] if i and j else None
        if direction < 0 and from_left:
            j -= 1
            steps.append(("insert", i, j))
        elif direction > 0 and from_above:
            i -= 1
            steps.append(("delete", i, j))
        elif corner == 0 and source[i - 1] == target[j - 1]:
            i, j, direction = i - 1, j - 1, 0
        elif corner == 1:
            i, j = i - 1, j - 1
            steps.append(("replace", i, j))
        elif direction == 0 and from_left:
            j, direction = j - 1, -1
            steps.append(("insert", i, j))
        else:
            assert direction == 0 and from_above
            i, direction = i - 1, 1
            steps.append(("delete", i, j))
    runs: list[tuple[int, int, int, int]] = []
    kinds: list[str] = []
    for kind, i, j in reversed(steps):
        end_i, end_j = i + (kind != "insert"), j + (kind != "delete")
        if runs and kinds[-1] == kind and runs[-1][1] == start + i and runs[-1][3] == start + j:
            runs[-1] = (runs[-1][0], start + end_i, runs[-1][2], start + end_j)
        else:
            runs.append((start + i, start + end_i, start + j, start + end_j))
            kinds.append(kind)
    return runs
