"""The comparison of generators, on a tiny model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from examples.benchmark.decode_contenders import (
    EXACT,
    STOCK,
    STOCK_REORDERING,
    PeakMemory,
    Watch,
    build_generator,
    contenders_of,
    decode,
)
from examples.benchmark.decode_growth import line
from examples.benchmark.decode_processes import measure_processes, processes_table
from examples.benchmark.decode_speed import Bench, Turns, main


@pytest.fixture(scope="module")
def bench(gated_checkpoint: Path, prepared_data: Path) -> Bench:
    return Bench(str(gated_checkpoint), prepared_data, "valid", torch.device("cpu"), "wall", 12)


def test_everything_is_measured_and_written(
    gated_checkpoint: Path, prepared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, plot = tmp_path / "page.md", tmp_path / "plot.png"
    page.write_text("# By hand\n\n<!-- measured: what follows is written by decode_speed.py -->\nold\n")
    main(
        ["--checkpoint", str(gated_checkpoint), "--data", str(prepared_data), "--split", "valid"]
        + [
            "--pictures",
            "6",
            "--single-pictures",
            "2",
            "--beams",
            "1,3",
            "--batch-sizes",
            "1,4",
            "--max-len",
            "12",
        ]
        + ["--threads", "1", "--device", "cpu", "--check", "--page", str(page), "--plot", str(plot)]
        + ["--growth", "--growth-pictures", "4"]
    )
    text = page.read_text()
    assert text.startswith("# By hand\n") and "old" not in text
    assert text.split("-->\n\n")[1].strip() in capsys.readouterr().out
    everyone = contenders_of(torch.device("cpu"))
    speeds = re.findall(
        r"^\| (\d+) \| (\d+) \| (\w+, \w+|stock) \| ([\d.]+) \| ([\d.]+) \|", text, re.MULTILINE
    )
    assert [row[:3] for row in speeds] == [
        (beam, batch, name) for batch in ("1", "4") for beam in ("1", "3") for name in everyone
    ]
    assert all(float(ratio) == 1.0 for _, _, name, _, ratio in speeds if name == STOCK)
    for beam in (1, 3):
        assert re.search(rf"^\| {beam} \| 6 \| 0 \| 0 \| \d\.\de-\d\d \|", text, re.MULTILINE)
    for name in everyone[2:]:  # what the arithmetic alone would take, of ours
        assert len(re.findall(rf"^\| \d \| \d \| {name} \| [\d.]+ \| \d+% \|", text, re.MULTILINE)) == 4
    assert "## Linear in length and batch" in text
    assert plot.stat().st_size > 1000


def test_batches_are_spread_over_the_split(bench: Bench) -> None:
    singles = bench.batches(3, 1)
    assert [len(batch["id"]) for batch in singles] == [1, 1, 1]
    assert len({int(batch["id"]) for batch in singles}) == 3
    everything = [number for batch in bench.batches(100, 4) for number in batch["id"].tolist()]
    assert sorted(everything) == list(range(6))


def test_the_parts_are_watched_and_nothing_stays_behind(bench: Bench) -> None:
    encoder, decoder = bench.models[0].encoder, bench.models[0].decoder
    before = set(vars(encoder)), set(vars(decoder))
    batch = bench.batches(6, 4)[0]
    for name in contenders_of(bench.device):
        watch = Watch(bench.clock, bench.device)
        generator = build_generator(name, bench.task, bench.models, 3, bench.max_len)
        decode(name, generator, bench.task, bench.models, batch, watch)
        parts = [watch.seconds[part] for part in ("encoder", "decoder", "reordering")]
        assert all(part > 0 for part in parts[:2])
        assert sum(parts) < watch.seconds["all"]
    assert (set(vars(encoder)), set(vars(decoder))) == before


def test_stock_that_reorders_selects_rows(bench: Bench) -> None:
    """The answers are the same; what differs is how often the keys are copied."""
    batch = bench.batches(6, 4)[0]
    outputs = [
        decode(name, build_generator(name, bench.task, bench.models, 3, 12), bench.task, bench.models, batch)
        for name in (STOCK_REORDERING, STOCK, EXACT)
    ]
    tokens = [[[h["tokens"].tolist() for h in picture] for picture in output] for output in outputs]
    assert tokens[0] == tokens[1] == tokens[2]


def test_peak_memory() -> None:
    memory = PeakMemory(torch.device("cpu"))
    memory.begin()
    block = torch.ones(8 << 20)  # 32 MiB
    del block
    peak = memory.mib()
    assert peak is None or 30 < peak < 200


def test_a_line_and_a_parabola() -> None:
    assert line([1, 2, 3, 4], [3, 5, 7, 9]) == pytest.approx((2, 1, 1))
    assert line([1, 2, 3, 4], [1, 4, 9, 16])[2] < 0.99


def test_processes_share_the_batches_out(bench: Bench) -> None:
    """Each picture once, and the work done elsewhere: what isn't measured has no rate."""
    batches = bench.batches(6, 2)
    threads = torch.get_num_threads()
    measured = measure_processes(bench, batches, 2, 2, [STOCK, EXACT], 2)
    assert torch.get_num_threads() == threads
    assert [(one.name, one.processes) for one in measured] == [(STOCK, 2), (EXACT, 2)]
    turns = [Turns(STOCK, 2, 2, seconds=2.0, pictures=6)]
    rows = processes_table(measured, turns).split("\n")[2:]
    for row, one in zip(rows, measured, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[:5] == ["2", "2", one.name, "2", f"{one.rate:.1f}"]
        assert cells[5] == (f"{one.rate / 3.0:.2f}" if one.name == STOCK else "")
        assert cells[6:] == [f"{one.rate / 3.0:.2f}", f"{one.rate / measured[0].rate:.2f}"]


def test_a_process_that_fails_is_said(bench: Bench) -> None:
    batches = bench.batches(6, 2)
    damaged = [dict(batch) for batch in batches]
    damaged[0] = {"net_input": {**batches[0]["net_input"], "src_tokens": torch.zeros(2, 1, 800, 800, 2)}}
    with pytest.raises(RuntimeError, match="ours, float32: a process failed"):
        measure_processes(bench, damaged, 2, 2, [EXACT], 2)
