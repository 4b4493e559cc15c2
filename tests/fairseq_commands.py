"""Runs fairseq's command lines for the tests: in this process where possible, since importing takes seconds."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "im2latex_fairseq"


def run_fairseq(command: str, *arguments: object) -> str:
    """Run `fairseq-COMMAND ARGUMENTS` in this process, with the plugin as its --user-dir.

    Returns:
        What it printed and logged.
    """
    importlib.import_module("im2latex_fairseq.plugin")  # the tests import the package before --user-dir does
    module = importlib.import_module(f"fairseq_cli.{command}")
    _forget_earlier_runs()
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    argv = [f"fairseq-{command}", *map(str, arguments), "--user-dir", str(PLUGIN)]
    root.handlers, root.level = [handler], logging.INFO
    try:
        with mock.patch.object(sys, "argv", argv), contextlib.redirect_stdout(output):
            module.cli_main()
    finally:
        root.handlers, root.level = handlers, level
    return output.getvalue()


def train_tiny(data: object, save_dir: object, *arguments: object) -> str:
    """`fairseq-train` as short and as small as it can be; options given again win."""
    return run_fairseq("train", data, *tiny_options(save_dir), *arguments)


def tiny_options(save_dir: object) -> list[object]:
    """The options of a run that takes a second or two."""
    options = """
        --task im2latex --arch im2latex_gconv_tiny --criterion label_smoothed_cross_entropy --label-smoothing 0.1
        --optimizer adam --lr 0.002 --clip-norm 1.0 --batch-size 4 --num-workers 0 --max-update 2
        --no-epoch-checkpoints --log-format json --log-interval 1
    """
    return [*options.split(), "--save-dir", save_dir]


def start_fairseq(command: str, *arguments: object) -> subprocess.Popen[str]:
    """Start `fairseq-COMMAND ARGUMENTS` as a process of its own, in the checkout."""
    program = f"import sys; from fairseq_cli.{command} import cli_main; sys.exit(cli_main())"
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str], timeout_s: float = 120.0) -> str:
    """Wait for a process, and return its output; fail with its output if it failed."""
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, output
    return output


def logged(output: str, tag: str = "") -> list[dict[str, float]]:
    """What `--log-format json` logged: of `train` an epoch, of `valid` a validation, of "" an update."""
    # fairseq-validate writes its progress and its result on one line: the last object counts.
    found = re.findall(r'(\{"(?:epoch|\w+_loss)": [^{}]*\})$', output, re.MULTILINE)
    rows = [{key: float(value) for key, value in json.loads(text).items()} for text in found]
    return [row for row in rows if (f"{tag}_loss" if tag else "loss") in row]


def _forget_earlier_runs() -> None:
    """fairseq keeps the best checkpoint's score, and when to stop, on its functions."""
    from fairseq import checkpoint_utils
    from fairseq_cli import train

    for function in (checkpoint_utils.save_checkpoint, train.should_stop_early):
        for name in ("best", "num_runs"):
            if hasattr(function, name):
                delattr(function, name)
