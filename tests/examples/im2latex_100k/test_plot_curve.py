"""Validations read from fairseq-train's log, and the curve of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples.im2latex_100k.plot_curve import main, validations_of
from examples.im2latex_100k.training_log import Progress, TrainingLogError, read_progress, read_validations

STAMP = "2026-01-01 00:00:00 | INFO | "
START = f"{STAMP}fairseq_cli.train | training on 1 devices (GPUs/TPUs)"


def training(updates: int, bsz: float, wall_s: int) -> str:
    values = {"epoch": 1, "update": 0.1, "loss": "5.1", "ppl": "34", "bsz": str(bsz)}
    return f"{STAMP}train_inner | " + json.dumps(
        {**values, "num_updates": str(updates), "gnorm": "1.2", "wall": str(wall_s)}
    )


def validation(updates: int, ppl: float, subset: str = "valid", **scores: float) -> str:
    values = {"ppl": str(ppl), "num_updates": str(updates), **{k: str(v) for k, v in scores.items()}}
    return f"{STAMP}{subset} | " + json.dumps({"epoch": 1, **{f"{subset}_{k}": v for k, v in values.items()}})


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_images_and_hours_add_up(tmp_path: Path) -> None:
    log = write(
        tmp_path / "train.log",
        START,
        training(100, 32.0, 360),
        training(200, 48.0, 720),
        f"{STAMP}valid | begin validation",
        validation(210, 9.5, token_accuracy=54.0),  # ten updates after the last line
        f'{STAMP}train | {{"epoch": 1, "train_loss": "4", "train_num_updates": "210", "train_wall": "730"}}',
    )
    (found,) = read_validations(log)
    assert (found.subset, found.updates) == ("valid", 210)
    assert found.images == 100 * 32 + 110 * 48
    assert found.hours == pytest.approx(0.2)
    assert found.values == {"ppl": 9.5, "token_accuracy": 54.0}


@pytest.mark.parametrize("start", [START, START.split(" | ")[-1]])  # on the terminal; in --log-file
def test_a_resumed_run_goes_on_where_its_checkpoint_was(tmp_path: Path, start: str) -> None:
    log = write(
        tmp_path / "train.log",
        start,
        training(100, 30.0, 360),
        validation(100, 9.0),
        training(150, 30.0, 540),  # killed here; the checkpoint is that of update 100
        start,
        training(110, 30.0, 720),
        training(200, 30.0, 1080),
        validation(200, 5.0),
    )
    first, second = read_validations(log)
    assert (first.images, second.images) == (3000, 6000)
    assert second.hours == pytest.approx((540 + 1080) / 3600)


def test_a_resumed_run_whose_clock_stands_counts_what_it_trained(tmp_path: Path) -> None:
    resumed = training(200, 30.0, 0).replace('"wall": "0"', '"train_wall": "90", "wall": "0"')
    log = write(tmp_path / "train.log", training(100, 30.0, 360), resumed, validation(200, 5.0))
    (found,) = read_validations(log)
    assert found.hours == pytest.approx((360 + 90) / 3600)


def test_what_training_logged_is_read_beside(tmp_path: Path) -> None:
    log = write(
        tmp_path / "train.log",
        START,
        training(50, 30.0, 180),
        validation(60, 9.0),
        training(100, 30.0, 360),
        START,
        training(100, 30.0, 180),  # again, after a resumption
    )
    assert read_progress(log) == [Progress(50, 1500, 0.05, 34.0), Progress(100, 3000, 0.15, 34.0)]


def test_simple_format_reads_alike(tmp_path: Path) -> None:
    log = write(
        tmp_path / "train.log",
        START,
        f"{STAMP}train_inner | epoch 001:     10 / 93 loss=6.1, ppl=70, bsz=32, num_updates=10, wall=36",
        f"{STAMP}valid | epoch 001 | valid on 'valid' subset | loss 5 | ppl 32 | bleu 12.2 | num_updates 10",
    )
    (found,) = read_validations(log)
    assert (found.subset, found.updates, found.images) == ("valid", 10, 320)
    assert found.values == {"loss": 5.0, "ppl": 32.0, "bleu": 12.2}


def test_lines_without_a_stamp_and_broken_ones(tmp_path: Path) -> None:
    log = write(
        tmp_path / "train.log",
        training(10, 32.0, 36).split(" | ")[-1],  # as --log-file writes them
        '{"epoch": 1, "valid_ppl": "3',  # cut off
        "a set {of words}",
        validation(10, 4.0).split(" | ")[-1],
        validation(10, 3.0),  # validated again after a resumption
    )
    (found,) = read_validations(log)
    assert (found.images, found.values["ppl"]) == (320, 3.0)


def test_a_log_without_validation_says_so(tmp_path: Path) -> None:
    log = write(tmp_path / "train.log", START, training(10, 32.0, 36))
    with pytest.raises(TrainingLogError, match="no line of a validation"):
        read_validations(log)


def test_another_subset_is_named(tmp_path: Path) -> None:
    log = write(tmp_path / "train.log", validation(10, 4.0, subset="pages_valid"))
    assert len(validations_of(log, "pages_valid")) == 1
    with pytest.raises(TrainingLogError, match="there are some on pages_valid"):
        validations_of(log, "valid")


def test_the_command_draws_the_same_bytes_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    lines = [
        line
        for step in range(1, 5)
        for line in (
            training(100 * step, 32.0, 60 * step),
            validation(100 * step, 20 / step, bleu=10 * step, token_accuracy=50 + step),
        )
    ]
    log = write(tmp_path / "train.log", START, *lines)
    outputs = [tmp_path / "a.png", tmp_path / "b" / "b.png"]
    for out in outputs:
        main(["--log", f"gconv={log}", "--log", str(log), "--out", str(out), "--over", "hours"])
    printed = capsys.readouterr().out
    assert "| gconv | 12,800 | 0.07 | 5.00 | 54.00 | 40.00 |  |" in printed
    assert "| train | 12,800" in printed
    first, second = (out.read_bytes() for out in outputs)
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert len(first) < 100_000
