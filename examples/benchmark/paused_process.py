"""fairseq-train as a process of its own that is let run for a while, and stopped in between (POSIX only)."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_INNER = re.compile(r"\| train_inner \| (\{.*\})$")


class TrainingProcessError(RuntimeError):
    """fairseq-train ended or fell silent; carries the end of its output."""


@dataclass(frozen=True)
class LogLine:
    """A line of the log that tells of an interval of updates.

    Attributes:
        updates: Done so far.
        loss: Mean of the interval, in bits a token, label smoothing included.
        images_per_update: Mean of the interval.
        tokens_per_update: Mean of the interval.
        at_s: When it came, on this process's clock.
        cpu_s: CPU seconds that fairseq-train and its workers had used by then; 0 where the system doesn't tell.
    """

    updates: int
    loss: float
    images_per_update: float
    tokens_per_update: float
    at_s: float
    cpu_s: float


class PausedTraining:
    """A run of fairseq-train, stopped unless `run` is being called.

    Stopping it, rather than starting it anew for each segment, keeps start-up and warm-up out of the times,
    and lets segments of it alternate with segments of something else.

    Args:
        flags: Of fairseq-train; with `--log-format json`.
        threads: Of torch.
        silence_s: It failed if it says nothing for so long.
    """

    def __init__(self, flags: Sequence[str], *, threads: int, silence_s: float = 300.0) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self._silence_s = silence_s
        self._tail: deque[str] = deque(maxlen=30)
        self._lines: queue.Queue[LogLine | None] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fairseq_cli.train", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,  # a group of its own, so that its workers stop with it
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> PausedTraining:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()

    def warm_up(self, updates: int) -> LogLine:
        """Let it start and make so many updates."""
        return self._until(lambda line: line.updates >= updates)[-1]

    def run(self, seconds: float) -> list[LogLine]:
        """Let it run for about so many seconds.

        Returns:
            The lines that came; the first says where the clock started, the interval before it is partly of
            an earlier run.
        """
        self._signal(signal.SIGCONT)
        first = self._next()
        return [first, *self._until(lambda line: line.at_s - first.at_s >= seconds)]

    def _until(self, enough: Callable[[LogLine], bool]) -> list[LogLine]:
        lines = [self._next()]
        while not enough(lines[-1]):
            lines.append(self._next())
        self._signal(signal.SIGSTOP)
        return lines

    def _next(self) -> LogLine:
        try:
            line = self._lines.get(timeout=self._silence_s)
        except queue.Empty:
            line = None
        if line is None:
            raise TrainingProcessError(
                "fairseq-train ended, or said nothing for "
                f"{self._silence_s:.0f} s; its last words:\n" + "".join(self._tail)
            )
        return line

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            at_s = time.perf_counter()
            self._tail.append(text)
            match = _INNER.search(text.rstrip("\n"))
            if match is not None:
                values = json.loads(match[1])
                numbers = [float(values[key]) for key in ("loss", "bsz", "wpb")]
                cpu_s = group_cpu_seconds(self._process.pid)
                self._lines.put(LogLine(int(values["num_updates"]), *numbers, at_s=at_s, cpu_s=cpu_s))
        self._lines.put(None)

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)


def group_cpu_seconds(group: int) -> float:
    """CPU seconds that the processes of a group have used, from /proc; 0 where there is none."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold blanks; after it come state, parent, group, ...
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
