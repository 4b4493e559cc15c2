"""From a log of fairseq-generate to readings whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from im2latex_fairseq.data.manifest import read_manifest
from im2latex_fairseq.decoding.calibration_fitting import JudgedReading
from im2latex_fairseq.evaluation.generation_log import (
    Candidate,
    GenerationOutputError,
    LoggedSample,
    read_generation_log,
)
from im2latex_fairseq.metrics.pair import Form, FormulaPair, make_pair


@dataclass(frozen=True)
class JudgedLog:
    """What a log says, judged.

    Attributes:
        readings: The best of each decoded picture, in the order of the log.
        pictures: Of the split; those that the log lacks are in no reading.
        has_leads: Whether the log has several hypotheses of each picture.
    """

    readings: tuple[JudgedReading, ...]
    pictures: int
    has_leads: bool


def read_judged_log(generated: Path, manifest: Path, form: Form) -> JudgedLog:
    """Judge the best hypothesis of each picture.

    Args:
        generated: Standard output of fairseq-generate, or what it wrote to `--results-path`.
        manifest: Of the split that was decoded; its formulas are the truth.
        form: In which a formula must be equal to be right.

    Raises:
        GenerationOutputError: The log and the manifest are of different splits, or scores of tokens are missing.
    """
    references = [entry.formula for entry in read_manifest(manifest)]
    log = read_generation_log(generated)
    samples = {sample.number: sample for sample in reversed(log.samples) if sample.candidates}
    if not samples or max(samples) >= len(references):
        raise GenerationOutputError(
            f"{generated}: hypotheses of {len(samples)} pictures, up to number {max(samples, default=-1)}, but "
            f"{manifest} has {len(references)}; they belong to different splits, or nothing was decoded"
        )
    readings = tuple(
        _judge(sample, references[number], form, generated) for number, sample in sorted(samples.items())
    )
    return JudgedLog(readings, len(references), all(reading.lead is not None for reading in readings))


def _judge(sample: LoggedSample, reference: str, form: Form, place: Path) -> JudgedReading:
    best = sample.candidates[0]
    tokens = best.text.split()
    scores = best.token_log2_probabilities
    if scores is None or len(scores) != len(tokens) + 1:
        raise GenerationOutputError(
            f"{place}, line {sample.line}: {len(scores or ())} scores (P-) of {len(tokens)} tokens and the end; "
            "decode without --post-process, and keep the whole output"
        )
    pair = make_pair(str(sample.number), best.text, reference)
    is_right = is_same(pair, form)
    return JudgedReading(
        # fairseq-generate writes log-probabilities to base 2.
        log_probabilities=tuple(score * math.log(2) for score in scores),
        tokens_right=(True,) * len(scores) if is_right else right_tokens(tokens, pair.normal_reference),
        is_right=is_right,
        lead=_lead(sample.candidates),
    )


def is_same(pair: FormulaPair, form: Form) -> bool:
    """Whether a hypothesis is right: the normaliser takes it, and in that form it is the reference."""
    hypothesis, reference = pair.tokens(form)
    return not pair.hypothesis_refusal and hypothesis == reference


def right_tokens(tokens: Sequence[str], reference: Sequence[str]) -> tuple[bool, ...]:
    """Whether each token, and the end, is right.

    A token is if a shortest sequence of edits that makes the reference of the hypothesis leaves it as it is; the
    end is if nothing has to be added there.
    """
    right = [False] * (len(tokens) + 1)
    right[-1] = True
    for edit in Levenshtein.opcodes(tokens, reference):
        if edit.tag == "equal":
            right[edit.src_start : edit.src_end] = [True] * (edit.src_end - edit.src_start)
        elif edit.tag == "insert" and edit.src_start == len(tokens):
            right[-1] = False
    return tuple(right)


def _lead(candidates: Sequence[Candidate]) -> float | None:
    if len(candidates) < 2:
        return None
    best, second = candidates[:2]
    return (best.log2_probability - second.log2_probability) * math.log(2)
