"""The ways to decode that are compared, each with a watch on where its time goes."""

from __future__ import annotations

import argparse
import ctypes
import resource
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from examples.benchmark.operation_speed import Clock
from im2latex_fairseq.decoding.formula_decoder import FormulaDecoder
from im2latex_fairseq.decoding.int8_products import int8_obstacle
from im2latex_fairseq.decoding.row_scorer import RowScorer

Batch = dict[str, Any]
Output = list[list[dict[str, torch.Tensor]]]

STOCK_REORDERING = "stock, reordering"
STOCK = "stock"
EXACT = "ours, float32"
ROUNDED = "ours, bfloat16"
WHOLE = "ours, int8"
CONTENDERS = {
    STOCK_REORDERING: "fairseq's generator, which reorders the encoder's output at each step",
    STOCK: "fairseq's generator; this package's encoder sees that a reordering changes nothing",
    EXACT: "this package's generator, with the results of fairseq's",
    ROUNDED: "this package's generator in bfloat16",
    WHOLE: "this package's generator, its wide convolutions in int8, on CPUs with VNNI",
}
PRECISIONS = {EXACT: "float32", ROUNDED: "bfloat16", WHOLE: "int8"}
"""Of our own contenders."""


def contenders_of(device: torch.device) -> list[str]:
    """Those that can decode there."""
    return [name for name in CONTENDERS if name != WHOLE or int8_obstacle(device) is None]


@dataclass
class Watch:
    """Seconds by part of the work.

    Attributes:
        clock: In seconds.
        device: Whose work is waited for.
        seconds: Part -> seconds.
    """

    clock: Clock
    device: torch.device
    seconds: Counter[str] = field(default_factory=Counter)

    def now(self) -> float:
        """The time, when all work that was begun is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return self.clock()

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted to a part."""

        def run(*args: Any, **kwargs: Any) -> Any:
            start = self.now()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[part] += self.now() - start

        return run


@contextmanager
def watched(watch: Watch, models: Sequence[Any]) -> Iterator[None]:
    """Count the time of encoder, decoder and reordering, of fairseq's generator and of ours."""
    places: list[tuple[Any, str, str]] = [
        (FormulaDecoder, "_look_at", "encoder"),
        (RowScorer, "__init__", "decoder"),
        (RowScorer, "log_probabilities", "decoder"),
        (RowScorer, "keep", "reordering"),
    ]
    for model in models:
        places += [
            (model.encoder, "forward_torchscript", "encoder"),
            (model.encoder, "reorder_encoder_out", "reordering"),
            (model.decoder, "forward", "decoder"),
            (model.decoder, "reorder_incremental_state_scripting", "reordering"),
        ]
    kept = [(owner, name, owner.__dict__.get(name)) for owner, name, _ in places]
    try:
        for owner, name, part in places:
            setattr(owner, name, watch.timed(part, getattr(owner, name)))
        yield
    finally:
        for owner, name, own in kept:
            if own is None:
                delattr(owner, name)
            else:
                setattr(owner, name, own)


@contextmanager
def reordering_always(models: Sequence[Any]) -> Iterator[None]:
    """Encoders that select rows of their output whenever fairseq says so, as fairseq's own encoders do."""
    try:
        for model in models:
            model.encoder.reorder_encoder_out = _select_rows
        yield
    finally:
        for model in models:
            del model.encoder.reorder_encoder_out


def _select_rows(encoder_out: dict[str, Any], order: torch.Tensor) -> dict[str, Any]:
    padding = encoder_out["encoder_padding_mask"]
    return {
        **encoder_out,
        "encoder_out": tuple(rows.index_select(0, order) for rows in encoder_out["encoder_out"]),
        "encoder_padding_mask": None if padding is None else padding.index_select(0, order),
    }


def build_generator(name: str, task: Any, models: Sequence[Any], beam: int, max_len: int) -> Any:
    """The generator of a contender; of ours, the weights are prepared here."""
    task.cfg.stock_generator = name in (STOCK, STOCK_REORDERING)
    task.cfg.decode_precision = PRECISIONS.get(name, "float32")
    return task.build_generator(models, argparse.Namespace(beam=beam, max_len_a=0, max_len_b=max_len))


def decode(
    name: str, generator: Any, task: Any, models: Sequence[Any], batch: Batch, watch: Watch | None = None
) -> Output:
    """The hypotheses of a batch by a contender; with a watch, its time is under "all" and the parts of it."""
    task.cfg.decode_precision = PRECISIONS.get(name, "float32")
    with ExitStack() as ways:
        if name == STOCK_REORDERING:
            ways.enter_context(reordering_always(models))
        step = task.inference_step
        if watch is not None:
            ways.enter_context(watched(watch, models))
            step = watch.timed("all", step)
        output: Output = step(generator, models, batch)
        return output


class PeakMemory:
    """The most memory that was held since the beginning of a turn, beyond what was held then, in MiB.

    Of a GPU, as torch counts it; of the process on Linux, as the kernel does, after freed memory was given back.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before_kib = 0

    def begin(self) -> None:
        """Begin a turn."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before_kib = torch.cuda.memory_allocated(self._device) // 1024
        elif Path("/proc/self/clear_refs").exists():
            ctypes.CDLL(None).malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5")  # the mark of the highest memory begins anew
            self._before_kib = _of_status("VmRSS")

    def mib(self) -> float | None:
        """Of the turn; None where it isn't known."""
        if self._device.type == "cuda":
            return (torch.cuda.max_memory_allocated(self._device) // 1024 - self._before_kib) / 1024
        if self._before_kib == 0:
            return None
        return (_of_status("VmHWM") - self._before_kib) / 1024


def _of_status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").split("\n"):
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def first_pictures(batch: Batch, count: int) -> Batch:
    """A batch of the first pictures of another, to decode them alone."""
    return {"net_input": {name: tensor[:count] for name, tensor in batch["net_input"].items()}}
