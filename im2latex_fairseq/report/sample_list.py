"""The samples of a page as plain values for JSON: what each says, how it scored, and pictures of some.

Values stand in columns, one list a property, and a hypothesis is written as its edits to the reference: most of a
good system's output is the reference, and 10,000 samples have to fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from im2latex_fairseq.evaluation.evaluation import Evaluation
from im2latex_fairseq.metrics.pair import FormulaPair
from im2latex_fairseq.report.safe_text import MOST_TOKENS, readable, shortened
from im2latex_fairseq.report.small_png import SmallPng
from im2latex_fairseq.report.structure import STRUCTURES
from im2latex_fairseq.report.token_edits import TokenEdit

#: Name -> title of what became of a sample; the page filters by them.
OUTCOMES: Mapping[str, str] = {
    "right": "right, token by token",
    "wrong": "wrong",
    "undrawn": "wrong, and TeX can't draw it",
    "empty": "nothing was read",
}


@dataclass(frozen=True)
class SamplePictures:
    """The pictures of a sample; None for one that there isn't.

    Attributes:
        input: What the system saw.
        reference: Drawing of the reference.
        hypothesis: Drawing of the hypothesis.
        difference: Of the two drawings; None if they are equal.
        agreement: Share of the ink that both drawings have; None if there aren't both.
        aligned: Whether the columns of the difference were aligned.
    """

    input: SmallPng | None = None
    reference: SmallPng | None = None
    hypothesis: SmallPng | None = None
    difference: SmallPng | None = None
    agreement: float | None = None
    aligned: bool = True


@dataclass(frozen=True)
class Sample:
    """What the page knows of a pair besides its scores and pictures.

    Attributes:
        pair: The pair.
        reference: Tokens of the reference's normal form as they are shown.
        edits: From these to the hypothesis.
        structures: Names of `STRUCTURES`.
        width: Of the picture, in pixels; None if unknown.
    """

    pair: FormulaPair
    reference: tuple[str, ...]
    edits: tuple[TokenEdit, ...]
    structures: tuple[str, ...]
    width: int | None


def outcome_of(pair: FormulaPair) -> str:
    """A name of `OUTCOMES`."""
    if pair.normal_hypothesis == pair.normal_reference:
        return "right"
    if not pair.normal_hypothesis:
        return "empty"
    return "undrawn" if pair.hypothesis_render_error else "wrong"


def sample_list(
    evaluation: Evaluation,
    samples: Sequence[Sample],
    rows: Sequence[int],
    pictures: Mapping[int, SamplePictures],
    worst: Sequence[int],
    random: Sequence[int],
) -> dict[str, Any]:
    """Everything that the page's script reads.

    Args:
        evaluation: Its scores.
        samples: (N) One a pair, in the evaluation's order.
        rows: Of the samples that are listed, in ascending order.
        pictures: Row -> pictures.
        worst: Rows, the worst first; among `rows`.
        random: Rows; among `rows`.
    """
    place = {row: number for number, row in enumerate(rows)}
    listed = [samples[row] for row in rows]
    structures, outcomes = list(STRUCTURES), list(OUTCOMES)
    return {
        "metrics": [
            {
                "name": metric.name,
                "title": metric.title,
                "unit": metric.unit,
                "higher": metric.higher_is_better,
            }
            for metric in evaluation.metrics
        ],
        "structures": [[name, STRUCTURES[name]] for name in structures],
        "outcomes": [[name, OUTCOMES[name]] for name in outcomes],
        "ids": [readable(sample.pair.id) for sample in listed],
        "references": [" ".join(sample.reference) for sample in listed],
        "edits": [
            [[edit.start, edit.end, " ".join(edit.replacement)] for edit in sample.edits] for sample in listed
        ],
        "outcome": [outcomes.index(outcome_of(sample.pair)) for sample in listed],
        "structure": [sum(1 << structures.index(name) for name in sample.structures) for sample in listed],
        "widths": _unless_all_none([sample.width for sample in listed]),
        "confidences": _unless_all_none(
            [None if s.pair.confidence is None else round(s.pair.confidence, 3) for s in listed]
        ),
        "scores": [
            [_short(score) for score in evaluation.per_sample(metric.name)[list(rows)].tolist()]
            for metric in evaluation.metrics
        ],
        # What few samples have stands by the sample's place.
        "notes": {str(n): notes for n, sample in enumerate(listed) if (notes := _notes(sample.pair))},
        "given": {str(n): given for n, sample in enumerate(listed) if (given := _given(sample.pair))},
        "pictures": {str(place[row]): _picture_values(found) for row, found in sorted(pictures.items())},
        "worst": [place[row] for row in worst],
        "random": [place[row] for row in random],
    }


def _notes(pair: FormulaPair) -> list[str]:
    """What should be known of a pair."""
    notes = []
    if pair.missing:
        notes.append("There was no hypothesis; it counts as an empty one.")
    for side in ("hypothesis", "reference"):
        name = "prediction" if side == "hypothesis" else "reference"
        error = getattr(pair, f"{side}_render_error")
        if error and not (side == "hypothesis" and not pair.hypothesis.strip()):
            notes.append(f"TeX can't draw the {name}: {shortened(error, 300)}")
        refusal = getattr(pair, f"{side}_refusal")
        if refusal:
            notes.append(
                f"The {name} has no normal form ({shortened(refusal, 100)}); its tokens are shown as given."
            )
        count = len(getattr(pair, f"normal_{side}"))
        if count > MOST_TOKENS:
            notes.append(f"The {name} has {count:,} tokens; the first {MOST_TOKENS:,} are shown.")
    return notes


def _given(pair: FormulaPair) -> dict[str, str]:
    """The texts as they were given, where they aren't the tokens that are shown anyway."""
    given = {}
    for side in ("hypothesis", "reference"):
        text = getattr(pair, side)
        if text.split() != list(getattr(pair, f"normal_{side}")):
            given[side] = shortened(text)
    return given


def _picture_values(pictures: SamplePictures) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in ("input", "reference", "hypothesis", "difference"):
        png: SmallPng | None = getattr(pictures, name)
        if png is not None:
            values[name] = [png.width, png.height, png.base64]
    if pictures.agreement is not None:
        values["agreement"] = round(100 * pictures.agreement, 1)
        values["aligned"] = pictures.aligned
    return values


def _unless_all_none(values: list[Any]) -> list[Any] | None:
    return None if all(value is None for value in values) else values


def _short(score: float) -> float | int:
    """One decimal, and none where it would be zero: most of the file's numbers are 0 or 100."""
    rounded = round(score, 1)
    return int(rounded) if rounded.is_integer() else rounded
