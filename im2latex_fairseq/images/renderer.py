r"""Formulas to pictures, by TeX: many formulas a process, each harmed by its own faults alone.

A batch goes through ``latex`` as one document with a page for each formula and through ``dvipng``, both confined
(see `confined_process` and `tex_document`). What TeX prints tells which formula it was at: one that fails costs
itself, one that never ends costs the batch one time limit, after which the others go on without it. A formula that
could disturb its neighbours has a process to itself.

Pictures are grey uint8 (height, width), 255 = paper, 0 = ink, cropped to the ink plus a margin.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from .batch_queue import Batch, run_batches
from .formula_screening import needs_own_process, why_unreadable
from .tex_faces import FACES
from .tex_process import RenderError, TexEngine, engine_for

__all__ = [
    "FACES",
    "PROCESSED_FACE",
    "RELEASE_FACE",
    "RELEASE_FACE_HALVED",
    "RenderError",
    "RenderResult",
    "RenderSettings",
    "finish_image",
    "render_formula",
    "render_formulas",
    "tex_available",
]

GreyImage = npt.NDArray[np.uint8]

_SIZES_PT = (10, 11, 12)
_REDUCTIONS = ("area", "lanczos")
# Lanczos needs so much paper around the ink, in pixels of the picture, not to see the border.
_LANCZOS_BORDER_PX = 4
#: The width of the lines in `article`, by its size option.
LINE_WIDTHS_PT = {10: 345.0, 11: 360.0, 12: 390.0}


@dataclass(frozen=True)
class RenderSettings:
    """How a formula is drawn.

    Attributes:
        face: A name of `FACES`.
        size_pt: Size of the text: 10, 11 or 12 points, as `article` sets it.
        dpi: Pixels an inch of the picture.
        display: As a display in its own line; otherwise as in running text.
        oversampling: The picture is drawn so many times as fine, then reduced: places glyphs to fractions of
            a pixel. 1 is fastest.
        binarise: Before the reduction, every pixel that holds any ink becomes black, as in pictures whose
            transparency somebody dropped: bold and dark.
        reduction: "area" (averages) or "lanczos" (sharper, with faint ringing around the ink).
        margin_px: White around the ink.
        keep_recovered: Keep the picture of a formula in which TeX found an error that it could step over.
    """

    face: str = "computer_modern"
    size_pt: int = 12
    dpi: int = 200
    display: bool = True
    oversampling: int = 1
    binarise: bool = False
    reduction: str = "area"
    margin_px: int = 4
    keep_recovered: bool = False

    def __post_init__(self) -> None:
        if self.face not in FACES:
            raise ValueError(f"face {self.face!r} is unknown; there are {', '.join(FACES)}")
        if self.size_pt not in _SIZES_PT:
            raise ValueError(f"size_pt is {self.size_pt}; article has {_SIZES_PT}")
        if not 1 <= self.oversampling <= 8:
            raise ValueError(f"oversampling is {self.oversampling}; it goes from 1 to 8")
        if not 20 <= self.dpi * self.oversampling <= 2400:
            raise ValueError(
                f"dpi x oversampling is {self.dpi * self.oversampling}; it goes from 20 to 2400 dots an inch"
            )
        if self.reduction not in _REDUCTIONS:
            raise ValueError(f"reduction {self.reduction!r} is unknown; there are {', '.join(_REDUCTIONS)}")
        if self.margin_px < 0:
            raise ValueError(f"margin_px is {self.margin_px}; it can't be negative")


# The two faces of IM2LATEX-100K; examples/rendering/README.md measures how close each comes to the real pictures.
#: The release itself: 12 pt article, 200 dpi, ink as Ghostscript draws it.
RELEASE_FACE = RenderSettings(size_pt=12, dpi=200, oversampling=2)
#: The same at the scale that models read: the release's page, cropped and halved.
RELEASE_FACE_HALVED = RenderSettings(size_pt=12, dpi=100, oversampling=4)
#: As im2markup's scripts draw the normalised formulas: 10 pt article at 200 dpi, transparency dropped (so that
#: each touched pixel is black), halved by Lanczos.
PROCESSED_FACE = RenderSettings(size_pt=10, dpi=100, oversampling=2, binarise=True, reduction="lanczos")


@dataclass(frozen=True)
class RenderResult:
    """What became of one formula: exactly one of the two is set.

    Attributes:
        image: (height, width) uint8, 255 = paper.
        error: "slug: detail"; the slug serves for counting.
    """

    image: GreyImage | None
    error: str | None

    def __post_init__(self) -> None:
        assert (self.image is None) != (self.error is None)

    @property
    def reason(self) -> str | None:
        """The slug of the error."""
        return None if self.error is None else self.error.split(":", 1)[0]


def tex_available() -> bool:
    """Tell whether both programs that the renderer runs are on the PATH."""
    return shutil.which("latex") is not None and shutil.which("dvipng") is not None


def render_formulas(
    formulas: Sequence[str],
    settings: RenderSettings = RenderSettings(),
    *,
    timeout_s: float = 3.0,
    batch_size: int = 200,
) -> list[RenderResult]:
    r"""Draw formulas.

    Args:
        formulas: LaTeX mathematics without dollar signs, or an environment such as ``align``; raw or as
            space-separated tokens.
        settings: How.
        timeout_s: Processor seconds (rounded up) for a batch in TeX and again in dvipng; a formula that
            makes them run longer fails with "timeout".
        batch_size: Formulas a process.

    Returns:
        A result for each formula, in order.

    Raises:
        RenderError: TeX or dvipng is missing, or the face can't be set up on this machine.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    if not timeout_s > 0:
        raise ValueError(f"timeout_s is {timeout_s}; it must be above 0")
    if not formulas:
        return []
    refused: dict[int, str] = {}
    ordinary: list[int] = []
    alone: list[int] = []
    for index, formula in enumerate(formulas):
        unreadable = why_unreadable(formula)
        if unreadable is not None:
            refused[index] = unreadable
        elif needs_own_process(formula):
            alone.append(index)
        else:
            ordinary.append(index)

    engine = engine_for(FACES[settings.face], settings.size_pt, LINE_WIDTHS_PT[settings.size_pt])

    def run(batch: list[int]) -> Batch[GreyImage]:
        return _render_batch(engine, formulas, batch, settings, timeout_s)

    settled = run_batches(ordinary, alone, batch_size, run)
    errors = {**refused, **settled.errors}
    return [
        RenderResult(None, errors[index]) if index in errors else RenderResult(settled.pages[index], None)
        for index in range(len(formulas))
    ]


def render_formula(formula: str, settings: RenderSettings = RenderSettings()) -> GreyImage:
    """Draw one formula.

    Raises:
        RenderError: It can't be drawn, and why.
    """
    result = render_formulas([formula], settings)[0]
    if result.image is None:
        raise RenderError(f"could not render {formula!r}: {result.error}")
    return result.image


def _render_batch(
    engine: TexEngine, formulas: Sequence[str], batch: list[int], settings: RenderSettings, timeout_s: float
) -> Batch[GreyImage]:
    """Run one batch: finished pictures, errors, and the rest unsettled."""
    drawn = engine.run(
        [(index, formulas[index]) for index in batch],
        display=settings.display,
        dpi=settings.dpi * settings.oversampling,
        timeout_s=timeout_s,
        keep_recovered=settings.keep_recovered,
    )
    finished: Batch[GreyImage] = Batch(errors=drawn.errors, unsettled_reason=drawn.unsettled_reason)
    for index, page in drawn.pages.items():
        image = finish_image(page, settings)
        if image is None:
            finished.errors[index] = "blank: nothing was drawn"
        else:
            finished.pages[index] = image
    return finished


def finish_image(drawn: GreyImage, settings: RenderSettings) -> GreyImage | None:
    """Crop, binarise, reduce and add the margin, as the settings say.

    Args:
        drawn: (height, width) uint8 as dvipng drew it, at `oversampling` times the resolution.
        settings: How.

    Returns:
        The picture, or None if there is no ink.
    """
    is_ink = drawn < 255
    ink_rows, ink_columns = np.flatnonzero(is_ink.any(axis=1)), np.flatnonzero(is_ink.any(axis=0))
    if not ink_rows.size:
        return None
    cropped = drawn[ink_rows[0] : ink_rows[-1] + 1, ink_columns[0] : ink_columns[-1] + 1]
    if settings.binarise:
        cropped = np.where(cropped < 255, np.uint8(0), np.uint8(255))
    factor = settings.oversampling
    margin_px = settings.margin_px
    if factor == 1:
        return np.pad(cropped, margin_px, constant_values=255)
    border_px = max(margin_px, _LANCZOS_BORDER_PX)
    height, width = (-(-side // factor) for side in cropped.shape)
    padded = np.full(
        ((height + 2 * border_px) * factor, (width + 2 * border_px) * factor), 255, dtype=np.uint8
    )
    start = border_px * factor
    padded[start : start + cropped.shape[0], start : start + cropped.shape[1]] = cropped
    method = Image.Resampling.LANCZOS if settings.reduction == "lanczos" else Image.Resampling.BOX
    reduced = Image.fromarray(padded).resize(
        (width + 2 * border_px, height + 2 * border_px),  # PIL: (width, height)
        method,
    )
    inner = border_px - margin_px
    return np.array(reduced)[inner : inner + height + 2 * margin_px, inner : inner + width + 2 * margin_px]
