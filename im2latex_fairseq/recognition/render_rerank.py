"""Which reading does the picture show? Each is drawn by TeX and compared with it.

The model's score and the likeness of the drawing decide together:

    score + WEIGHT * similarity        (mean log-probability a token, natural; similarity in [0, 1])

Readings that TeX doesn't draw stand behind all that it draws, in the model's order. A reading is drawn in several
faces, and a picture is compared with drawings of the face in which its best reading looks most like it: that is the
face that it is likely to be set in. `examples/decoding/rerank.py` measures what it gains and what it costs.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.images.renderer import (
    PROCESSED_FACE,
    RELEASE_FACE_HALVED,
    RenderError,
    RenderSettings,
    render_formulas,
)
from im2latex_fairseq.latex.tokenizer import detokenize
from im2latex_fairseq.recognition.picture_similarity import picture_similarity
from im2latex_fairseq.recognition.results import Reading

GreyImage: TypeAlias = NDArray[np.uint8]

Drawings: TypeAlias = "tuple[GreyImage | None, ...]"
"""Of one formula: its picture in each face, None where it can't be drawn."""

DrawFormulas: TypeAlias = Callable[[Sequence[str]], Sequence[Drawings]]

#: Bold 10 pt and plain 12 pt at the scale that models read; between them lies what most pictures show.
FACES = (PROCESSED_FACE, RELEASE_FACE_HALVED)

#: Fitted by `examples/decoding/rerank.py`; from 1.5 to 5 it makes little difference.
WEIGHT = 2.5

_TIMEOUT_S = 3.0
_MOST_REMEMBERED = 2_000


@dataclass(frozen=True)
class RenderCandidate:
    """A reading that may be what the picture shows.

    Attributes:
        latex: LaTeX mathematics, as `render_formulas` takes it.
        score: Mean log-probability of its tokens, natural.
    """

    latex: str
    score: float


@dataclass(frozen=True)
class RerankedList:
    """The candidates of a picture in a new order.

    Attributes:
        order: Their indices, the best first.
        similarities: Of each candidate in the order as given, in [0, 1]; None where TeX drew nothing.
    """

    order: tuple[int, ...]
    similarities: tuple[float | None, ...]


class FormulaDrawings:
    """Draws formulas by TeX in several faces, and remembers the last ones; may be shared by threads.

    Args:
        faces: How they are drawn.
        timeout_s: Processor seconds for a batch of 200 formulas; one that takes longer isn't drawn.
        most_remembered: Formulas whose pictures are kept.
    """

    def __init__(
        self,
        faces: Sequence[RenderSettings] = FACES,
        *,
        timeout_s: float = _TIMEOUT_S,
        most_remembered: int = _MOST_REMEMBERED,
    ) -> None:
        self._faces = tuple(faces)
        self._timeout_s = timeout_s
        self._most_remembered = most_remembered
        self._drawn: OrderedDict[str, Drawings] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, formulas: Sequence[str]) -> list[Drawings]:
        """The pictures of each formula.

        Raises:
            RenderError: TeX or dvipng is missing, or can't be set up.
        """
        with self._lock:
            known = {formula: self._drawn[formula] for formula in formulas if formula in self._drawn}
        new = [formula for formula in dict.fromkeys(formulas) if formula not in known]
        if new:
            known.update(zip(new, self._draw(new), strict=True))
        with self._lock:
            for formula in formulas:
                self._drawn[formula] = known[formula]
                self._drawn.move_to_end(formula)
            while len(self._drawn) > self._most_remembered:
                self._drawn.popitem(last=False)
        return [known[formula] for formula in formulas]

    def _draw(self, formulas: list[str]) -> list[Drawings]:
        # The work is done by latex and dvipng: threads that wait for them keep as many cores busy.
        draw = partial(render_formulas, formulas, timeout_s=self._timeout_s)
        with ThreadPoolExecutor(len(self._faces)) as pool:
            results = list(pool.map(draw, self._faces))
        return [tuple(result.image for result in of_one) for of_one in zip(*results, strict=True)]


def rerank_by_rendering(
    pictures: Sequence[GreyImage],
    candidates: Sequence[Sequence[RenderCandidate]],
    *,
    weight: float = WEIGHT,
    draw: DrawFormulas | None = None,
) -> list[RerankedList]:
    """Put the candidates of each picture in the order in which the picture is likely to show them.

    Args:
        pictures: Prepared for the model: (H, W) each, uint8, 255 = paper.
        candidates: Of each picture.
        weight: Of the similarity beside the score; 0 only moves what doesn't compile to the end.
        draw: Draws formulas; `FormulaDrawings` shared by all calls if None.

    Returns:
        An order for each picture. Candidates that are equal in all stay in theirs.

    Raises:
        RenderError: TeX or dvipng is missing.
        ValueError: There aren't as many lists as pictures.
    """
    if len(pictures) != len(candidates):
        raise ValueError(f"{len(pictures)} pictures and {len(candidates)} lists of candidates")
    draw = draw if draw is not None else _shared_drawings()
    formulas = list(dict.fromkeys(candidate.latex for listed in candidates for candidate in listed))
    drawn = dict(zip(formulas, draw(formulas), strict=True))
    return [
        _reranked(picture, listed, [drawn[candidate.latex] for candidate in listed], weight)
        for picture, listed in zip(pictures, candidates, strict=True)
    ]


def order_of(
    scores: Sequence[float], similarities: Sequence[float | None], weight: float = WEIGHT
) -> tuple[int, ...]:
    """Indices of candidates, the best first: what wasn't drawn (None) behind all else."""
    ranks = [
        (similarity is None, -score - weight * (similarity or 0.0))
        for score, similarity in zip(scores, similarities, strict=True)
    ]
    return tuple(sorted(range(len(ranks)), key=ranks.__getitem__))


class RenderReranker:
    """Reranks the readings of a batch of pictures, for `RecognitionOptions.rerank`.

    Without TeX it says so once, and leaves them in their order.

    Args:
        weight: See `rerank_by_rendering`.
        draw: See `rerank_by_rendering`.
    """

    def __init__(self, *, weight: float = WEIGHT, draw: DrawFormulas | None = None) -> None:
        self._weight = weight
        self._draw = draw

    def __call__(
        self, pictures: Sequence[GreyImage], readings: Sequence[tuple[Reading, ...]]
    ) -> list[tuple[Reading, ...]]:
        """The readings of each picture in a new order.

        Args:
            pictures: Prepared for the model: (H, W) each, uint8, 255 = paper.
            readings: Of each, the best first.
        """
        candidates = [
            [RenderCandidate(detokenize(reading.tokens), reading.score) for reading in listed]
            for listed in readings
        ]
        try:
            lists = rerank_by_rendering(pictures, candidates, weight=self._weight, draw=self._draw)
        except RenderError as error:
            _warn_once(str(error))
            return list(readings)
        return [
            tuple(listed[index] for index in reranked.order)
            for listed, reranked in zip(readings, lists, strict=True)
        ]


def _reranked(
    picture: GreyImage, candidates: Sequence[RenderCandidate], drawings: Sequence[Drawings], weight: float
) -> RerankedList:
    if not candidates:
        return RerankedList((), ())
    faces = zip(*drawings, strict=True)
    by_face = [[_similarity(picture, drawing) for drawing in of_face] for of_face in faces]
    similarities = max(by_face, key=_best)
    order = order_of([candidate.score for candidate in candidates], similarities, weight)
    return RerankedList(order, tuple(similarities))


def _similarity(picture: GreyImage, drawing: GreyImage | None) -> float | None:
    return None if drawing is None else picture_similarity(picture, drawing)


def _best(similarities: Sequence[float | None]) -> float:
    return max((value for value in similarities if value is not None), default=-math.inf)


@lru_cache(maxsize=1)
def _shared_drawings() -> FormulaDrawings:
    return FormulaDrawings()


@lru_cache(maxsize=8)
def _warn_once(message: str) -> None:
    warnings.warn(
        f"readings keep the model's order, since they can't be drawn: {message}", RuntimeWarning, stacklevel=3
    )
