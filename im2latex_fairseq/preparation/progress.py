"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

_LINE_INTERVAL_S = 30.0


class Progress:
    """Counts work done; a context manager.

    On a terminal it is a tqdm bar. In a log it prints a line every half minute, so that neither a short step
    fills the log nor a long one seems dead.
    """

    def __init__(self, label: str, total: int, unit: str = "formulas") -> None:
        """`total` units of work are ahead, described by `label`."""
        self._label = label
        self._total = total
        self._unit = unit
        self._done = 0
        self._fresh = 0
        self._start = self._last_line = time.monotonic()
        self._bar = (
            tqdm(total=total, desc=label, unit=f" {unit}", file=sys.stderr) if sys.stderr.isatty() else None
        )

    def advance(self, count: int = 1, *, already_done: bool = False) -> None:
        """Count `count` more; `already_done` marks what an earlier run finished (it says nothing of speed)."""
        self._done += count
        if not already_done:
            self._fresh += count
        if self._bar is not None:
            if already_done:
                self._bar.initial += count
            self._bar.update(count)
            return
        now = time.monotonic()
        if now - self._last_line >= _LINE_INTERVAL_S:
            self._last_line = now
            self._print_line(now)

    def _print_line(self, now: float) -> None:
        rate = self._fresh / max(now - self._start, 1e-9)
        left = (self._total - self._done) / rate if rate else float("nan")
        print(
            f"{self._label}: {self._done:,} of {self._total:,} {self._unit}, {rate:.0f}/s, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
