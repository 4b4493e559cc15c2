"""Several processes that read pictures at the same time: more pictures a second than one with as many threads."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.recognition.interruption import interruption_held
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.picture_groups import PictureGroup
from im2latex_fairseq.recognition.picture_reader import DecodedIds, PictureReader, Source
from im2latex_fairseq.recognition.results import Outcome, Recognition
from im2latex_fairseq.recognition.second_look import DoubtfulPictures

# Forked processes share the model's memory with the first one, and begin at once. Elsewhere than on Linux the
# systems' own libraries may not survive it.
_START_METHOD = "fork" if sys.platform == "linux" else "spawn"
_SECONDS_TO_END = 5.0


class ReaderProcessError(RuntimeError):
    """A process that read pictures ended before its work was done; says how."""


class ParallelReader(PictureReader):
    """Reads as another reader does, by several processes with a thread each.

    A step of the search is a row of small operations, which threads hardly share: two processes read a quarter
    more pictures than two threads. Pictures are prepared here, and decoded there in groups. The processes begin
    with the first pictures, and end with `close`, with the `with` block, or with this process. Where they are
    spawned, not forked (all but Linux), a script needs `if __name__ == "__main__":` around what it does.

    Args:
        reader: How to read; on the CPU.
        processes: How many; as many as processors is best. Each takes memory for the pictures of a group.

    Raises:
        ValueError: `processes` is below 1.
    """

    def __init__(self, reader: PictureReader, processes: int) -> None:
        if processes < 1:
            raise ValueError(f"processes must be at least 1, got {processes}")
        super().__init__(reader.dictionary, reader.preparation, reader.calibration, reader.known_text)
        self._reader = reader
        self._count = processes
        self._processes: list[_ReaderProcess] = []

    def recognize(
        self, sources: Iterable[Source], options: RecognitionOptions | None = None
    ) -> Iterator[Outcome]:
        """See `PictureReader.recognize`.

        Raises:
            ReaderProcessError: A process ended before its work was done, as when memory runs out.
        """
        options = options if options is not None else RecognitionOptions()
        try:
            yield from self._recognize(sources, options)
        finally:
            if any(process.group is not None for process in self._processes):
                self.close()  # nobody waits for what they are at, or a message broke off in its middle

    def close(self) -> None:
        """End the processes, whatever they are doing; the next pictures begin new ones."""
        processes, self._processes = self._processes, []
        for process in processes:
            process.end()

    def __enter__(self) -> ParallelReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _recognize(self, sources: Iterable[Source], options: RecognitionOptions) -> Iterator[Outcome]:
        self._begin(options)
        items = self.groups(sources, options, self._count)
        ready: deque[PictureGroup] = deque()
        doubtful = DoubtfulPictures(options.pictures_together)
        more = True
        while True:
            while (
                more and len(ready) <= self._count
            ):  # one for each, so that nobody waits for the next window
                item = next(items, None)
                if item is None:
                    more = False
                elif isinstance(item, Outcome):
                    yield item
                else:
                    ready.append(item)
                    self._hand_out(ready, options)
            self._hand_out(ready, options)
            busy = [process for process in self._processes if process.group is not None]
            if not busy:
                ready.extend(doubtful.take(self._count))
                if not ready:
                    return
                continue
            for process in _finished(busy):
                group, recognitions = process.take()
                outcomes = list(doubtful.outcomes(group, recognitions))
                if doubtful.are_enough:
                    ready.extend(doubtful.take(self._count))  # lest one of them has all at the end
                self._hand_out(ready, options)
                yield from outcomes

    def _begin(self, options: RecognitionOptions) -> None:
        if self._processes:
            return
        if options.constrained:
            _ = self._reader.rules  # made once, and shared by what is forked
        for _ in range(self._count):
            self._processes.append(_ReaderProcess(self._reader))

    def _hand_out(self, ready: deque[PictureGroup], options: RecognitionOptions) -> None:
        for process in self._processes:
            if ready and process.group is None:
                process.give(ready.popleft(), options)

    def _decode(
        self, pictures: Sequence[NDArray[np.uint8]], options: RecognitionOptions
    ) -> Sequence[Sequence[DecodedIds]]:
        return self._reader._decode(pictures, options)


class _ReaderProcess:
    """A process, and the group of pictures that it is at.

    Attributes:
        connection: To the process.
        group: None when it waits for one.
    """

    def __init__(self, reader: PictureReader) -> None:
        context: Any = multiprocessing.get_context(_START_METHOD)
        self.connection: Connection
        self.connection, theirs = context.Pipe()
        self.group: PictureGroup | None = None
        self._process = context.Process(
            target=_serve, args=(reader, theirs, self.connection), name="im2latex reader", daemon=True
        )
        with interruption_held():  # until the process itself ignores it
            self._process.start()
        theirs.close()

    def give(self, group: PictureGroup, options: RecognitionOptions) -> None:
        self.group = group
        self._send((group, options))

    def take(self) -> tuple[PictureGroup, list[Recognition]]:
        """The group that it was at, and what it says; waits for it."""
        group = self.group
        assert group is not None, "it is at no group"
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionError) as error:
            raise self._died() from error
        self.group = None
        if isinstance(answer, BaseException):
            raise answer
        return group, answer

    def end(self) -> None:
        self._process.terminate()
        self._process.join(_SECONDS_TO_END)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.connection.close()

    def _send(self, message: tuple[PictureGroup, RecognitionOptions]) -> None:
        try:
            self.connection.send(message)
        except ConnectionError as error:
            raise self._died() from error
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ValueError(f"options that other processes take must be of plain values: {error}") from error

    def _died(self) -> ReaderProcessError:
        self._process.join(_SECONDS_TO_END)
        code = self._process.exitcode
        why = f"by signal {-code}" if code is not None and code < 0 else f"with exit status {code}"
        return ReaderProcessError(
            f"a process that read pictures ended {why}; signal 9 is often for want of memory: fewer processes or "
            "smaller batches take less"
        )


def _finished(busy: Sequence[_ReaderProcess]) -> list[_ReaderProcess]:
    """Those that have an answer, or have ended; waits for one."""
    answered = wait([process.connection for process in busy])
    return [process for process in busy if process.connection in answered]


def _serve(reader: PictureReader, connection: Connection, other_end: Connection) -> None:
    """Answer groups of pictures until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that hands out the pictures
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    other_end.close()  # held open here it would never be gone
    reader = reader.begin_process()
    while True:
        try:
            group, options = connection.recv()
        except (EOFError, ConnectionError):
            return
        answer: list[Recognition] | Exception
        try:
            answer = reader.read_group(group, options)
        except Exception as error:
            answer = _sendable(error)
        try:
            connection.send(answer)
        except ConnectionError:
            return


def _sendable(error: Exception) -> Exception:
    """An error as another process can read it."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
