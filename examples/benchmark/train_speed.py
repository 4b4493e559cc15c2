"""How fast fairseq-train trains here: against a bare torch loop, and against what this machine's bf16 gives.

    python -m examples.benchmark.train_speed --data data-bin --arch im2latex_gconv_base --threads 1
    python -m examples.benchmark.train_speed --synthetic --arch im2latex_gconv_tiny --seconds 10

Three things are timed in turn, in rounds, so that a machine that gets slower or busier does so for all of them:
`fairseq-train` itself, a process of its own that is stopped while it isn't its turn and timed by its log; a bare
loop of the same network over the same batches; and each of the network's convolutions and matrix products alone.
README.md beside this file says more, and what was found.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from examples.benchmark.bare_loop import BareLoop, Batch, BatchSource
from examples.benchmark.operation_speed import (
    Clock,
    OperationRecorder,
    Speed,
    measure_operations,
    square_product_speed,
    total,
)
from examples.benchmark.paused_process import LogLine, PausedTraining
from examples.benchmark.processor import processor_name
from examples.benchmark.synthetic_pairs import write_synthetic_pairs
from examples.benchmark.training_flags import training_flags

CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
SQUARE_SIZE = 1024
# Batches of each round whose operations are timed alone: small, middling and large ones.
SAMPLED_BATCHES = 4


class BatchMismatchError(RuntimeError):
    """The bare loop's batches are not those of fairseq-train: the comparison would mean nothing."""


@dataclass(frozen=True)
class Round:
    """One turn of everything, over the same updates.

    Attributes:
        first_update: The first one that was timed.
        last_update: The last one.
        images: In them.
        flops: Of their forward and backward passes, convolutions and matrix products.
        fairseq_s: Seconds of fairseq-train.
        bare_s: Seconds of the bare loop.
        fairseq_loss: Mean loss of the updates in fairseq-train, bits a token.
        bare_loss: And in the bare loop.
        operations: Kind of operation -> each one timed alone, over a sample of the batches.
        square: A product of square matrices.
    """

    first_update: int
    last_update: int
    images: int
    flops: float
    fairseq_s: float
    bare_s: float
    fairseq_loss: float
    bare_loss: float
    operations: dict[str, Speed]
    square: Speed

    @property
    def limit_s(self) -> float:
        """Seconds that the round's convolutions and matrix products take alone."""
        alone = total(self.operations.values())
        return self.flops / alone.flops * alone.seconds


def measure(
    flags: Sequence[str],
    *,
    device: torch.device,
    threads: int,
    clock: str,
    seconds: float,
    rounds: int,
    warm_up: int,
) -> tuple[list[Round], BareLoop]:
    """Take turns.

    Args:
        flags: Of fairseq-train.
        device: Where it computes.
        threads: Of torch, in both processes.
        clock: "wall", or "cpu" for the CPU seconds that each has used.
        seconds: Of fairseq-train in each round; the bare loop does the same updates.
        rounds: How many.
        warm_up: Updates before the first one.

    Raises:
        BatchMismatchError: The log of fairseq-train tells of other batches.
        TrainingProcessError: fairseq-train failed.
    """
    torch.set_num_threads(threads)
    with PausedTraining(flags, threads=threads) as training:
        line = training.warm_up(warm_up)
        loop = BareLoop(flags, device)
        source = BatchSource(loop.batches())
        warming = source.take(line.updates)
        loop.time_steps(warming)
        cost = StepCost(loop, spread(warming, 8))
        results = []
        for _ in range(rounds):
            lines = training.run(seconds)
            loop.time_steps(
                source.take(lines[0].updates)
            )  # not timed, but trained on, as in the other process
            batches = source.take(lines[-1].updates)
            check_batches(lines, batches)
            bare = loop.time_steps(batches, CLOCKS[clock])
            operations, square = time_operations(loop, batches, CLOCKS[clock])
            times_s = [line.cpu_s if clock == "cpu" else line.at_s for line in (lines[0], lines[-1])]
            results.append(
                Round(
                    first_update=lines[0].updates + 1,
                    last_update=lines[-1].updates,
                    images=bare.images,
                    flops=cost.flops(batches),
                    fairseq_s=times_s[1] - times_s[0],
                    bare_s=bare.seconds,
                    fairseq_loss=mean_loss(lines),
                    bare_loss=bare.loss,
                    operations=operations,
                    square=square,
                )
            )
    return results, loop


def time_operations(loop: BareLoop, batches: Sequence[Batch], clock: Clock) -> tuple[dict[str, Speed], Speed]:
    """Each convolution and matrix product of some of the batches alone; and a product of square matrices."""
    recorder = OperationRecorder()
    for batch in spread(batches, SAMPLED_BATCHES):
        record(recorder, loop, batch)
    return (
        measure_operations(recorder, loop.device, clock=clock),
        square_product_speed(SQUARE_SIZE, loop.device, clock=clock),
    )


def check_batches(lines: Sequence[LogLine], batches: Sequence[Batch]) -> None:
    """Compare the numbers of images and tokens in the log with those of our batches, interval by interval.

    Raises:
        BatchMismatchError: They differ by more than the log rounds.
    """
    start = 0
    for earlier, later in itertools.pairwise(lines):
        end = start + later.updates - earlier.updates
        ours = [statistics.fmean(b[key] for b in batches[start:end]) for key in ("nsentences", "ntokens")]
        theirs = [later.images_per_update, later.tokens_per_update]
        start = end
        if any(abs(a - b) > 0.051 for a, b in zip(ours, theirs, strict=True)):
            raise BatchMismatchError(
                f"up to update {later.updates} fairseq-train had {theirs} images and tokens an update, the bare "
                f"loop has {ours}; are there flags that change batches after the first epoch?"
            )


def mean_loss(lines: Sequence[LogLine]) -> float:
    """Of all tokens between the first line and the last, bits a token."""
    tokens = [
        (later.updates - earlier.updates) * later.tokens_per_update
        for earlier, later in itertools.pairwise(lines)
    ]
    return sum(n * line.loss for n, line in zip(tokens, lines[1:], strict=True)) / sum(tokens)


def spread(batches: Sequence[Batch], count: int) -> list[Batch]:
    """Some of the batches, evenly from the smallest to the largest."""
    ordered = sorted(batches, key=lambda batch: batch["net_input"]["src_tokens"].numel())
    places = np.linspace(0, len(ordered) - 1, min(count, len(ordered)) + 2)[1:-1]
    return [ordered[round(place)] for place in places]


def record(recorder: OperationRecorder, loop: BareLoop, batch: Batch) -> None:
    """Forward and backward of a batch under a recorder."""
    with recorder:
        loop.forward(batch).backward()
    loop.optimizer.zero_grad(set_to_none=True)


class StepCost:
    """Floating-point operations of a step, from the shape of its batch.

    They are a sum of products of the batch's padded pixels, its target positions, and pairs of a target
    position and a pixel (attention); the three factors are found from a few batches that are counted.

    Args:
        loop: Whose network it is.
        batches: To count.
    """

    def __init__(self, loop: BareLoop, batches: Sequence[Batch]) -> None:
        counted = []
        for batch in batches:
            recorder = OperationRecorder()
            record(recorder, loop, batch)
            counted.append(recorder.flops)
        shapes = np.array([_shape_terms(batch) for batch in batches])
        scale = shapes.max(axis=0)
        solution, *_ = np.linalg.lstsq(shapes / scale, np.array(counted, dtype=np.float64), rcond=None)
        self._factors = solution / scale

    def flops(self, batches: Sequence[Batch]) -> float:
        """Of all the batches."""
        return float(sum(np.dot(self._factors, _shape_terms(batch)) for batch in batches))


def _shape_terms(batch: Batch) -> tuple[float, float, float]:
    images, targets = batch["net_input"]["src_tokens"], batch["target"]
    pixels = float(np.prod([-(-side // 8) * 8 for side in images.shape[-2:]]))
    return (images.shape[0] * pixels, float(targets.numel()), float(targets.numel()) * pixels)


def summary(rounds: Sequence[Round]) -> dict[str, float]:
    """All rounds together: what each side did in all of its seconds, over the same updates."""
    images, flops = sum(r.images for r in rounds), sum(r.flops for r in rounds)
    seconds = {
        "fairseq": sum(r.fairseq_s for r in rounds),
        "bare": sum(r.bare_s for r in rounds),
        "limit": sum(r.limit_s for r in rounds),
    }
    result = {"gflop_per_image": flops / images / 1e9}
    for side, taken_s in seconds.items():
        result[f"{side}_images_per_s"] = images / taken_s
        result[f"{side}_gflops"] = flops / taken_s / 1e9
    result |= {
        "fairseq_of_bare": seconds["bare"] / seconds["fairseq"],
        "fairseq_of_limit": seconds["limit"] / seconds["fairseq"],
        "bare_of_limit": seconds["limit"] / seconds["bare"],
        "square_gflops": total(r.square for r in rounds).gflops,
        "fairseq_loss": statistics.fmean(r.fairseq_loss for r in rounds),
        "bare_loss": statistics.fmean(r.bare_loss for r in rounds),
    }
    everything = total(speed for r in rounds for speed in r.operations.values())
    for kind in sorted({kind for r in rounds for kind in r.operations}):
        speed = total(r.operations[kind] for r in rounds if kind in r.operations)
        result[f"{kind}: gflops"] = speed.gflops
        result[f"{kind}: share of flops"] = speed.flops / everything.flops
    return result


def table(rounds: Sequence[Round], parameters: int) -> str:
    """The figures for people."""
    s = summary(rounds)
    ratios = [r.bare_s / r.fairseq_s for r in rounds]
    lines = [
        f"{parameters / 1e6:.2f}M parameters; {s['gflop_per_image']:.2f} GFLOP an image, forward and backward; "
        f"{sum(r.images for r in rounds)} images in {len(rounds)} rounds:",
        "",
        f"{'':<34}  images/s  GFLOP/s  of bare loop  of bf16 limit",
        f"{'fairseq-train':<34}  {s['fairseq_images_per_s']:8.1f}  {s['fairseq_gflops']:7.0f}  "
        f"{s['fairseq_of_bare']:12.1%}  {s['fairseq_of_limit']:13.1%}",
        f"{'bare torch loop':<34}  {s['bare_images_per_s']:8.1f}  {s['bare_gflops']:7.0f}  "
        f"{1:12.1%}  {s['bare_of_limit']:13.1%}",
        f"{'bf16 limit: its operations alone':<34}  {s['limit_images_per_s']:8.1f}  {s['limit_gflops']:7.0f}  "
        f"{'':12}  {1:13.1%}",
    ]
    for key in s:
        kind, _, what = key.partition(": ")
        if what == "gflops":
            share = s[f"{kind}: share of flops"]
            lines.append(f"{f'  {kind} ({share:.0%} of them)':<34}  {'':8}  {s[key]:7.0f}")
    lines += [
        f"{f'products of {SQUARE_SIZE} x {SQUARE_SIZE} matrices':<34}  {'':8}  {s['square_gflops']:7.0f}",
        "",
        f"fairseq-train of the bare loop, round by round: {', '.join(f'{ratio:.1%}' for ratio in ratios)}",
    ]
    lines.append(
        "loss of the same updates, bits a token: fairseq-train "
        f"{s['fairseq_loss']:.3f}, bare loop {s['bare_loss']:.3f}"
    )
    return "\n".join(lines)


def machine(device: torch.device, threads: int) -> str:
    """What the figures were taken on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
    return f"{name}, {threads} threads, torch {torch.__version__}"


@contextmanager
def _only_our_words() -> Iterator[None]:
    """Keep back what fairseq says while the bare loop is built: fairseq-train says the same."""
    loggers = [logging.getLogger(name) for name in ("fairseq", "im2latex_fairseq", "hydra")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description="Time fairseq-train against a bare torch loop and the machine's bf16 limit.",
        epilog="What comes after -- goes to fairseq-train as it is, for example: -- --max-tokens 8000",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of prepared data with a split train")
    source.add_argument("--synthetic", action="store_true", help="train on meaningless pictures instead")
    parser.add_argument("--arch", default="im2latex_gconv_base", help="architecture (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    parser.add_argument(
        "--clock",
        choices=sorted(CLOCKS),
        default="wall",
        help="cpu counts the CPU seconds of each process, which other load disturbs less (one thread, Linux)",
    )
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="of fairseq-train in a round (default 30)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--warm-up", type=int, default=10, help="updates before the first round (default 10)")
    parser.add_argument("--log-interval", type=int, default=5, help="updates between lines (default 5)")
    parser.add_argument("--cpu", action="store_true", help="keep off the GPU")
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    parser.add_argument("flags", nargs="*", help="further flags of fairseq-train, after --")
    options = parser.parse_args(arguments)

    if options.clock == "cpu" and (options.threads != 1 or not Path("/proc/self/stat").exists()):
        parser.error("--clock cpu needs --threads 1, and Linux")
    on_cpu = options.cpu or not torch.cuda.is_available()
    device = torch.device("cpu" if on_cpu else "cuda")
    with tempfile.TemporaryDirectory() as scratch, _only_our_words():
        data = options.data or write_synthetic_pairs(Path(scratch) / "data", 2000)
        flags = training_flags(
            data, options.arch, log_interval=options.log_interval, on_cpu=on_cpu, more=options.flags
        )
        rounds, loop = measure(
            [*flags, "--save-dir", str(Path(scratch) / "run")],
            device=device,
            threads=options.threads,
            clock=options.clock,
            seconds=options.seconds,
            rounds=options.rounds,
            warm_up=options.warm_up,
        )
    parameters = sum(parameter.numel() for parameter in loop.parameters)
    head = f"{options.arch} on {machine(device, options.threads)}, {options.clock} clock"
    if options.json is not None:
        report = {
            "head": head,
            "arch": options.arch,
            "data": "synthetic" if options.synthetic else options.data.name,
            "flags": options.flags,
            "parameters": parameters,
            "summary": summary(rounds),
            "rounds": [asdict(r) for r in rounds],
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{head}\n{table(rounds, parameters)}")


if __name__ == "__main__":
    main()
