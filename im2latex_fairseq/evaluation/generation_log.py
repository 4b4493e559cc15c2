"""What fairseq-generate printed: references (T-), hypotheses and their scores (H-, P-), its own score line.

Of fairseq-interactive it reads the same, less references and score line. A sample with several H- lines has an
n-best list (`--nbest`), best first.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.text_file import read_text_file

_SCORE_LINE = re.compile(r"Generate (?P<split>\S+) with beam=(?P<beam>\d+): (?P<score>.+)")
_SAMPLE_LINE = re.compile(r"(?P<kind>[STHDPAIE])-(?P<number>\d+)\t(?P<body>.*)", re.DOTALL)


class GenerationOutputError(EvaluationInputError):
    """A file that isn't the complete output of fairseq-generate; says what is missing."""


@dataclass(frozen=True)
class Candidate:
    """One hypothesis of an n-best list.

    Attributes:
        text: Tokens joined by spaces.
        log2_probability: Its score as fairseq prints it: mean log2 probability a token (with `--lenpen 1`, as is
            fairseq's default).
        token_log2_probabilities: log2 probability of each token, then that of the end, with four decimals;
            None if the log has none.
    """

    text: str
    log2_probability: float
    token_log2_probabilities: tuple[float, ...] | None = None

    @property
    def confidence(self) -> float:
        """Probability in [0, 1], the geometric mean over tokens."""
        return math.pow(2.0, min(0.0, self.log2_probability))


@dataclass(frozen=True)
class LoggedSample:
    """One decoded picture.

    Attributes:
        number: Row of the split's manifest, which is also the picture's index in the store; of
            fairseq-interactive the line of its input. From 0.
        reference: True tokens joined by spaces; None if the log has none. Unknown ones read `<<unk>>`.
        candidates: Best first; none if the log has a reference alone.
        line: Where it begins in the file, from 1.
    """

    number: int
    reference: str | None
    candidates: tuple[Candidate, ...]
    line: int


@dataclass(frozen=True)
class GenerationLog:
    """A log.

    Attributes:
        samples: In the order of the log. A number comes again if several logs were joined that share it.
        score_line: fairseq's own score without its prefix; "" if the log breaks off before it.
        remarks: See `TextFile`.
    """

    samples: tuple[LoggedSample, ...]
    score_line: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """One decoded picture with its best hypothesis.

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


class _OpenSample:
    """A sample while its lines are read."""

    def __init__(self, number: int, line: int) -> None:
        self.number = number
        self.line = line
        self.reference: str | None = None
        self.candidates: list[Candidate] = []

    def close(self) -> LoggedSample:
        return LoggedSample(self.number, self.reference, tuple(self.candidates), self.line)


def is_sample_line(line: str) -> bool:
    """Whether fairseq-generate writes such a line about a reference or a hypothesis."""
    match = _SAMPLE_LINE.match(line)
    return match is not None and match["kind"] in "TH"


def read_generation_log(path: str | Path) -> GenerationLog:
    """Read a log as far as it goes: a reference may lack its hypothesis and the other way round.

    Raises:
        EvaluationInputError: A line is malformed; says which.
    """
    file = read_text_file(path)
    samples: list[_OpenSample] = []
    score_line = ""
    for line_number, line in enumerate(file.lines, 1):
        match = _SAMPLE_LINE.fullmatch(line)
        if match is None:
            if score := _SCORE_LINE.match(line):
                score_line = score["score"]
            continue
        kind, number = match["kind"], int(match["number"])
        if kind == "P" and samples and samples[-1].number == number and samples[-1].candidates:
            scores = _token_scores(match["body"], f"{path}, line {line_number}")
            samples[-1].candidates[-1] = replace(samples[-1].candidates[-1], token_log2_probabilities=scores)
        if kind not in "TH":
            continue
        # fairseq writes all lines of a sample together: reference first, then the hypotheses.
        if not samples or samples[-1].number != number or kind == "T":
            samples.append(_OpenSample(number, line_number))
        if kind == "T":
            samples[-1].reference = match["body"]
        else:
            samples[-1].candidates.append(_candidate(match["body"], f"{path}, line {line_number}"))
    return GenerationLog(tuple(sample.close() for sample in samples), score_line, file.remarks)


def read_generation_output(path: str | Path) -> GenerationOutput:
    """Read what fairseq-generate wrote to its standard output, complete or not at all.

    Of an n-best list, and of a sample that comes twice, the first counts.

    Raises:
        GenerationOutputError: The score line, a hypothesis or a reference is missing.
    """
    log = read_generation_log(path)
    references: dict[int, tuple[str, ...]] = {}
    hypotheses: dict[int, Candidate] = {}
    for sample in log.samples:
        if sample.reference is not None:
            references[sample.number] = tuple(sample.reference.split())
        if sample.candidates:
            hypotheses.setdefault(sample.number, sample.candidates[0])
    if not log.score_line:
        raise GenerationOutputError(
            f"{path}: no line 'Generate ... with beam=...'; did fairseq-generate finish?"
        )
    if not references or references.keys() != hypotheses.keys():
        raise GenerationOutputError(
            f"{path}: {len(references)} references (T-) and {len(hypotheses)} hypotheses (H-); "
            "they should be as many, and at least one"
        )
    predictions = tuple(
        Prediction(
            row, references[row], tuple(hypotheses[row].text.split()), hypotheses[row].log2_probability
        )
        for row in sorted(references)
    )
    return GenerationOutput(predictions, log.score_line)


def _candidate(body: str, place: str) -> Candidate:
    """A hypothesis line's part after its number: score, tab, tokens."""
    score, _, text = body.partition("\t")
    try:
        log2_probability = float(score)
    except ValueError:
        raise EvaluationInputError(
            f"{place}: the score of a hypothesis should be a number, not {score[:40]!r}; is the line cut off?"
        ) from None
    if math.isnan(log2_probability):
        raise EvaluationInputError(f"{place}: the score of a hypothesis is NaN; did the model diverge?")
    return Candidate(text, log2_probability)


def _token_scores(body: str, place: str) -> tuple[float, ...]:
    try:
        return tuple(float(score) for score in body.split())
    except ValueError:
        raise EvaluationInputError(
            f"{place}: the scores of tokens should be numbers, not {body[:40]!r}; is the line cut off?"
        ) from None
