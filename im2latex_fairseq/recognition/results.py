"""What recognition returns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from im2latex_fairseq.images.errors import ImageError


@dataclass(frozen=True)
class Reading:
    """One reading of a picture.

    Attributes:
        latex: As a person would write it.
        tokens: As the model wrote it.
        confidence: Probability that the whole formula is right, in [0, 1].
        score: Mean log-probability of the tokens and the end, natural.
        token_confidences: Probability that each token is right, in [0, 1]; one a token.
    """

    latex: str
    tokens: tuple[str, ...]
    confidence: float
    score: float
    token_confidences: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **asdict(self),
            "tokens": list(self.tokens),
            "token_confidences": list(self.token_confidences),
        }


@dataclass(frozen=True)
class Recognition:
    """What a picture says.

    Attributes:
        readings: The best first, at least one.
        seconds: Its own preparation and its share of its batch.
        scale: Factor by which the picture was brought to the size that the model knows.
    """

    readings: tuple[Reading, ...]
    seconds: float
    scale: float = 1.0

    @property
    def latex(self) -> str:
        """That of the best reading."""
        return self.readings[0].latex

    @property
    def tokens(self) -> tuple[str, ...]:
        """Those of the best reading."""
        return self.readings[0].tokens

    @property
    def confidence(self) -> float:
        """That of the best reading."""
        return self.readings[0].confidence

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the best reading, then the others as `alternatives`."""
        best, *others = self.readings
        return {
            **best.to_dict(),
            "alternatives": [reading.to_dict() for reading in others],
            "seconds": self.seconds,
            "scale": self.scale,
        }


@dataclass(frozen=True)
class Outcome:
    """What became of one picture of a stream: either of the two is None.

    Attributes:
        number: Place of the picture among the sources, from 0.
        recognition: What it says.
        error: Why it can't be read.
    """

    number: int
    recognition: Recognition | None = None
    error: ImageError | None = None
