"""What fairseq-generate printed: each sample's reference and best hypothesis, and its own score line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_SCORE_LINE = re.compile(r"^Generate (?P<split>\S+) with beam=(?P<beam>\d+): (?P<score>.+)$")


class GenerationOutputError(ValueError):
    """A file that isn't the complete output of fairseq-generate; says what is missing."""


@dataclass(frozen=True)
class Prediction:
    """One decoded picture.

    Attributes:
        row: Row of the split's manifest, which is also the picture's index in the store.
        reference: True tokens.
        hypothesis: Tokens of the best hypothesis.
        log2_probability: Its score as fairseq prints it: mean log2 probability a token (length-normalised).
    """

    row: int
    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]
    log2_probability: float

    @property
    def is_exact(self) -> bool:
        """Whether every token is right."""
        return self.reference == self.hypothesis


@dataclass(frozen=True)
class GenerationOutput:
    """All predictions, in the order of the manifest, and fairseq's score line without its prefix."""

    predictions: tuple[Prediction, ...]
    score_line: str


def read_generation_output(path: str | Path) -> GenerationOutput:
    """Read what fairseq-generate wrote to its standard output.

    Raises:
        GenerationOutputError: The score line, a hypothesis or a reference is missing.
    """
    references: dict[int, tuple[str, ...]] = {}
    hypotheses: dict[int, tuple[float, tuple[str, ...]]] = {}
    score_line = ""
    for line in Path(path).read_text(encoding="utf-8").split("\n"):
        kind, _, rest = line.partition("-")
        name, _, body = rest.partition("\t")
        if kind == "T" and name.isdigit():
            references[int(name)] = tuple(body.split())
        elif kind == "H" and name.isdigit() and int(name) not in hypotheses:  # the first of an n-best list
            score, _, tokens = body.partition("\t")
            hypotheses[int(name)] = (float(score), tuple(tokens.split()))
        elif match := _SCORE_LINE.match(line):
            score_line = match["score"]
    if not score_line:
        raise GenerationOutputError(
            f"{path}: no line 'Generate ... with beam=...'; did fairseq-generate finish?"
        )
    if not references or references.keys() != hypotheses.keys():
        raise GenerationOutputError(
            f"{path}: {len(references)} references (T-) and {len(hypotheses)} hypotheses (H-); "
            "they should be as many, and at least one"
        )
    predictions = tuple(
        Prediction(row, references[row], hypotheses[row][1], hypotheses[row][0]) for row in sorted(references)
    )
    return GenerationOutput(predictions, score_line)
