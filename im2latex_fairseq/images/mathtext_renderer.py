r"""Formulas to pictures without TeX, by matplotlib's mathtext: the fallback of `renderer`, with the same interface.

It draws less: fractions, roots, scripts, sums and integrals, Greek, functions, delimiters, accents and fonts by
mathtext itself; matrices, arrays, cases and alignments by a layout of our own. Each formula that it can't draw is
refused with the command that it lacks, and none of those harms the others.

matplotlib is an extra (``pip install im2latex-fairseq[mathtext]``), so it is imported at the first drawing.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import threading
from collections.abc import Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from im2latex_fairseq.images.mathtext_dialect import MathtextUnsupported, Row, Text, read_formula
from im2latex_fairseq.images.mathtext_layout import Box, draw_row
from im2latex_fairseq.images.renderer import GreyImage, RenderResult, RenderSettings, finish_image
from im2latex_fairseq.images.tex_process import RenderError

if TYPE_CHECKING:
    from matplotlib.mathtext import MathTextParser

__all__ = ["FONTSETS", "mathtext_available", "render_formula", "render_formulas"]

FONTSETS = MappingProxyType(
    {
        "computer_modern": "cm",
        "times": "stix",
        "times_tx": "stix",
        "palatino": "dejavuserif",
        "palatino_px": "dejavuserif",
        "utopia": "stix",
        "charter": "dejavuserif",
        "century": "dejavuserif",
        "bookman": "dejavuserif",
        "sans": "stixsans",
        "helvetica": "dejavusans",
        "euler": "cm",
    }
)
"""The fontset of mathtext that comes closest to each face of `renderer`."""

# Rules and hints at small sizes are rounded to whole pixels; drawing finer and averaging spares them that.
_LEAST_OVERSAMPLING = 2

# mathtext parses by one shared parser with state, and reports missing glyphs to a logger: one thread at a time.
_LOCK = threading.Lock()


def mathtext_available() -> bool:
    """Tell whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def render_formulas(
    formulas: Sequence[str],
    settings: RenderSettings = RenderSettings(),
    *,
    timeout_s: float = 3.0,
    batch_size: int = 200,
) -> list[RenderResult]:
    r"""Draw formulas.

    Args:
        formulas: LaTeX mathematics without dollar signs, raw or as space-separated tokens.
        settings: How, as for `renderer.render_formulas`; the face becomes the fontset nearest to it.
        timeout_s: Unused: mathtext has no loops that a formula could keep running.
        batch_size: Unused: everything is drawn in this process.

    Returns:
        A result for each formula, in order. Errors are "unsupported: COMMAND", "unbalanced: ...",
        "too_long: ...", "blank: ..." or "mathtext: ...".

    Raises:
        RenderError: matplotlib is missing.
    """
    if formulas and not mathtext_available():
        raise RenderError("matplotlib is missing; run: pip install 'im2latex-fairseq[mathtext]'")
    return [_render(formula, settings) for formula in formulas]


def render_formula(formula: str, settings: RenderSettings = RenderSettings()) -> GreyImage:
    """Draw one formula.

    Raises:
        RenderError: It can't be drawn, and why.
    """
    result = render_formulas([formula], settings)[0]
    if result.image is None:
        raise RenderError(f"could not render {formula!r}: {result.error}")
    return result.image


_MOST_CHARACTERS = 4000
"""mathtext's recursive parser takes seconds and deep stacks beyond; the benchmark's longest is 997."""


def _render(formula: str, settings: RenderSettings) -> RenderResult:
    if len(formula) > _MOST_CHARACTERS:
        return RenderResult(
            None, f"too_long: {len(formula)} characters; mathtext is given {_MOST_CHARACTERS} at most"
        )
    oversampling = max(settings.oversampling, _LEAST_OVERSAMPLING)
    dpi = settings.dpi * oversampling
    try:
        row = read_formula(formula, display=settings.display)
        with _LOCK:
            ink = _draw(row, FONTSETS[settings.face], settings.size_pt, dpi)
    except MathtextUnsupported as error:
        return RenderResult(None, str(error))
    except RecursionError:
        return RenderResult(None, "unsupported: groups nested this deep")
    finer = RenderSettings(
        binarise=settings.binarise,
        reduction=settings.reduction,
        margin_px=settings.margin_px,
        oversampling=oversampling,
        dpi=settings.dpi,
    )
    image = finish_image(np.subtract(255, ink, dtype=np.uint8), finer)
    return RenderResult(None, "blank: nothing was drawn") if image is None else RenderResult(image, None)


def _draw(row: Row, fontset: str, size_pt: float, dpi: int) -> GreyImage:
    if len(row) == 1 and isinstance(row[0], Text):
        return _rasterise(row[0].source, fontset, size_pt, dpi)

    def draw_text(source: str, relative_size: float) -> Box:
        return _draw_on_baseline(source, fontset, size_pt * relative_size, dpi)

    return draw_row(row, size_pt * dpi / 72, draw_text).ink


@lru_cache(maxsize=4096)  # the letters and digits that fill matrices come again and again
def _draw_on_baseline(source: str, fontset: str, size_pt: float, dpi: int) -> Box:
    ink = _rasterise(source, fontset, size_pt, dpi)
    # The raster's own depth is that of its padding. The vectors' is the box's, and the raster has a row above it.
    metrics = _parse("path", source, fontset, size_pt, dpi)
    return Box(ink, round(metrics.height - metrics.depth) + 1)


def _rasterise(source: str, fontset: str, size_pt: float, dpi: int) -> GreyImage:
    return np.asarray(_parse("agg", source, fontset, size_pt, dpi).image, dtype=np.uint8)


@lru_cache(maxsize=2)
def _parser(output: Literal["agg", "path"]) -> MathTextParser[Any]:
    from matplotlib.mathtext import MathTextParser

    # Two calls for the sake of the types: each output has its own overload.
    return MathTextParser("agg") if output == "agg" else MathTextParser("path")


def _parse(output: Literal["agg", "path"], source: str, fontset: str, size_pt: float, dpi: int) -> Any:
    parsed, missing = _parse_and_listen(output, source, fontset, size_pt, dpi)
    if missing:
        raise MathtextUnsupported(f"unsupported: a sign that the font lacks ({missing})")
    return parsed


# matplotlib keeps its last 50 results, and doesn't complain again about glyphs that one of them lacks. Ours is
# larger, so what is in theirs is in ours, with its complaint.
@lru_cache(maxsize=128)
def _parse_and_listen(
    output: Literal["agg", "path"], source: str, fontset: str, size_pt: float, dpi: int
) -> tuple[Any, str]:
    from matplotlib.font_manager import FontProperties

    missing = _MissingGlyphs()
    logger = logging.getLogger("matplotlib.mathtext")
    logger.addFilter(missing)
    try:
        prop = FontProperties(size=size_pt, math_fontfamily=fontset)
        parsed = _parser(output).parse(f"${source}$", dpi, prop)
    except ValueError as error:
        raise MathtextUnsupported(_reason(str(error))) from error
    finally:
        logger.removeFilter(missing)
    return parsed, "; ".join(missing.messages)


class _MissingGlyphs(logging.Filter):
    """Keeps what mathtext logs when it draws a dummy in place of a glyph, and spares the user the log."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            self.messages.append(record.getMessage())
            return False
        return True


def _reason(message: str) -> str:
    unknown = re.search(r"Unknown symbol: (\\[a-zA-Z]+)", message)
    if unknown:
        return f"unsupported: {unknown[1]}"
    return f"mathtext: {message.strip().splitlines()[-1] if message.strip() else 'not understood'}"
