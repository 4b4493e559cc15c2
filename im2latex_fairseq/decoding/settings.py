"""How to decode: the numbers that a search needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

PRECISIONS = ("float32", "bfloat16", "int8")

ROWS_TOGETHER = 320
"""Rows, beams of pictures, that keep a CPU busy: more of them together are no faster."""


@dataclass(frozen=True)
class DecodingSettings:
    """Settings of one call of `FormulaDecoder.decode`.

    Attributes:
        beam: Hypotheses kept at each step; 1 is greedy search, which has a path of its own. A beam wider
            than the dictionary is cut to it, as fairseq does.
        max_len: Longest output, in tokens, the end not counted; never beyond the model's positions.
        nbest: Hypotheses returned of each picture, at most `beam`.
        length_penalty: fairseq's --lenpen: scores are sums of log-probabilities / length ** length_penalty.
        temperature: Logits are divided by it.
        precision: "float32"; or "bfloat16" for weights, keys and values; or "int8" for the wide
            convolutions of encoder and decoder, on CPUs that have VNNI. Logits are float32 in all of them, and so
            is in bfloat16 the decoder of a few rows on a CPU, where it is slower.
        attention: Return where each token looked.

    Raises:
        ValueError: A number is out of range.
    """

    beam: int = 5
    max_len: int = 200
    nbest: int = 1
    length_penalty: float = 1.0
    temperature: float = 1.0
    precision: str = "float32"
    attention: bool = False

    def __post_init__(self) -> None:
        for name in ("beam", "max_len", "nbest"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.nbest > self.beam:
            raise ValueError(
                f"nbest {self.nbest} hypotheses need a beam at least as wide, got beam {self.beam}; widen the beam"
            )
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature must be above 0, got {self.temperature}")
        if not math.isfinite(self.length_penalty):
            raise ValueError(f"length_penalty must be a finite number, got {self.length_penalty}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")
