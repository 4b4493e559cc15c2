"""Batches shared out among several processes of one thread each, against one process of as many threads."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from examples.benchmark.decode_contenders import STOCK, Batch, build_generator, decode, first_pictures

if TYPE_CHECKING:
    from examples.benchmark.decode_speed import Bench, Turns

_SECONDS_TO_GET_READY = 120.0


@dataclass(frozen=True)
class Shared:
    """One way to decode, by several processes.

    Attributes:
        name: Of the contender.
        beam: Its width.
        batch_size: Most pictures together.
        processes: How many.
        rate: Pictures a second, of all together, until the last is done.
    """

    name: str
    beam: int
    batch_size: int
    processes: int
    rate: float


def measure_processes(
    bench: Bench, batches: Sequence[Batch], beam: int, batch_size: int, names: Sequence[str], processes: int
) -> list[Shared]:
    """Let forked processes decode every batch once, the largest first; each takes the next one when it is free.

    Args:
        bench: On the CPU.
        batches: Of it.
        beam: Width of the search.
        batch_size: Of the batches, for the table.
        names: Of contenders.
        processes: How many.

    Raises:
        RuntimeError: A process failed.
    """
    order = sorted(batches, key=lambda batch: -_size(batch))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is forked inherits it
    try:
        return [
            Shared(name, beam, batch_size, processes, _rate(bench, order, beam, name, processes))
            for name in names
        ]
    finally:
        torch.set_num_threads(threads)


def processes_table(measured: Sequence[Shared], turns: Sequence[Turns]) -> str:
    """One line a contender, beam and batch size; `turns` are those of the threads."""
    lines = [
        "| beam | batch | | processes | pictures/s | of its threads' | of stock by threads | of stock by processes |",
        "|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    for one in measured:
        by_threads = {t.name: t.rate for t in turns if (t.beam, t.batch_size) == (one.beam, one.batch_size)}
        by_processes = {
            s.name: s.rate for s in measured if (s.beam, s.batch_size) == (one.beam, one.batch_size)
        }
        rates = (by_threads.get(one.name), by_threads.get(STOCK), by_processes.get(STOCK))
        ratios = " | ".join("" if rate is None else f"{one.rate / rate:.2f}" for rate in rates)
        lines.append(
            f"| {one.beam} | {one.batch_size} | {one.name} | {one.processes} | {one.rate:.1f} | {ratios} |"
        )
    return "\n".join(lines)


def _size(batch: Batch) -> int:
    return int(batch["net_input"]["src_tokens"].numel())


def _rate(bench: Bench, batches: Sequence[Batch], beam: int, name: str, processes: int) -> float:
    context: Any = multiprocessing.get_context("fork")
    turn, start = context.Value("i", 0), context.Barrier(processes + 1)
    done = context.SimpleQueue()
    workers = [
        context.Process(target=_work, args=(bench, batches, beam, name, turn, start, done), daemon=True)
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    start.wait(_SECONDS_TO_GET_READY)
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    if any(worker.exitcode for worker in workers):
        raise RuntimeError(f"{name}: a process failed; its error stands above")
    return sum(done.get() for _ in workers) / seconds


def _work(
    bench: Bench, batches: Sequence[Batch], beam: int, name: str, turn: Any, start: Any, done: Any
) -> None:
    generator = build_generator(name, bench.task, bench.models, beam, bench.max_len)
    # libraries load, tables are made
    decode(name, generator, bench.task, bench.models, first_pictures(batches[-1], 2))
    start.wait(_SECONDS_TO_GET_READY)
    pictures = 0
    while True:
        with turn.get_lock():
            number = turn.value
            turn.value += 1
        if number >= len(batches):
            break
        pictures += len(decode(name, generator, bench.task, bench.models, batches[number]))
    done.put(pictures)
