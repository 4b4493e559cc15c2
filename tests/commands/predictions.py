"""What the tests of `im2latex predict` share: pictures, a recogniser without a network, the command as a process."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from PIL import Image

from im2latex_fairseq.decoding.confidence import Calibration
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.results import Outcome, Reading, Recognition
from tests.synthetic_data import draw_formula

ROOT = Path(__file__).resolve().parents[2]


def formula_picture(path: Path, *tokens: str) -> Path:
    """A picture of a small formula, `x + y` without tokens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_formula(tokens or ("x", "+", "y"))).save(path)
    return path


def grey_picture(path: Path, width: int, grey: int = 255) -> Path:
    """A picture for `FakeRecognizer`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (width, 2), grey).save(path)
    return path


class FakeRecognizer:
    """Reads `x_{width}`, with the mean grey of the picture as its confidence; the last of three comes first.

    Attributes:
        loaded: What `load` was called with.
        options: Those of the last call.
        calibration: None.
        stop: Raised before the picture of that number, if given.
    """

    loaded: dict[str, object]
    options: RecognitionOptions
    calibration = Calibration.none()
    stop: tuple[int, BaseException] | None = None

    @classmethod
    def load(cls, model: object = None, **options: object) -> type[FakeRecognizer]:
        cls.loaded = {"model": model, **options}
        return cls

    @classmethod
    def recognize(
        cls, sources: Iterable[Callable[[], object]], options: RecognitionOptions
    ) -> Iterator[Outcome]:
        cls.options = options
        numbered = list(enumerate(sources))
        for start in range(0, len(numbered), 3):
            for number, source in reversed(numbered[start : start + 3]):
                if cls.stop is not None and cls.stop[0] == number:
                    raise cls.stop[1]
                try:
                    yield Outcome(number, recognition=cls.read(source, options.nbest))
                except ImageError as error:
                    yield Outcome(number, error=error)

    @staticmethod
    def read(source: Callable[[], object], nbest: int) -> Recognition:
        image = load_image(source())  # type: ignore[arg-type]
        tokens = ("x", "_", "{", str(image.shape[1]), "}")
        confidence = float(image.mean()) / 255
        readings = [
            Reading(
                f"x_{{{image.shape[1]}}}" + "'" * rank,
                tokens,
                confidence / (rank + 1),
                -0.5,
                (confidence,) * 5,
            )
            for rank in range(nbest)
        ]
        return Recognition(tuple(readings), 0.123456)


def start_predict(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
    """Start `im2latex predict ARGUMENTS` as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    settings: dict[str, object] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "env": environment,
        # Started in the background of a shell, the tests have Ctrl-C ignored, and so would this.
        "preexec_fn": functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        if os.name == "posix"
        else None,
        **options,
    }
    command = [sys.executable, "-m", "im2latex_fairseq.commands.main", "predict", *map(str, arguments)]
    return subprocess.Popen(command, **settings)  # type: ignore[call-overload, no-any-return]
