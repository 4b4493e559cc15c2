"""What decoding would take if the machine did nothing but its multiplications, at its best rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from examples.benchmark.decode_contenders import Batch, build_generator, decode
from examples.benchmark.operation_speed import OperationRecorder, square_product_speed

SQUARE_SIZE = 1024
_BATCHES = 8


@dataclass(frozen=True)
class Limit:
    """Of one contender, beam and batch size.

    Attributes:
        name: Of the contender.
        beam: Its width.
        batch_size: Most pictures together.
        gflop: Of encoder and decoder, a picture.
        rounded_share: Of these, done in bfloat16 or int8.
        peak_rate: Pictures a second at the rate of large square products.
        rate: Pictures a second that were measured.
    """

    name: str
    beam: int
    batch_size: int
    gflop: float
    rounded_share: float
    peak_rate: float
    rate: float


def measure_limit(
    bench: Any, name: str, batches: Sequence[Batch], beam: int, batch_size: int, rate: float
) -> Limit:
    """Count the operations of some batches, and time square products of their types.

    Args:
        bench: A `decode_speed.Bench`.
        name: Of the contender.
        batches: What was decoded.
        beam: Its width.
        batch_size: Most pictures together.
        rate: Pictures a second that were measured.
    """
    some = batches[:: -(-len(batches) // _BATCHES)]
    generator = build_generator(name, bench.task, bench.models, beam, bench.max_len)
    with OperationRecorder() as recorder:
        for batch in some:
            decode(name, generator, bench.task, bench.models, batch)
    flops: Counter[torch.dtype] = Counter()
    for operation, count in recorder.counts.items():
        flops[operation.dtype] += operation.flops * count
    seconds = 0.0
    for dtype, count in flops.items():
        speed = square_product_speed(SQUARE_SIZE, bench.device, dtype=dtype, clock=bench.clock)
        seconds += count / speed.gflops / 1e9
    pictures = sum(len(batch["net_input"]["src_tokens"]) for batch in some)
    total = sum(flops.values())
    return Limit(
        name,
        beam,
        batch_size,
        total / pictures / 1e9,
        1 - flops[torch.float32] / total,
        pictures / seconds,
        rate,
    )


def limit_table(limits: Sequence[Limit]) -> str:
    """One line each."""
    lines = [
        f"Operations of convolutions and matrix products of {_BATCHES} batches at most, spread evenly, at the rate of "
        f"products of {SQUARE_SIZE} x {SQUARE_SIZE} matrices of the same types.",
        "",
        "| beam | batch | | GFLOP a picture | in bfloat16 or int8 | limit, pictures/s | reached |",
        "|---:|---:|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {limit.beam} | {limit.batch_size} | {limit.name} | {limit.gflop:.2f} | {limit.rounded_share:.0%} | "
        f"{limit.peak_rate:.1f} | {limit.rate / limit.peak_rate:.0%} |"
        for limit in limits
    ]
    return "\n".join(lines)
