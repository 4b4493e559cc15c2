"""Lines that are written one by one, each of them whole, to a file or to standard output."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import AbstractContextManager, nullcontext
from io import FileIO
from pathlib import Path
from types import TracebackType

from im2latex_fairseq.recognition.interruption import interruption_held


class LineOutput:
    """Where results go; a context manager.

    Each line is with the system before `write` returns, so what is done survives Ctrl-C and a crash. A line that
    could be written only in part (a full disk) is taken back, where the file is a regular one.

    A file is opened for appending and emptied by `begin`: a run that fails before its first result (a wrong model,
    say) leaves the results of an earlier one alone.

    Args:
        path: A file; standard output if None.

    Raises:
        OSError: The file can't be opened for writing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._file = None if path is None else FileIO(path, "a")
        self._regular = self._file is not None and stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        self._whole = 0

    def begin(self) -> None:
        """Empty the file: the results of this run follow."""
        if self._file is not None and self._regular:
            self._file.truncate(0)

    def write(self, line: str) -> None:
        """Write `line` and a line feed, as UTF-8; bytes of file names that aren't UTF-8 stay as they are.

        Raises:
            OSError: It can't be written; names the file.
        """
        content = (line + "\n").encode("utf-8", "surrogateescape")
        if self._file is None:
            _write_to_standard_output(content)
            return
        try:
            left = memoryview(content)
            while left:
                left = left[self._file.write(left) or 0 :]
        except BaseException as error:
            if self._regular:
                self._file.truncate(self._whole)
            if isinstance(error, OSError):
                raise OSError(error.errno, error.strerror, str(self.path)) from error
            raise
        self._whole += len(content)

    def uninterrupted(self) -> AbstractContextManager[None]:
        """Within this, Ctrl-C waits, so that a line and what is noted of it agree.

        Not where a write may wait for a reader, as in a pipe: there Ctrl-C comes at once.
        """
        return interruption_held() if self._regular else nullcontext()

    def is_file(self, path: Path) -> bool:
        """True if `path` is the very file that is written."""
        if self._file is None or not self._regular:
            return False
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(path))
        except (OSError, ValueError):
            return False

    def __enter__(self) -> LineOutput:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()


def _write_to_standard_output(content: bytes) -> None:
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:  # a program that caught the output as text
        sys.stdout.write(content.decode("utf-8", "replace"))
        return
    buffer.write(content)
    buffer.flush()
