"""How to recognise: what a caller may choose."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.decoding.settings import ROWS_TOGETHER, DecodingSettings
from im2latex_fairseq.recognition.results import Reading

Reranker: TypeAlias = (
    "Callable[[Sequence[NDArray[np.uint8]], Sequence[tuple[Reading, ...]]], list[tuple[Reading, ...]]]"
)
"""The prepared pictures of a batch, (H, W) each, 255 = paper, and the readings of each -> these in another order."""

Rerank: TypeAlias = "Reranker | Literal['render'] | None"
"""Or "render", which draws the readings and prefers those that look like the picture; None: as the search ranks."""

Scale: TypeAlias = "float | Literal['auto'] | None"
"""Factor for both sides of a picture; "auto" finds it by the picture; None is 1."""


class OptionFields(TypedDict, total=False):
    """The fields of `RecognitionOptions`, as keywords of `Recognizer.predict`."""

    beam: int
    nbest: int
    max_len: int
    batch_size: int | None
    length_penalty: float
    precision: str
    constrained: bool
    scale: Scale
    rerank: Rerank


@dataclass(frozen=True)
class RecognitionOptions:
    """Options of one call of `Recognizer.recognize`.

    Attributes:
        beam: Hypotheses kept at each step; 1 is greedy and fastest.
        nbest: Readings of each picture, at most `beam`; fewer where the search ends with fewer.
        max_len: Longest output, in tokens.
        batch_size: Pictures decoded together; None: as many as have 320 rows, beams of pictures, which is where
            a processor is busy. The result doesn't depend on it.
        length_penalty: Readings are searched for by the sum of their log-probabilities / length ** length_penalty. Of
            two ways to write the same, beam search takes the shorter one too often by 1.0, fairseq's default.
        precision: "float32", "bfloat16" or "int8", see `DecodingSettings`.
        constrained: Only outputs that are well formed LaTeX and don't repeat themselves without end.
        scale: Factor that brings pictures to the size that the model knows; "auto" estimates it, and tries other
            sizes where the reading has hardly any confidence (`second_look`), which takes several times as long.
        rerank: Puts the `beam` best readings in another order before the `nbest` first are kept; "render" by
            drawing them.

    Raises:
        ValueError: A number is out of range.
    """

    beam: int = 5
    nbest: int = 1
    max_len: int = 200
    batch_size: int | None = None
    length_penalty: float = 1.3
    precision: str = "float32"
    constrained: bool = True
    scale: Scale = "auto"
    rerank: Rerank = None

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.nbest < 1:
            raise ValueError(f"nbest must be at least 1, got {self.nbest}")
        if self.nbest > self.beam:
            raise ValueError(
                f"nbest {self.nbest} readings need a beam at least as wide, got beam {self.beam}"
            )
        if isinstance(self.scale, str):
            if self.scale != "auto":
                raise ValueError(f"scale must be a number, 'auto' or None, got {self.scale!r}")
        elif self.scale is not None and not (math.isfinite(self.scale) and 0.01 <= self.scale <= 100):
            raise ValueError(f"scale must be from 0.01 to 100, got {self.scale!r}")
        if isinstance(self.rerank, str) and self.rerank != "render":
            raise ValueError(f"rerank must be 'render', a function or None, got {self.rerank!r}")
        self.decoding_settings()  # says what is wrong with the other numbers

    @property
    def pictures_together(self) -> int:
        """`batch_size`, or what it is when it is left open."""
        return self.batch_size or max(1, ROWS_TOGETHER // self.beam)

    def decoding_settings(self) -> DecodingSettings:
        """Those of the search."""
        return DecodingSettings(
            beam=self.beam,
            max_len=self.max_len,
            # All of them: how far the best leads is part of its confidence.
            nbest=self.beam,
            length_penalty=self.length_penalty,
            precision=self.precision,
        )
