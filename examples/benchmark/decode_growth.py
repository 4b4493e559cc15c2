"""What decoding costs as outputs get longer and batches larger: a straight line, or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from examples.benchmark.decode_contenders import EXACT, Watch, build_generator
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.decoding.token_filter import TokenFilter

LENGTHS = (25, 50, 100, 200)
BATCH_SIZES = (1, 4, 16, 32, 64, 128)
BEAM = 5


class NoEnd(TokenFilter):
    """A filter that forbids the end, so that outputs have the longest length."""

    def __init__(self, vocabulary_size: int, eos: int) -> None:
        self._allowed = torch.ones(1, vocabulary_size, dtype=torch.bool)
        self._allowed[0, eos] = False

    def begin(self, rows: int, max_len: int) -> np.ndarray:
        """See `TokenFilter.begin`."""
        return np.zeros(rows, dtype=np.int64)

    def allowed(self, states: np.ndarray, step: int, max_len: int) -> torch.Tensor | None:
        """See `TokenFilter.allowed`."""
        return None if step == max_len else self._allowed.expand(len(states), -1)

    def advance(self, states: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """See `TokenFilter.advance`."""
        return states


@dataclass(frozen=True)
class Point:
    """Seconds of one batch, with beam 5, of outputs of one length."""

    length: int
    batch_size: int
    seconds: float


def growth(bench: Any, most: int) -> list[Point]:
    """Time each length with the largest batch, and each batch size with outputs of 50 tokens; the better of two.

    Args:
        bench: A `decode_speed.Bench`.
        most: The largest batch.
    """
    sizes = [size for size in BATCH_SIZES if size <= most]
    images, picture_sizes = _pictures(bench, sizes[-1])
    decoder = build_generator(EXACT, bench.task, bench.models, BEAM, max(LENGTHS)).decoder
    no_end = NoEnd(len(bench.task.target_dictionary), bench.task.target_dictionary.eos())
    watch = Watch(bench.clock, bench.device)
    points = []
    for length, size in [*((n, sizes[-1]) for n in LENGTHS), *((50, n) for n in sizes[:-1])]:
        settings = DecodingSettings(beam=BEAM, max_len=length)
        best = float("inf")
        for _ in range(2):
            start = watch.now()
            found = decoder.decode(images[:size], picture_sizes[:size], settings, no_end)
            best = min(best, watch.now() - start)
        assert all(len(readings[0].ids) == length for readings in found)
        points.append(Point(length, size, best))
    return points


def _pictures(bench: Any, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of one size each time, so that it isn't the pictures that make the difference: one, repeated."""
    order = bench.dataset.ordered_indices()
    sample = bench.dataset.collater([bench.dataset[int(order[len(order) // 2])]])["net_input"]
    images, sizes = (sample[name].to(bench.device) for name in ("src_tokens", "src_lengths"))
    return images.expand(count, -1, -1, -1).contiguous(), sizes.expand(count, -1).contiguous()


def line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float, float]:
    """Slope, value at 0, and R squared (share of the variance explained) of the straight line through points."""
    slope, start = np.polyfit(xs, ys, 1)
    left = np.square(np.asarray(ys) - slope * np.asarray(xs) - start).sum()
    return float(slope), float(start), float(1 - left / np.square(ys - np.mean(ys)).sum())


def series(points: Sequence[Point]) -> list[tuple[str, list[int], list[float]]]:
    """By length with the largest batch, and by batch with 50 tokens: (name, numbers, seconds)."""
    most = max(point.batch_size for point in points)
    by_length = sorted((p for p in points if p.batch_size == most), key=lambda p: p.length)
    by_batch = sorted((p for p in points if p.length == 50), key=lambda p: p.batch_size)
    return [
        (f"tokens ({most} pictures)", [p.length for p in by_length], [p.seconds for p in by_length]),
        ("pictures (50 tokens)", [p.batch_size for p in by_batch], [p.seconds for p in by_batch]),
    ]


def growth_table(points: Sequence[Point]) -> str:
    """Seconds by length and by batch, and how straight the lines are."""
    parts = []
    for name, numbers, seconds in series(points):
        slope, start, explained = line(numbers, seconds)
        parts.append(
            f"| {name} | {' | '.join(map(str, numbers))} |\n|---|{'---:|' * len(numbers)}\n"
            f"| seconds | {' | '.join(f'{value:.2f}' for value in seconds)} |\n\n"
            f"A line of {1e3 * slope:.1f} ms each and {1e3 * start:.0f} ms at 0 explains {explained:.2%}."
        )
    return f"`{EXACT}`, beam {BEAM}, outputs kept from ending.\n\n" + "\n\n".join(parts)


def plot_growth(points: Sequence[Point], path: Path) -> None:
    """Draw both series with their lines."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3))
    for axis, (name, numbers, seconds) in zip(axes, series(points), strict=True):
        slope, start, _ = line(numbers, seconds)
        ends = np.array([0, max(numbers)])
        axis.plot(ends, slope * ends + start, color="lightgrey")
        axis.plot(numbers, seconds, "o", color="black")
        axis.set_xlabel(name)
        axis.set_ylabel("seconds")
        axis.set_ylim(bottom=0)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
