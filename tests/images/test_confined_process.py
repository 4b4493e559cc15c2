"""The limits of a confined process, tried by programs that break each of them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from im2latex_fairseq.images.confined_process import ProcessLimits, ProcessOutcome, run_confined


def run(
    folder: Path,
    program: str,
    limits: ProcessLimits | None = None,
    environment: dict[str, str] | None = None,
) -> ProcessOutcome:
    return run_confined(
        [sys.executable, "-S", "-c", program],
        folder=folder,
        environment=environment or {},
        limits=limits or ProcessLimits(),
    )


def test_returns_status_and_both_streams(tmp_path):
    outcome = run(tmp_path, "import sys; print('out', flush=True); sys.stderr.write('err'); sys.exit(7)")
    assert outcome == ProcessOutcome(7, b"out\nerr", None)


def test_runs_in_the_folder_with_nothing_inherited(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "1")
    program = "import os; print(os.getcwd()); print(sorted(os.environ))"
    outcome = run(tmp_path, program, environment={"ONLY": "this"})
    assert str(tmp_path) in outcome.output.decode()
    assert b"SECRET_OF_THE_PARENT" not in outcome.output
    assert b"ONLY" in outcome.output


def test_arguments_reach_no_shell(tmp_path):
    outcome = run_confined(
        [
            sys.executable,
            "-S",
            "-c",
            "import sys; print(sys.argv[1:])",
            "a b",
            "$(touch owned)",
            "; touch owned",
        ],
        folder=tmp_path,
        environment={},
        limits=ProcessLimits(),
    )
    assert b"['a b', '$(touch owned)', '; touch owned']" in outcome.output
    assert not list(tmp_path.iterdir())


def test_standard_input_is_empty(tmp_path):
    assert run(tmp_path, "import sys; print(repr(sys.stdin.read()))").output == b"''\n"


def test_endless_loop_is_stopped_by_cpu_time(tmp_path):
    outcome = run(tmp_path, "while True: pass", ProcessLimits(cpu_s=1, wall_s=60))
    assert outcome.stopped == "cpu time"


@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(60)",
        "import os, time; os.close(1); os.close(2); time.sleep(60)",  # its output ends before it does
    ],
)
def test_sleeper_is_stopped_by_the_clock(tmp_path, program):
    start = time.monotonic()
    outcome = run(tmp_path, program, ProcessLimits(wall_s=1))
    assert outcome.stopped == "wall time"
    assert time.monotonic() - start < 20


def test_children_end_with_their_parent(tmp_path):
    # The grandchild keeps the pipe open and would write its file after 3 seconds.
    program = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', "
        "\"import time; time.sleep(3); open('late', 'w')\"])"
    )
    outcome = run(tmp_path, program, ProcessLimits(wall_s=1))
    assert outcome.stopped == "wall time"
    time.sleep(3)
    assert not (tmp_path / "late").exists()


def test_memory_is_limited(tmp_path):
    outcome = run(tmp_path, "x = bytearray(2_000_000_000); print('got it')", ProcessLimits(memory_mib=500))
    assert b"got it" not in outcome.output
    assert outcome.returncode != 0


def test_file_size_is_limited(tmp_path):
    # Python ignores the signal that other programs die of, and gets an error instead.
    program = (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "f = open('big', 'wb')\nfor _ in range(100): f.write(bytes(1_000_000))"
    )
    outcome = run(tmp_path, program, ProcessLimits(file_mib=2))
    assert outcome.stopped == "file size"
    assert (tmp_path / "big").stat().st_size <= 2 * 1024 * 1024


def test_output_is_limited(tmp_path):
    outcome = run(tmp_path, "while True: print('x' * 1000)", ProcessLimits(output_mib=1, cpu_s=20))
    assert outcome.stopped == "output"
    assert len(outcome.output) < 2 * 1024 * 1024


def test_missing_program_is_an_ordinary_failure(tmp_path):
    outcome = run_confined(["/no/such/program"], folder=tmp_path, environment={}, limits=ProcessLimits())
    assert outcome.returncode == 127
