"""Several processes read as one does, and end when they should."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from im2latex_fairseq.decoding.confidence import Calibration
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.recognition import parallel_reader
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.parallel_reader import ParallelReader, ReaderProcessError
from im2latex_fairseq.recognition.picture_reader import PictureReader
from im2latex_fairseq.recognition.recognizer import Recognizer
from im2latex_fairseq.recognition.results import Reading
from tests.recognition.tiny_models import tiny_model
from tests.synthetic_data import draw_formula, random_formula

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = {"fails": 30, "dies": 40, "waits": 50}
"""A frame of so many pixels, prepared, makes the reader below do this."""


@dataclass(frozen=True)
class Ids:
    ids: tuple[int, ...]
    score: float = -0.5
    token_log_probabilities: tuple[float, ...] = (-0.1, -0.1)


class ProcessReader(PictureReader):
    """Reads the number of its process, digit by digit."""

    def __init__(self) -> None:
        super().__init__(
            ("<s>", "<pad>", "</s>", "<unk>", *"0123456789"), PreparationSettings(), Calibration()
        )
        self.begun = 0

    def begin_process(self) -> ProcessReader:
        self.begun = os.getpid()
        return self

    def _decode(self, pictures: Sequence[NDArray[np.uint8]], options: RecognitionOptions) -> list[list[Ids]]:
        widths = {picture.shape[1] for picture in pictures}
        if WIDTHS["fails"] in widths:
            raise ValueError(f"beam {options.beam} is not for this one")
        if WIDTHS["dies"] in widths:
            os.kill(os.getpid(), signal.SIGKILL)
        if WIDTHS["waits"] in widths:
            time.sleep(600)
        assert self.begun == os.getpid(), "not told that it is in a process of its own"
        time.sleep(0.05)  # so that nobody is idle
        return [[Ids(tuple(4 + int(digit) for digit in str(os.getpid())))] for _ in pictures]


def frame(width: int) -> NDArray[np.uint8]:
    """A frame that is `width` pixels wide when it is prepared."""
    picture = np.full((40, width + 20), 255, dtype=np.uint8)
    picture[10:26, 10 : width + 2] = 0
    picture[11:25, 11 : width + 1] = 255
    return picture


def pids(found: Sequence[object]) -> set[int]:
    return {int("".join(recognition.tokens)) for recognition in found}  # type: ignore[attr-defined]


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


PLAIN = {"beam": 1, "scale": 1.0, "constrained": False}


@pytest.fixture
def reader() -> Iterator[ParallelReader]:
    with ParallelReader(ProcessReader(), 2) as reader:
        yield reader


def test_they_read_what_one_reads() -> None:
    """Errors in their places, and every picture once, whatever the groups."""
    rng = np.random.default_rng(5)
    pictures: list[object] = [draw_formula(random_formula(rng, 1 + number % 6)) for number in range(30)]
    pictures[7] = np.full((20, 20), 255, dtype=np.uint8)
    one = Recognizer(tiny_model())
    alone = one.predict(pictures, on_error="return", beam=2, nbest=2, max_len=12)
    for size in (None, 4):
        with ParallelReader(one, 2) as several:
            found = several.predict(pictures, on_error="return", beam=2, nbest=2, max_len=12, batch_size=size)
        assert len(found) == len(alone)
        for ours, theirs in zip(found, alone, strict=True):
            if isinstance(theirs, ImageError):
                assert isinstance(ours, ImageError) and str(ours) == str(theirs)
                continue
            assert not isinstance(ours, ImageError)
            assert [r.tokens for r in ours.readings] == [r.tokens for r in theirs.readings]
            assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-3)
            assert ours.scale == theirs.scale


def test_all_processes_have_work(reader: ParallelReader) -> None:
    found = reader.predict([frame(20)] * 12, **PLAIN)
    assert len(found) == 12
    workers = pids(found)
    assert len(workers) == 2
    assert os.getpid() not in workers
    assert pids(reader.predict([frame(20)] * 12, **PLAIN)) == workers, "they wait for the next pictures"
    reader.close()
    assert not any(is_running(pid) for pid in workers)
    assert pids(reader.predict([frame(20)] * 12, **PLAIN)).isdisjoint(workers), "and begin anew"


def test_a_stream_without_end_is_read_as_it_comes(reader: ParallelReader) -> None:
    taken = 0

    def endless() -> Iterator[NDArray[np.uint8]]:
        nonlocal taken
        while True:
            taken += 1
            yield frame(20)

    outcomes = reader.recognize(endless(), RecognitionOptions(batch_size=2, **PLAIN))
    numbers = {next(outcomes).number for _ in range(50)}
    assert len(numbers) == 50
    assert taken < 1000
    outcomes.close()
    assert len(reader.predict([frame(20)] * 3, **PLAIN)) == 3, "what was left undone is not taken for these"


def test_an_error_there_is_one_here(reader: ParallelReader) -> None:
    with pytest.raises(ValueError, match="beam 1 is not for this one"):
        reader.predict([frame(20), frame(30), frame(20)], **PLAIN)
    assert len(reader.predict([frame(20)] * 3, **PLAIN)) == 3


def test_a_process_that_is_killed_is_said(reader: ParallelReader) -> None:
    with pytest.raises(ReaderProcessError, match=r"ended by signal 9; .* fewer processes or smaller batches"):
        reader.predict([frame(20), frame(40)], **PLAIN)
    assert len(reader.predict([frame(20)] * 3, **PLAIN)) == 3


def test_an_interruption_ends_those_at_work(reader: ParallelReader) -> None:
    usual = signal.signal(signal.SIGALRM, signal.default_int_handler)  # raises KeyboardInterrupt
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        with pytest.raises(KeyboardInterrupt):
            reader.predict([frame(50)] * 4, **PLAIN)
    finally:
        signal.signal(signal.SIGALRM, usual)
    assert len(reader.predict([frame(20)] * 3, **PLAIN)) == 3


def test_options_that_cannot_travel_are_refused(reader: ParallelReader) -> None:
    with pytest.raises(ValueError, match="options that other processes take must be of plain values"):
        reader.predict([frame(20)] * 3, rerank=lambda pictures, readings: list(readings), **PLAIN)


def test_as_many_as_there_are() -> None:
    with pytest.raises(ValueError, match="processes must be at least 1, got 0"):
        ParallelReader(ProcessReader(), 0)
    with ParallelReader(ProcessReader(), 3) as reader:
        assert reader.predict([], **PLAIN) == []
        assert isinstance(reader.predict(frame(20), **PLAIN).readings[0], Reading)


def test_they_end_with_the_process_that_began_them(tmp_path: Path) -> None:
    """Even if that is killed and can't tell them."""
    script = tmp_path / "script.py"
    script.write_text(
        "import time\n"
        "from tests.recognition.test_parallel_reader import *\n"
        "reader = ParallelReader(ProcessReader(), 2)\n"
        "print(*pids(reader.predict([frame(20)] * 12, **PLAIN)), flush=True)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        workers = [int(pid) for pid in process.stdout.readline().split()]
        assert len(workers) == 2
        assert all(map(is_running, workers))
        process.kill()
    deadline = time.monotonic() + 60
    while any(map(is_running, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_recogniser_travels_to_other_processes() -> None:
    """Where processes are spawned, not forked: the model does, what was made of it there is made again."""
    picture = draw_formula(random_formula(np.random.default_rng(2), 4))
    one = Recognizer(tiny_model())
    other = pickle.loads(pickle.dumps(one))
    assert other.predict(picture, beam=2, max_len=9).tokens == one.predict(picture, beam=2, max_len=9).tokens


def test_spawned_processes_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_reader, "_START_METHOD", "spawn")
    rng = np.random.default_rng(5)
    pictures = [draw_formula(random_formula(rng, 1 + number % 3)) for number in range(6)]
    one = Recognizer(tiny_model())
    with ParallelReader(one, 2) as several:
        found = several.predict(pictures, beam=2, max_len=9)
    assert [r.tokens for r in found] == [r.tokens for r in one.predict(pictures, beam=2, max_len=9)]


def test_a_thread_each() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert Recognizer(tiny_model()).begin_process() is not None
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
