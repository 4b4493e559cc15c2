"""The speed of fairseq-train beside that of a bare loop, on a few meaningless pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from examples.benchmark.bare_loop import BareLoop, BatchSource
from examples.benchmark.paused_process import LogLine, PausedTraining, TrainingProcessError
from examples.benchmark.synthetic_pairs import write_synthetic_pairs
from examples.benchmark.train_speed import (
    BatchMismatchError,
    StepCost,
    check_batches,
    main,
    mean_loss,
    spread,
)
from examples.benchmark.training_flags import training_flags
from im2latex_fairseq.data.manifest import read_manifest

TINY = "im2latex_gconv_tiny"


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> BareLoop:
    data = write_synthetic_pairs(tmp_path_factory.mktemp("data"), 60)
    return BareLoop(training_flags(data, TINY, log_interval=1, on_cpu=True), torch.device("cpu"))


def test_synthetic_pairs_are_the_same_each_time(tmp_path: Path) -> None:
    manifests = [read_manifest(write_synthetic_pairs(tmp_path / name, 5) / "train.tsv") for name in "ab"]
    assert manifests[0] == manifests[1]


def test_batches_hold_every_pair_once_an_epoch(loop: BareLoop) -> None:
    source, seen = BatchSource(loop.batches()), []
    update = 0
    while len(seen) < 60:
        update += 1
        for batch in source.take(update):
            seen += batch["id"].tolist()
    assert sorted(seen) == list(range(60))
    assert source.take(update) == []  # nothing is handed out twice
    assert len(source.take(update + 2)) == 2  # the next epoch


def test_the_bare_loop_learns(loop: BareLoop) -> None:
    batches = BatchSource(loop.batches()).take(1)
    losses = [loop.time_steps(batches).loss for _ in range(4)]
    assert losses[-1] < losses[0]


def test_the_cost_of_a_batch_follows_from_its_shape(loop: BareLoop) -> None:
    batches = BatchSource(loop.batches()).take(8)
    cost = StepCost(loop, batches[:6])
    exact = [StepCost(loop, [batch]).flops([batch]) for batch in batches[6:]]
    assert [cost.flops([batch]) for batch in batches[6:]] == pytest.approx(exact, rel=0.01)


def test_spread_takes_small_and_large_ones(loop: BareLoop) -> None:
    batches = BatchSource(loop.batches()).take(6)
    sizes = [batch["net_input"]["src_tokens"].numel() for batch in spread(batches, 3)]
    assert sizes == sorted(sizes)
    assert len(spread(batches[:2], 3)) == 2


def test_other_batches_are_noticed(loop: BareLoop) -> None:
    batches = BatchSource(loop.batches()).take(2)
    images, tokens = (sum(batch[key] for batch in batches) / 2 for key in ("nsentences", "ntokens"))
    first = LogLine(1, 9.0, 0.0, 0.0, 0.0, 0.0)
    check_batches([first, LogLine(3, 9.0, round(images, 1), round(tokens, 1), 1.0, 1.0)], batches)
    for wrong in (
        LogLine(3, 9.0, images + 1, tokens, 1.0, 1.0),
        LogLine(3, 9.0, images, tokens + 1, 1.0, 1.0),
    ):
        with pytest.raises(BatchMismatchError, match="up to update 3"):
            check_batches([first, wrong], batches)


def test_losses_count_by_tokens() -> None:
    lines = [
        LogLine(2, 99.0, 1.0, 50.0, 0.0, 0.0),  # only says where the clock started
        LogLine(4, 8.0, 1.0, 30.0, 1.0, 1.0),
        LogLine(5, 4.0, 1.0, 20.0, 2.0, 2.0),
    ]
    assert mean_loss(lines) == pytest.approx((60 * 8.0 + 20 * 4.0) / 80)


@pytest.mark.skipif(os.name != "posix", reason="processes are stopped by signals")
def test_a_run_that_fails_shows_its_last_words(tmp_path: Path) -> None:
    flags = training_flags(tmp_path / "nothing", TINY, log_interval=1, on_cpu=True)
    with (
        PausedTraining(flags, threads=1) as training,
        pytest.raises(TrainingProcessError, match=r"dict\.txt"),
    ):
        training.warm_up(1)


@pytest.mark.skipif(os.name != "posix", reason="processes are stopped by signals")
def test_the_command_compares_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "speed.json"
    arguments = [
        "--synthetic",
        "--arch",
        TINY,
        "--cpu",
        "--seconds",
        "0.5",
        "--rounds",
        "1",
        "--warm-up",
        "1",
    ]
    main([*arguments, "--log-interval", "1", "--json", str(out), "--", "--batch-size", "4"])
    printed = capsys.readouterr().out
    report = json.loads(out.read_text(encoding="utf-8"))
    summary = report["summary"]
    assert report["flags"] == ["--batch-size", "4"]
    assert 0.0 < summary["fairseq_of_bare"] < 5.0
    assert summary["bare_loss"] == pytest.approx(summary["fairseq_loss"], rel=0.005)  # the same arithmetic
    assert f"{summary['fairseq_of_bare']:.1%}" in printed
