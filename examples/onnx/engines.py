"""One way to read pictures, timed in a process of its own: torch, or an export by onnxruntime."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # nothing heavy is imported before the clock runs
    from im2latex_fairseq.recognition.picture_reader import PictureReader

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
BEAMS = (5, 1)
SINGLE_PICTURES = 20
"""So many are read one by one, for the time that a single picture takes."""

Tokens = tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """What a process does.

    Attributes:
        name: Of the way, as the table has it.
        model: What it loads: a model file or a checkpoint for torch, an export for onnxruntime.
        store: Image store with prepared pictures.
        numbers: Of the pictures in it.
        threads: CPU threads.
        clock: One of `CLOCKS`.
    """

    name: str
    model: Path
    store: Path
    numbers: tuple[int, ...]
    threads: int
    clock: str


@dataclass(frozen=True)
class Measured:
    """What came out.

    Attributes:
        name: As the job's.
        size_bytes: Of the files of the model.
        load_s: From the first import to the loaded model.
        single_s: A picture by itself with the widest beam, the median.
        rates: Beam -> pictures a second, in batches of 64.
        tokens: Beam -> what each picture was read as.
        latex: Beam -> the same as LaTeX.
        peak_mb: The most memory that the process ever had; Linux tells it.
    """

    name: str
    size_bytes: int
    load_s: float
    single_s: float
    rates: dict[int, float]
    tokens: dict[int, list[Tokens]]
    latex: dict[int, list[str]]
    peak_mb: float


def measure(job: Job) -> Measured:
    """Do a job in a fresh process, which holds nothing of the others."""
    # The libraries under numpy, torch and onnxruntime read these when they are loaded.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(job.threads)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measure_here, job).result()


def _measure_here(job: Job) -> Measured:
    clock = CLOCKS[job.clock]
    start = clock()
    reader = _load(job.model, job.threads)
    load_s = clock() - start

    import numpy as np

    from im2latex_fairseq.data.image_store import ImageStore

    store = ImageStore(job.store)
    pictures = tuple(np.array(store[number]) for number in job.numbers)
    reader.predict(pictures[:2], scale=None)  # what is done once at the first picture
    rates, tokens, latex = {}, {}, {}
    for beam in BEAMS:
        start = clock()
        results = reader.predict(pictures, beam=beam, scale=None)
        rates[beam] = len(pictures) / (clock() - start)
        tokens[beam] = [result.tokens for result in results]
        latex[beam] = [result.latex for result in results]
    singles = []
    for picture in pictures[:SINGLE_PICTURES]:
        start = clock()
        reader.predict(picture, beam=BEAMS[0], scale=None)
        singles.append(clock() - start)
    return Measured(
        job.name, size_of(job.model), load_s, statistics.median(singles), rates, tokens, latex, _peak_mb()
    )


def _peak_mb() -> float:
    # Not getrusage's, which begins with what the process that started this one had.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").split("\n")
    [peak] = [line for line in lines if line.startswith("VmHWM:")]
    return int(peak.split()[1]) * 1024 / 1e6


def _load(model: Path, threads: int) -> PictureReader:
    from im2latex_fairseq.onnx_runtime.onnx_model import is_onnx_model

    if is_onnx_model(model):
        from im2latex_fairseq.onnx_runtime.recognizer import OnnxRecognizer

        return OnnxRecognizer.load(model, threads=threads)
    from im2latex_fairseq.recognition.recognizer import Recognizer

    return Recognizer.load(model, device="cpu", threads=threads)


def size_of(model: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    if model.is_file():
        return model.stat().st_size
    return sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
