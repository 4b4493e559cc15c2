"""Work spread over processes, in a way that survives a killed parent or worker."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_connections
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerError(RuntimeError):
    """A worker process died (killed, or out of memory); what was finished before is kept."""


def run_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], processes: int
) -> Iterator[tuple[Task, Result]]:
    """Call `function` on each task; yields (task, result) as they finish, in no fixed order.

    With one process everything runs in this one, in order. Otherwise `function`, tasks and results are
    pickled: `function` must be importable.

    Raises:
        WorkerError: A worker process died.
        ValueError: `processes` is below 1.
    """
    if processes < 1:
        raise ValueError(f"{processes} processes asked for; at least 1 is needed")
    if processes == 1 or len(tasks) <= 1:
        for task in tasks:
            yield task, function(task)
        return
    # Not fork: torch and its threads may be loaded here, and forked locks stay locked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(processes, len(tasks)), mp_context=context, initializer=_start_worker
    ) as pool:
        waiting: dict[Future[Result], Task] = {}
        remaining = iter(tasks)
        try:
            while True:
                # A short queue: pickling thousands of tasks at once would only fill memory.
                for task in itertools.islice(remaining, 2 * processes - len(waiting)):
                    waiting[pool.submit(function, task)] = task
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool as error:
            raise WorkerError(
                "a worker process was killed (out of memory?); run the command again with fewer --processes: "
                "finished work is kept"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def default_processes() -> int:
    """As many as there are cores for this process."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start_worker() -> None:
    """End this worker when its parent is gone: after a kill -9 of the parent it would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for_connections([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
