"""Runs a program with limits on its time, memory, files and output, and nothing to read from."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# `ulimit` in the child's own shell needs no code between fork and exec, which threads would make unsafe.
# A limit that a system doesn't know (macOS: address space) is left out rather than failing the call.
_LIMITED_SHELL = (
    "ulimit -c 0; ulimit -t {cpu_s} 2>/dev/null; ulimit -v {memory_kib} 2>/dev/null; "
    'ulimit -f {file_blocks} 2>/dev/null; exec "$@"'
)


@dataclass(frozen=True)
class ProcessLimits:
    """What one process may use.

    Attributes:
        cpu_s: Processor seconds, rounded up to whole ones. Independent of how busy the machine is.
        wall_s: Seconds by the clock, for a process that sleeps or waits.
        memory_mib: Address space.
        file_mib: Size of any one file that it writes.
        output_mib: Bytes that it may print; it is ended when it prints more.
    """

    cpu_s: float = 3.0
    wall_s: float = 30.0
    memory_mib: int = 2048
    file_mib: int = 64
    output_mib: int = 16


@dataclass(frozen=True)
class ProcessOutcome:
    """How a confined process ended.

    Attributes:
        returncode: Exit status; negative: the number of the signal that ended it.
        output: What it printed (both streams), at most `ProcessLimits.output_mib`.
        stopped: Why it was stopped ("cpu time", "wall time", "output", "file size"), or None if it ended itself.
    """

    returncode: int
    output: bytes
    stopped: str | None


def run_confined(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], limits: ProcessLimits
) -> ProcessOutcome:
    """Run `command` in `folder` and wait for it; on any limit its whole process group is killed.

    Args:
        command: Program and arguments; no shell reads them.
        folder: Working directory.
        environment: The complete environment; nothing is inherited.
        limits: What it may use.

    Returns:
        How it ended. Never raises for what the program does.

    Raises:
        OSError: The program can't be started at all.
    """
    shell = _LIMITED_SHELL.format(
        cpu_s=max(1, math.ceil(limits.cpu_s)),
        memory_kib=limits.memory_mib * 1024,
        file_blocks=limits.file_mib * 2048,
    )
    process = subprocess.Popen(
        ["/bin/sh", "-c", shell, "sh", *command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        close_fds=True,
    )
    try:
        output, stopped = _read_output(process, limits)
        if stopped is None and not _await_exit(process, limits.wall_s):
            stopped = "wall time"
    finally:
        # Before the leader is reaped, while its group's id can't be given to anyone else. Also ends
        # children that outlive it.
        _kill_group(process)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    returncode = process.returncode
    if stopped is None:
        stopped = {-signal.SIGXCPU: "cpu time", -signal.SIGXFSZ: "file size"}.get(returncode)
        if returncode == -signal.SIGKILL:  # the hard limit of `ulimit -t`
            stopped = "cpu time"
    return ProcessOutcome(returncode, output, stopped)


def _read_output(process: subprocess.Popen[bytes], limits: ProcessLimits) -> tuple[bytes, str | None]:
    """Collect output until end of file or a limit; on a limit kill the group and name the limit."""
    assert process.stdout is not None
    deadline = time.monotonic() + limits.wall_s
    chunks: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not selector.select(remaining):
                _kill_group(process)
                return b"".join(chunks), "wall time"
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return b"".join(chunks), None
            chunks.append(chunk)
            size += len(chunk)
            if size > limits.output_mib * 1024 * 1024:
                _kill_group(process)
                return b"".join(chunks), "output"


def _await_exit(process: subprocess.Popen[bytes], wall_s: float) -> bool:
    """Wait, without reaping, for a process that has closed its output; False if it stays for `wall_s`."""
    deadline = time.monotonic() + wall_s
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.0005)
    return True


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
