"""Batches in which some formulas are at fault."""

from __future__ import annotations

import pytest

from im2latex_fairseq.images.batch_queue import Batch, run_batches


class Program:
    """Fails as a whole, without a word about the culprit, where a culprit is among others."""

    def __init__(self, culprits=()):
        self.culprits = set(culprits)
        self.runs: list[list[int]] = []

    def __call__(self, batch: list[int]) -> Batch[str]:
        self.runs.append(batch)
        if self.culprits.isdisjoint(batch):
            return Batch({number: f"page {number}" for number in batch})
        return Batch(unsettled_reason="timeout: of the batch")


def test_formulas_come_in_batches_and_some_alone():
    program = Program()
    settled = run_batches([0, 1, 2, 5], [3, 4], 3, program)
    assert program.runs == [[0, 1, 2], [5], [3], [4]]
    assert settled.pages == {number: f"page {number}" for number in range(6)} and not settled.errors


@pytest.mark.parametrize("culprits", [{0}, {6}, {2, 5}, set(range(7))])
def test_culprits_are_parted_from_the_rest(culprits):
    settled = run_batches(range(7), [], 7, Program(culprits))
    assert settled.errors == dict.fromkeys(culprits, "timeout: of the batch")
    assert settled.pages.keys() == set(range(7)) - culprits


def test_what_a_run_leaves_is_run_again_without_what_it_settled():
    runs = []

    def run(batch):
        runs.append(batch)
        return Batch(errors={batch[0]: "at fault"}, pages={batch[-1]: "page"} if len(batch) > 1 else {})

    settled = run_batches(range(5), [], 9, run)
    assert runs == [[0, 1, 2, 3, 4], [1, 2, 3], [2]]
    assert settled.errors == dict.fromkeys((0, 1, 2), "at fault") and settled.pages.keys() == {3, 4}


def test_a_run_that_says_nothing_is_an_error_of_its_only_formula():
    assert run_batches([7], [], 1, lambda batch: Batch()).errors == {7: "tex_stopped: no page and no reason"}
