r"""Runs TeX and dvipng over a batch of formulas and sorts out what came of each."""

from __future__ import annotations

import multiprocessing.util
import os
import re
import secrets
import shutil
import string
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from .batch_queue import Batch
from .confined_process import ProcessLimits, ProcessOutcome, run_confined
from .dvi_pages import DviError, Ink, read_pages
from .font_metrics import FontBoxes, FontMetricsError, font_boxes
from .tex_document import batch_source, format_source
from .tex_faces import Face
from .tex_log import BatchLog, read_batch_log

GreyImage = npt.NDArray[np.uint8]
Page = TypeVar("Page")

_MAX_PAGE_PT = 4000.0  # 55 inches; TeX's largest dimension is 16384 pt
_SECONDS_A_FORMULA = 0.005  # generous: TeX needs 1 ms for most
_MAX_PIXELS = 64_000_000
_MAX_DVI_BYTES = 8_000_000  # of a batch; an ordinary formula has about 500
_FONT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_INSTALL_ADVICE = (
    "install TeX, on Debian or Ubuntu: apt-get install texlive-latex-base texlive-latex-recommended "
    "texlive-fonts-recommended dvipng"
)


class RenderError(RuntimeError):
    """A formula can't be drawn, or nothing can since TeX is missing; the message says which and why."""


class _Run(NamedTuple):
    """A run of TeX that shipped pages: what is needed to go on with them."""

    folder: Path
    environment: dict[str, str]
    limits: ProcessLimits
    pages: list[int]


class TexEngine:
    """TeX with one face at one size, kept ready as a format in a folder of its own.

    Attributes:
        colour_command: Name of the command by which `typeset`'s formulas may set a colour, with its backslash;
            its argument is one of LaTeX's colour specifications ("rgb 1 0 0"). No formula may see it that could
            take it apart: see `format_source`.
    """

    def __init__(self, face: Face, size_pt: int, line_width_pt: float) -> None:
        self._latex = _program("latex")
        self._dvipng = _program("dvipng")
        self._nonce = _random_word()
        colour_word = _random_word()
        self.colour_command = f"\\{colour_word}"
        self._fonts: dict[tuple[str, int], FontBoxes] = {}
        self._format_folder = Path(tempfile.mkdtemp(prefix="im2latex-tex-"))
        # Unlike atexit's, this is run at the end of a multiprocessing worker, too.
        multiprocessing.util.Finalize(
            None, _remove_own, (str(self._format_folder), os.getpid()), exitpriority=0
        )
        source = format_source(face, size_pt, line_width_pt, self._nonce, colour_word, _MAX_PAGE_PT)
        (self._format_folder / "face.tex").write_text(source, encoding="utf-8")
        outcome = run_confined(
            [
                self._latex,
                "-ini",
                "-no-shell-escape",
                "-interaction=nonstopmode",
                "-jobname=face",
                "&latex",
                "face.tex",
            ],
            folder=self._format_folder,
            environment=_environment(self._format_folder, self._format_folder),
            limits=ProcessLimits(cpu_s=60, wall_s=300),
        )
        output = outcome.output.decode("utf-8", "replace")
        if not (self._format_folder / "face.fmt").exists() or "\n! " in output:
            start = max(output.find("\n! "), 0)
            raise RenderError(
                f"could not set up the face {face.name!r} with {self._latex}: TeX said "
                f"{output[start : start + 400].strip()!r}; {_INSTALL_ADVICE}"
            )

        trial = self.run([(0, "x")], display=True, dpi=100, timeout_s=30.0, keep_recovered=False)
        if 0 not in trial.pages:
            # Otherwise every formula would seem at fault.
            reason = trial.errors.get(0) or trial.unsettled_reason
            raise RenderError(
                f"could not draw even 'x' in the face {face.name!r}: {reason}; {_INSTALL_ADVICE}"
            )

    @property
    def ready(self) -> bool:
        """Whether its format is still there: a parent may have ended and taken it along."""
        return (self._format_folder / "face.fmt").exists()

    def run(
        self,
        formulas: Sequence[tuple[int, str]],
        *,
        display: bool,
        dpi: int,
        timeout_s: float,
        keep_recovered: bool,
    ) -> Batch[GreyImage]:
        """Set and draw formulas.

        Args:
            formulas: Pairs of a number and LaTeX.
            display: Display or inline style.
            dpi: Resolution of the pictures.
            timeout_s: Processor seconds for each of the two programs.
            keep_recovered: Draw formulas with errors, too, where there is a page.

        Returns:
            Pages cropped to ink by dvipng, (height, width) uint8, 255 = paper.
        """

        def draw(run: _Run, batch: Batch[GreyImage]) -> None:
            self._draw(run, dpi, batch)

        return self._set(formulas, display, timeout_s, keep_recovered, draw)

    def typeset(
        self, formulas: Sequence[tuple[int, str]], *, display: bool, timeout_s: float
    ) -> Batch[list[Ink]]:
        """Set formulas and tell where each glyph and rule stands, without drawing them.

        Args:
            formulas: Pairs of a number and LaTeX.
            display: Display or inline style.
            timeout_s: Processor seconds for TeX.

        Raises:
            RenderError: `kpsewhich`, which finds the metrics of fonts, is missing.
        """
        return self._set(formulas, display, timeout_s, False, self._read_dvi)

    def _set(
        self,
        formulas: Sequence[tuple[int, str]],
        display: bool,
        timeout_s: float,
        keep_recovered: bool,
        finish: Callable[[_Run, Batch[Page]], None],
    ) -> Batch[Page]:
        # Small numbers, whatever indices the caller uses: TeX's page numbers and file names hold them.
        indices = [index for index, _ in formulas]
        with tempfile.TemporaryDirectory(prefix="batch-", dir=self._format_folder) as name:
            folder = Path(name)
            numbered = [(number, formula) for number, (_, formula) in enumerate(formulas)]
            batch = self._set_numbered(folder, numbered, display, timeout_s, keep_recovered, finish)
        return Batch(
            pages={indices[number]: page for number, page in batch.pages.items()},
            errors={indices[number]: error for number, error in batch.errors.items()},
            unsettled_reason=batch.unsettled_reason,
        )

    def _set_numbered(
        self,
        folder: Path,
        formulas: list[tuple[int, str]],
        display: bool,
        timeout_s: float,
        keep_recovered: bool,
        finish: Callable[[_Run, Batch[Page]], None],
    ) -> Batch[Page]:
        limits = ProcessLimits(cpu_s=timeout_s, wall_s=10.0 * timeout_s + 10.0)
        environment = _environment(folder, self._format_folder)
        source = batch_source(formulas, self._nonce, display=display)
        (folder / "batch.tex").write_text(source, encoding="utf-8", errors="replace")
        outcome = run_confined(
            [self._latex, "-fmt=face", "-no-shell-escape", "-interaction=nonstopmode", "batch.tex"],
            folder=folder,
            environment=environment,
            limits=limits,
        )
        log = read_batch_log(outcome.output.decode("utf-8", "replace"), self._nonce)
        batch: Batch[Page] = Batch()
        if outcome.stopped is not None:
            reason = _stopped_reason(outcome, "TeX")
            # Unless so many formulas came before that these alone may have used up the time.
            if len(formulas) == 1 or len(log.finished) * _SECONDS_A_FORMULA < timeout_s / 2:
                _blame_last(log, batch, reason)
            batch.unsettled_reason = reason
            return batch
        if len(log.fingerprints) > 1 and len(set(log.fingerprints)) > 1 and len(formulas) > 1:
            # A formula changed what the others mean, and nothing tells which: part them.
            batch.unsettled_reason = "changed_tex: it changes TeX's state for what follows"
            return batch
        reached_end = len(log.fingerprints) == 2
        pages: list[int] = []
        for number in log.started:
            error = log.refused.get(number) or (None if keep_recovered else log.errors.get(number))
            if error is not None:
                batch.errors[number] = error
            elif number in log.finished:
                pages.append(number)
        if not reached_end:
            _blame_last(log, batch, log.stray_error or "tex_stopped: TeX ended within the formula")
        pages = [number for number in pages if number not in batch.errors]
        if pages:
            finish(_Run(folder, environment, limits, pages), batch)
        if not batch.pages and not batch.errors and batch.unsettled_reason is None:
            batch.unsettled_reason = log.stray_error or "tex_stopped: TeX gave no page"
        return batch

    def _draw(self, run: _Run, dpi: int, batch: Batch[GreyImage]) -> None:
        """Run dvipng over the shipped pages; pictures and failures go into `batch`."""
        outcome = run_confined(
            [
                *(self._dvipng, "-q", "-D", str(dpi), "-T", "tight", "-z", "1", "--dvinum"),
                *("-pp", ",".join(map(str, run.pages))),
                *("--norawps", "--nogs", "-bg", "White", "-o", "page%d.png", "batch.dvi"),
            ],
            folder=run.folder,
            environment=run.environment,
            limits=run.limits,
        )
        for position, number in enumerate(run.pages):
            image = _read_page(run.folder / f"page{number}.png")
            if image is not None:
                batch.pages[number] = image
                continue
            # dvipng draws in order: the first page without a picture is the one at which it ended, either by
            # its own fault or, after others, for lack of time; then it is run again, in front.
            reason = _stopped_reason(outcome, "dvipng")
            if outcome.stopped is None:
                detail = outcome.output.decode("utf-8", "replace").strip()[-200:]
                reason = f"not_drawn: dvipng ended with status {outcome.returncode}: {detail}"
            if outcome.stopped is None or position == 0:
                batch.errors[number] = reason
            batch.unsettled_reason = reason
            break

    def _read_dvi(self, run: _Run, batch: Batch[list[Ink]]) -> None:
        """Read the shipped pages; they and failures go into `batch`."""
        path = run.folder / "batch.dvi"
        size = path.stat().st_size if path.exists() else 0
        if size > _MAX_DVI_BYTES:
            batch.unsettled_reason = (
                f"too_much_ink: {size} bytes of glyphs, at most {_MAX_DVI_BYTES} are read"
            )
            return
        try:
            pages = read_pages(path.read_bytes() if size else b"", self._font)
        except DviError as error:
            batch.unsettled_reason = f"unreadable_dvi: {error}"
            return
        for number in run.pages:
            if number in pages:
                batch.pages[number] = pages[number]
            else:
                batch.errors[number] = "tex_stopped: TeX gave no page"

    def _font(self, name: str, size: int) -> FontBoxes:
        """The boxes of a font, from the metrics that TeX itself uses."""
        boxes = self._fonts.get((name, size))
        if boxes is None:
            boxes = self._fonts[name, size] = _find_font(name, size, self._format_folder)
        return boxes


def _find_font(name: str, size: int, folder: Path) -> FontBoxes:
    if not _FONT_NAME.fullmatch(name):
        raise DviError(f"{name!r} is no name of a font")
    outcome = run_confined(
        [_program("kpsewhich"), f"{name}.tfm"],
        folder=folder,
        environment=_environment(folder, folder),
        limits=ProcessLimits(),
    )
    path = Path(outcome.output.decode("utf-8", "replace").strip())
    if outcome.returncode != 0 or not path.is_absolute():
        raise DviError(f"kpsewhich finds no metrics of the font {name!r}")
    try:
        return font_boxes(path.read_bytes(), size)
    except (OSError, FontMetricsError) as error:
        raise DviError(f"{path}: the metrics of the font {name!r} can't be read: {error}") from error


def _random_word() -> str:
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(12))


def _blame_last(log: BatchLog, batch: Batch[Page], reason: str) -> None:
    """Charge the formula at which TeX was when it ended."""
    unfinished = [
        number for number in log.started if number not in log.finished and number not in log.refused
    ]
    if log.desynchronised and log.started:
        batch.errors[log.started[-1]] = (
            log.errors.get(log.started[-1]) or "left_open: it leaves a group or mode open"
        )
    elif unfinished:
        batch.errors[unfinished[-1]] = log.errors.get(unfinished[-1]) or reason
    else:
        batch.unsettled_reason = reason


def _stopped_reason(outcome: ProcessOutcome, program: str) -> str:
    if outcome.stopped in ("cpu time", "wall time"):
        return f"timeout: {program} ran over its {outcome.stopped}"
    return f"too_much_output: {program} went over its limit of {outcome.stopped}"


def _read_page(path: Path) -> GreyImage | None:
    """A page as dvipng drew it, or None if it is missing, unfinished or beyond all measure."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path)
        with image:
            if image.width * image.height > _MAX_PIXELS:
                return None
            if image.mode != "P":
                return np.asarray(image.convert("L"))
            # dvipng's palettes are grey: one look-up, several times as fast as Pillow's conversion.
            greys = np.zeros(256, dtype=np.uint8)
            palette = image.getpalette("RGB") or []
            greys[: len(palette) // 3] = palette[::3]
            grey: GreyImage = greys[np.asarray(image)]
            return grey
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise RenderError(f"the program {name!r} is not on the PATH: {_INSTALL_ADVICE}")
    return path


def _environment(folder: Path, format_folder: Path) -> dict[str, str]:
    """The whole environment of a confined process: nothing of ours but the PATH."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LC_ALL": "C",
        "TMPDIR": str(folder),
        "TEXMFOUTPUT": str(folder),
        "TEXFORMATS": f"{format_folder}:",
        # Paranoid: no file above the working folder, none hidden, none by an absolute path.
        "openin_any": "p",
        "openout_any": "p",
        "shell_escape": "f",
        "MKTEXPK": "0",
        "MKTEXTFM": "0",
        "MKTEXMF": "0",
        "TEXMFVAR": str(folder / "texmf-var"),
        "TEXMFCONFIG": str(folder / "texmf-config"),
        "TEXMFHOME": str(folder / "texmf-home"),
        "VARTEXFONTS": str(folder / "fonts"),
        # Our messages must not be broken into lines of 79 characters.
        "max_print_line": "8000",
        "error_line": "254",
        "half_error_line": "238",
    }


def _remove_own(folder: str, owner: int) -> None:
    # A forked process inherits its parent's engines, and the parent still needs them.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


_ENGINES: dict[tuple[str, int], TexEngine] = {}
_ENGINES_LOCK = threading.Lock()


def engine_for(face: Face, size_pt: int, line_width_pt: float) -> TexEngine:
    """The engine of a face and size, made at its first use; forked workers share their parent's.

    Raises:
        RenderError: TeX or dvipng is missing, or can't set up the face.
    """
    key = (face.name, size_pt)
    with _ENGINES_LOCK:
        engine = _ENGINES.get(key)
        if engine is None or not engine.ready:
            engine = _ENGINES[key] = TexEngine(face, size_pt, line_width_pt)
        return engine
