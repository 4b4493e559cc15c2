"""How fast formulas are decoded here: by fairseq's generator, by ours, and what the arithmetic alone would take.

    python -m examples.benchmark.decode_speed --checkpoint RUN/checkpoint_best.pt --data data-bin/im2latex_100k \\
        --split valid --pictures 1000 --threads 2 --check --growth --page examples/benchmark/DECODE_SPEED.md

Batch by batch, each way to decode has its turn, so that a machine that gets slower or busier does so for all of
them. DECODE_SPEED.md beside this file says what is compared, and what was found.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq import checkpoint_utils, utils

from examples.benchmark.decode_check import check, check_table
from examples.benchmark.decode_contenders import (
    CONTENDERS,
    PRECISIONS,
    STOCK,
    Batch,
    Output,
    PeakMemory,
    Watch,
    build_generator,
    contenders_of,
    decode,
    first_pictures,
)
from examples.benchmark.decode_growth import growth, growth_table, plot_growth
from examples.benchmark.decode_limit import Limit, limit_table, measure_limit
from examples.benchmark.decode_processes import Shared, measure_processes, processes_table
from examples.benchmark.train_speed import CLOCKS, machine

PARTS = ("encoder", "decoder", "reordering")


@dataclass
class Turns:
    """All turns of one way to decode, with one beam and batch size.

    Attributes:
        name: Of the contender.
        beam: Its width.
        batch_size: Most pictures together.
        seconds: Of all turns.
        pictures: That came out.
        parts: Seconds by part; what is in none is search.
        first_s: Until the first pictures were out, the generator's weights to be prepared first.
        peak_mib: The most memory of a turn; None where it isn't known.
    """

    name: str
    beam: int
    batch_size: int
    seconds: float = 0.0
    pictures: int = 0
    parts: dict[str, float] = field(default_factory=dict)
    first_s: float = 0.0
    peak_mib: float | None = None

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.pictures / self.seconds


class Bench:
    """A loaded model and its batches.

    Args:
        checkpoint: Or several, for an ensemble, separated by colons.
        data: Folder of prepared data.
        split: Of it.
        device: Where the model computes.
        clock: In seconds.
        max_len: Longest output, in tokens.
    """

    def __init__(
        self, checkpoint: str, data: Path, split: str, device: torch.device, clock: str, max_len: int
    ) -> None:
        self.device = device
        self.clock = CLOCKS[clock]
        self.max_len = max_len
        self.models, _, self.task = checkpoint_utils.load_model_ensemble_and_task(
            utils.split_paths(checkpoint), arg_overrides={"data": str(data), "bf16_autocast": False}
        )
        for model in self.models:
            model.to(device).make_generation_fast_(need_attn=False)
        self.task.load_dataset(split)
        self.dataset = self.task.datasets[split]

    def batches(self, pictures: int, batch_size: int) -> list[Batch]:
        """Batches of fairseq-generate, evenly spread over the split, of about so many pictures together."""
        max_tokens = _TOKENS_A_PICTURE * max(64, batch_size)
        dataset = self.dataset
        order = dataset.ordered_indices()
        every = [order[n : n + 1] for n in range(len(order))]
        if batch_size > 1:
            every = dataset.batch_by_size(order, max_tokens=max_tokens, max_sentences=batch_size)
        mean = len(order) / len(every)
        count = min(len(every), max(1, round(pictures / mean)))
        chosen = np.linspace(0, len(every) - 1, count + 2).round().astype(int)[1:-1]
        if count == len(every):
            chosen = np.arange(count)
        samples = [dataset.collater([dataset[int(index)] for index in every[n]]) for n in chosen]
        return [utils.apply_to_sample(lambda t: t.to(self.device), sample) for sample in samples]

    def measure(
        self, batches: Sequence[Batch], beam: int, batch_size: int, names: Sequence[str]
    ) -> list[Turns]:
        """Give each contender its turn on each batch, beginning with another one each time."""
        turns = [Turns(name, beam, batch_size) for name in names]
        generators = {
            name: build_generator(name, self.task, self.models, beam, self.max_len) for name in names
        }
        for name in names:  # libraries load, tables are made
            decode(name, generators[name], self.task, self.models, first_pictures(batches[0], 2))
        memory = PeakMemory(self.device)
        for number, batch in enumerate(batches):
            for turn in np.roll(np.array(turns, dtype=object), number):
                self._turn(turn, generators[turn.name], batch, memory)
        for turn in turns:
            turn.first_s = self._first_s(turn.name, batches[len(batches) // 2], beam)
        return turns

    def _turn(self, turn: Turns, generator: Any, batch: Batch, memory: PeakMemory) -> None:
        watch = Watch(self.clock, self.device)
        memory.begin()
        output = decode(turn.name, generator, self.task, self.models, batch, watch)
        turn.seconds += watch.seconds["all"]
        turn.pictures += len(output)
        for part in PARTS:
            turn.parts[part] = turn.parts.get(part, 0.0) + watch.seconds[part]
        peak = memory.mib()
        if peak is not None:
            turn.peak_mib = max(peak, turn.peak_mib or 0.0)

    def _first_s(self, name: str, batch: Batch, beam: int) -> float:
        watch = Watch(self.clock, self.device)
        start = watch.now()
        generator = build_generator(name, self.task, self.models, beam, self.max_len)
        decode(name, generator, self.task, self.models, batch)
        return watch.now() - start

    def outputs(self, name: str, batches: Sequence[Batch], beam: int) -> list[Output]:
        """Hypotheses of all batches by a contender."""
        generator = build_generator(name, self.task, self.models, beam, self.max_len)
        return [decode(name, generator, self.task, self.models, batch) for batch in batches]


def speed_table(turns: Sequence[Turns]) -> str:
    """One line a contender, beam and batch size."""
    lines = [
        "| beam | batch | | pictures/s | of stock | ms a picture | ms to the first | peak MiB | encoder | decoder "
        "| reordering | search |",
        "|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for turn in turns:
        stock = [
            t.rate for t in turns if (t.name, t.beam, t.batch_size) == (STOCK, turn.beam, turn.batch_size)
        ]
        ratio = f"{turn.rate / stock[0]:.2f}" if stock else ""
        peak = "" if turn.peak_mib is None else f"{turn.peak_mib:.0f}"
        shares = [turn.parts[part] / turn.seconds for part in PARTS]
        shares.append(1 - sum(shares))
        lines.append(
            f"| {turn.beam} | {turn.batch_size} | {turn.name} | {turn.rate:.1f} | {ratio} | "
            f"{1e3 / turn.rate:.1f} | {1e3 * turn.first_s:.0f} | {peak} | "
            + " | ".join(f"{share:.0%}" for share in shares)
            + " |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the tables."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    bench = Bench(options.checkpoint, options.data, options.split, device, options.clock, options.max_len)
    sections: list[tuple[str, str]] = []
    limits: list[Limit] = []
    turns: list[Turns] = []
    shared: list[Shared] = []
    for batch_size in options.batch_sizes:
        count = options.pictures if batch_size > 1 else options.single_pictures
        batches = bench.batches(count, batch_size)
        for beam in options.beams:
            turns += bench.measure(batches, beam, batch_size, options.contenders)
            print(speed_table(turns).split("\n")[-len(options.contenders) :], flush=True)
            if options.processes > 1 and batch_size > 1:
                shared += measure_processes(
                    bench, batches, beam, batch_size, options.contenders, options.processes
                )
            rates = {t.name: t.rate for t in turns if (t.beam, t.batch_size) == (beam, batch_size)}
            limits += [
                measure_limit(bench, name, batches, beam, batch_size, rates[name])
                for name in PRECISIONS
                if name in rates
            ]
    sections.append(("Speed", speed_table(turns)))
    if shared:
        sections.append(("By several processes", processes_table(shared, turns)))
    sections.append(("What the arithmetic alone would take", limit_table(limits)))
    if options.check:
        batches = bench.batches(options.check_pictures or options.pictures, max(options.batch_sizes))
        reports = [check(bench, batches, beam, options.contenders) for beam in options.beams]
        sections.append(("The same answers", check_table(reports)))
    if options.growth:
        points = growth(bench, options.growth_pictures)
        sections.append(("Linear in length and batch", growth_table(points)))
        if options.plot:
            plot_growth(points, options.plot)
    head = (
        f"{machine(device, options.threads)}, {options.clock} clock, {time.strftime('%Y-%m-%d')}; split "
        f"{options.split} of {options.data.name}, {options.pictures} pictures in batches, "
        f"{options.single_pictures} singly"
    )
    text = "\n\n".join([head, *(f"## {title}\n\n{table}" for title, table in sections)])
    print(text)
    if options.page:
        _write_page(options.page, text)


_TOKENS_A_PICTURE = 125
"""--max-tokens of a batch, cells and formulas together, for each picture that it may have; 8000 of 64."""

_MARK = "<!-- measured: what follows is written by decode_speed.py -->"


def _write_page(page: Path, text: str) -> None:
    """Replace what follows the mark; what stands before it is written by hand."""
    before = page.read_text(encoding="utf-8").partition(_MARK)[0] if page.exists() else "# Decoding speed\n\n"
    page.write_text(f"{before}{_MARK}\n\n{text}\n", encoding="utf-8")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time fairseq's generator against ours.")
    parser.add_argument("--checkpoint", required=True, help="several, separated by colons, are an ensemble")
    parser.add_argument("--data", type=Path, required=True, help="folder of prepared data")
    parser.add_argument("--split", default="valid", help="default %(default)s")
    parser.add_argument(
        "--pictures", type=int, default=1000, help="about so many, in whole batches (default 1000)"
    )
    parser.add_argument("--single-pictures", type=int, default=50, help="decoded one by one (default 50)")
    parser.add_argument("--beams", type=_numbers, default=[1, 5, 10], help="default 1,5,10")
    parser.add_argument("--batch-sizes", type=_numbers, default=[1, 64], help="default 1,64")
    parser.add_argument("--max-len", type=int, default=200, help="longest output, in tokens (default 200)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch")
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        help="let so many of one thread each share the batches out, as well (default 1: don't)",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--clock",
        choices=sorted(CLOCKS),
        default="wall",
        help="cpu counts CPU seconds, which other load disturbs less (one thread)",
    )
    parser.add_argument(
        "--contenders", type=_names, help=f"of: {'; '.join(CONTENDERS)} (default: all that this device can)"
    )
    parser.add_argument("--check", action="store_true", help="compare hypotheses and scores with fairseq's")
    parser.add_argument("--check-pictures", type=int, help="as many as --pictures if not given")
    parser.add_argument("--growth", action="store_true", help="time forced lengths and batch sizes")
    parser.add_argument(
        "--growth-pictures", type=int, default=64, help="the largest batch of that (default 64)"
    )
    parser.add_argument("--plot", type=Path, help="a PNG of it")
    parser.add_argument("--page", type=Path, help="a Markdown page whose measured part is replaced")
    options = parser.parse_args(arguments)
    options.contenders = options.contenders or contenders_of(torch.device(options.device))
    if options.clock == "cpu" and options.threads != 1:
        parser.error("--clock cpu needs --threads 1")
    if options.processes > 1 and (options.clock == "cpu" or options.device != "cpu"):
        parser.error("--processes are timed on the CPU, by the wall clock")
    return options


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(";")]
    unknown = [name for name in names if name not in CONTENDERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}: there are {'; '.join(CONTENDERS)}")
    return names


if __name__ == "__main__":
    main()
