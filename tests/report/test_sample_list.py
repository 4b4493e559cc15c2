from __future__ import annotations

import dataclasses
import json

import pytest

from im2latex_fairseq.evaluation.evaluation import Evaluation, evaluate
from im2latex_fairseq.metrics.edit_distance import EditDistance
from im2latex_fairseq.metrics.pair import FormulaPair, make_pair
from im2latex_fairseq.metrics.registry import metric
from im2latex_fairseq.report.safe_text import shown_tokens
from im2latex_fairseq.report.sample_list import Sample, SamplePictures, outcome_of, sample_list
from im2latex_fairseq.report.small_png import SmallPng
from im2latex_fairseq.report.structure import structures_of
from im2latex_fairseq.report.token_edits import token_edits

TEXTS = [
    ("right", "x ^ { 2 }", "x ^ { 2 }", 0.9),
    ("one off", "x ^ { 3 }", "x ^ { 2 }", None),
    ("missing", None, "a", None),
    ("broken", r"\frac { a", "a", 0.25),
    ("raw", r"\frac{a}{b}", r"\frac ab", None),
]


def sample(pair: FormulaPair) -> Sample:
    reference = shown_tokens(pair.normal_reference)
    edits = token_edits(reference, shown_tokens(pair.normal_hypothesis))
    return Sample(pair, reference, edits, structures_of(pair.normal_reference), 40)


@pytest.fixture
def evaluation() -> Evaluation:
    pairs = [make_pair(id_, said, right, confidence=c) for id_, said, right, c in TEXTS]
    return evaluate(pairs, [EditDistance("edit_accuracy"), metric("exact_match")])


def values(evaluation: Evaluation, rows: list[int] | None = None) -> dict[str, object]:
    samples = [sample(pair) for pair in evaluation.pairs]
    rows = list(range(len(samples))) if rows is None else rows
    picture = SamplePictures(hypothesis=SmallPng(b"png", 3, 5), agreement=0.5)
    found = sample_list(evaluation, samples, rows, {rows[0]: picture}, worst=[rows[-1]], random=rows[:1])
    assert json.loads(json.dumps(found)) == found, "plain values"
    return found


def test_the_hypothesis_follows_from_the_edits(evaluation: Evaluation) -> None:
    found = values(evaluation)
    references, edits = found["references"], found["edits"]
    assert isinstance(references, list) and isinstance(edits, list)
    for pair, reference, steps in zip(evaluation.pairs, references, edits, strict=True):
        tokens = reference.split()
        for start, end, replacement in reversed(steps):
            tokens[start:end] = replacement.split()
        assert tuple(tokens) == pair.normal_hypothesis


def test_what_is_known_of_each_sample(evaluation: Evaluation) -> None:
    found = values(evaluation)
    assert found["ids"] == ["right", "one off", "missing", "broken", "raw"]
    assert found["scores"] == [[100, 80, 0, 33.3, 100], [100, 0, 0, 0, 100]]
    assert found["confidences"] == [0.9, None, None, 0.25, None]
    assert found["widths"] == [40] * 5
    notes = found["notes"]
    assert isinstance(notes, dict) and list(notes) == ["2", "3"]
    assert notes["2"] == ["There was no hypothesis; it counts as an empty one."]
    assert "no normal form" in notes["3"][0]
    # Where the text is the shown tokens it isn't repeated.
    assert found["given"] == {"4": {"hypothesis": r"\frac{a}{b}", "reference": r"\frac ab"}}
    assert found["pictures"] == {"0": {"hypothesis": [5, 3, "cG5n"], "agreement": 50.0, "aligned": True}}


def test_places_are_those_of_the_listed(evaluation: Evaluation) -> None:
    found = values(evaluation, rows=[1, 3])
    assert found["ids"] == ["one off", "broken"]
    assert (found["worst"], found["random"], list(found["pictures"])) == ([1], [0], ["0"])  # type: ignore[call-overload]
    assert found["scores"] == [[80, 33.3], [0, 0]]


@pytest.mark.parametrize(
    "hypothesis, error, outcome",
    [
        ("a", "", "right"),
        ("b", "", "wrong"),
        ("b", "undefined_command: b", "undrawn"),
        ("", "", "empty"),
        (None, "empty: nothing to draw", "empty"),
    ],
)
def test_outcomes(hypothesis: str | None, error: str, outcome: str) -> None:
    pair = dataclasses.replace(make_pair("id", hypothesis, "a"), hypothesis_render_error=error)
    assert outcome_of(pair) == outcome


def test_an_empty_reference_read_as_empty_is_right() -> None:
    assert outcome_of(make_pair("id", "", "")) == "right"
