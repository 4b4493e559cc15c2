"""Many formulas through a program that takes batches: the culprits are found, and none of the others is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Page = TypeVar("Page")


@dataclass
class Batch(Generic[Page]):
    """What one run over a batch settled; formulas in neither mapping have to be run again.

    Attributes:
        pages: Number of the formula -> what came of it.
        errors: Number of the formula -> "slug: detail".
        unsettled_reason: Why formulas are in neither, if the run as a whole failed.
    """

    pages: dict[int, Page] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    unsettled_reason: str | None = None


def run_batches(
    ordinary: Sequence[int],
    alone: Sequence[int],
    batch_size: int,
    run: Callable[[list[int]], Batch[Page]],
) -> Batch[Page]:
    """Run formulas, by number, until each has a page or an error.

    Args:
        ordinary: Those that can share a run.
        alone: Those that get a run each.
        batch_size: Formulas a run, at most.
        run: Runs a batch.

    Returns:
        Everything settled.
    """
    settled: Batch[Page] = Batch()
    queue = [list(ordinary[start : start + batch_size]) for start in range(0, len(ordinary), batch_size)]
    queue += [[number] for number in alone]
    queue.reverse()
    while queue:
        batch = queue.pop()
        done = run(batch)
        settled.pages.update(done.pages)
        settled.errors.update(done.errors)
        again = [number for number in batch if number not in done.pages and number not in done.errors]
        if not again:
            continue
        if len(again) < len(batch):
            queue.append(again)
        elif len(batch) == 1:
            settled.errors[batch[0]] = done.unsettled_reason or "tex_stopped: no page and no reason"
        else:
            middle = len(batch) // 2
            queue += [batch[middle:], batch[:middle]]
    return settled
