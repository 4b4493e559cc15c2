"""Which hypothesis belongs to which reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from im2latex_fairseq.evaluation.counts import PairCounts
from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.formula_list import FormulaList, Record
from im2latex_fairseq.metrics.pair import UNKNOWN_OF_REFERENCES, FormulaPair, make_pair

AlignBy = Literal["auto", "id", "line"]


@dataclass(frozen=True)
class AlignedTexts:
    """References with the hypotheses that belong to them.

    Attributes:
        rows: (id, hypothesis or None if missing, reference, confidence or None), one a reference, in the order of
            the references.
        numbers: Row of the split of each, from 0: fairseq's sample number, or the place among the references.
        counts: Of everything but what the normaliser says.
        remarks: How they were aligned, and what should be known, for people.
    """

    rows: tuple[tuple[str, str | None, str, float | None], ...]
    numbers: tuple[int, ...]
    counts: PairCounts
    remarks: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the references."""
        return tuple(row[0] for row in self.rows)


def align(
    references: FormulaList, hypotheses: FormulaList, by: AlignBy = "auto", *, allow_fewer: bool = False
) -> AlignedTexts:
    """Give each reference its hypothesis.

    By id where both have ids. By sample number where the hypotheses are fairseq's log: the number is the row of
    the reference, or its id if the ids are the numbers from 0. By line where one of both has lines alone.

    Args:
        references: What is right. An id that comes again must have the same text.
        hypotheses: What a system said; of an id that comes again the first counts.
        by: "line" goes by the place in the files, whatever ids they have; "id" refuses to.
        allow_fewer: By line: the hypotheses may stop early, and the rest counts as missing.

    Raises:
        EvaluationInputError: They don't fit: by line there are more or fewer, by sample number more than references,
            by id nothing in common; an id has two references; there are no references.
    """
    if not references.records:
        raise EvaluationInputError(f"{references.title}: no references in it")
    if references.naming == "row" and not references.is_complete:
        raise EvaluationInputError(
            f"{references.title}: no line 'Generate ... with beam=...'; did fairseq-generate finish? What it didn't "
            "reach would be missing among the references too; give them by --references"
        )
    kept, repeated = _distinct_references(references)
    remarks = [*references.remarks, *hypotheses.remarks]
    if not hypotheses.is_complete and hypotheses.form == "log":
        remarks.append(
            f"{hypotheses.title}: breaks off before fairseq-generate's last line (of fairseq-interactive that is usual)"
        )
    how, keys = _keys(references, kept, hypotheses, by)
    remarks.append(how)
    if keys is None:
        _check_lines(references, kept, hypotheses, allow_fewer)
        keys = [str(place) for place in range(len(kept))]
        found = [replace(record, key=str(place)) for place, record in enumerate(hypotheses.records)]
    else:
        found = list(hypotheses.records)
        if hypotheses.naming == "row":
            _check_rows(references, dict(zip(keys, kept, strict=True)), hypotheses)
            remarks += _disagreement(dict(zip(keys, kept, strict=True)), hypotheses)
    first: dict[str, Record] = {}
    duplicate = foreign = 0
    wanted = set(keys)
    for record in found:
        if record.key not in wanted:
            foreign += 1
        elif record.key in first:
            duplicate += 1
        else:
            first[record.key] = record
    if not first and found:
        raise EvaluationInputError(
            f"none of the {len(found):,} hypotheses of {hypotheses.title} belongs to a reference of "
            f"{references.title}: they are called {_some(r.key for r in found)}, the references "
            f"{_some(keys)}"
        )
    rows = []
    for key, reference in zip(keys, kept, strict=True):
        record_or_none = first.get(key)
        rows.append(
            (
                reference.key,
                None if record_or_none is None else record_or_none.text,
                reference.text,
                None if record_or_none is None else record_or_none.confidence,
            )
        )
    counts = PairCounts(
        references=len(rows),
        hypotheses=len(found),
        missing=len(rows) - len(first),
        empty=sum(hypothesis == "" for _, hypothesis, _, _ in rows),
        duplicate=duplicate,
        foreign=foreign,
        alternatives=sum(len(record.alternatives) for record in found),
        empty_references=sum(reference == "" for _, _, reference, _ in rows),
        duplicate_references=repeated,
    )
    by_row = references.naming == "row"
    places = {id(record): place for place, record in enumerate(references.records)}
    numbers = tuple(int(record.key) if by_row else places[id(record)] for record in kept)
    return AlignedTexts(tuple(rows), numbers, counts, tuple(remarks))


def make_pairs(aligned: AlignedTexts, progress: Callable[[int], None] | None = None) -> list[FormulaPair]:
    """Tokens and normal forms of all; `progress` is told how many more are done."""
    pairs = []
    for id_, hypothesis, reference, confidence in aligned.rows:
        pairs.append(make_pair(id_, hypothesis, reference, confidence=confidence))
        if progress is not None:
            progress(1)
    return pairs


def _distinct_references(references: FormulaList) -> tuple[list[Record], int]:
    """The references without repetitions, and how many those were."""
    first: dict[str, Record] = {}
    for record in references.records:
        before = first.setdefault(record.key, record)
        if before.text != record.text:
            raise EvaluationInputError(
                f"{references.title}: {record.key!r} has two references, in line {before.line} and in line "
                f"{record.line}; an id stands for one picture"
            )
    return list(first.values()), len(references.records) - len(first)


def _keys(
    references: FormulaList, kept: Sequence[Record], hypotheses: FormulaList, by: AlignBy
) -> tuple[str, list[str] | None]:
    """How to align, for people, and what the hypotheses of the references are called; None: by line."""
    kinds = (references.naming, hypotheses.naming)
    own = [record.key for record in kept]
    if by == "line":
        return "aligned by line", None
    if by == "id" and "line" in kinds:
        poor = references if references.naming == "line" else hypotheses
        raise EvaluationInputError(f"{poor.title}: has no ids to align by; give an id column")
    if hypotheses.naming == "row":
        rows = [str(row) for row in range(len(own))]
        if references.naming == "row" or (references.naming == "id" and set(own) == set(rows)):
            return "aligned by sample number", own
        return "aligned by sample number: H-0 belongs to the first reference", rows
    if kinds == ("line", "id"):
        raise EvaluationInputError(
            f"{hypotheses.title} has ids, {references.title} hasn't: give references with ids, or say --align line "
            "if the files have the same order"
        )
    if hypotheses.naming == "line":
        return "aligned by line", None
    return "aligned by id", own


def _check_lines(
    references: FormulaList, kept: Sequence[Record], hypotheses: FormulaList, allow_fewer: bool
) -> None:
    wanted, found = len(kept), len(hypotheses.records)
    if found == wanted or (found < wanted and allow_fewer):
        return
    hint = (
        "or, if the system stopped early, let the rest count as missing by --allow-fewer"
        if found < wanted
        else "are they of the same split, and was a line cut in two at a character that isn't an end of line?"
    )
    raise EvaluationInputError(
        f"{hypotheses.title} has {found:,} hypotheses and {references.title} {wanted:,} references: aligned by line "
        f"there must be as many, or nobody knows which belong together. Give both an id column; {hint}"
    )


def _check_rows(references: FormulaList, wanted: Mapping[str, Record], hypotheses: FormulaList) -> None:
    """Refuse a log of more rows than there are references: the rows before would be those of others, too."""
    if references.naming == "row":
        return
    beyond = [record for record in hypotheses.records if record.key not in wanted]
    if beyond:
        raise EvaluationInputError(
            f"{hypotheses.title}, line {beyond[0].line}: a hypothesis of sample {beyond[0].key} (from 0), but "
            f"{references.title} has {len(wanted):,} references; they belong to different splits"
        )


def _disagreement(wanted: Mapping[str, Record], hypotheses: FormulaList) -> list[str]:
    """A remark if the references aren't those that the log itself has: perhaps they are of another split."""
    compared = [
        (key, _letters(text), _letters(wanted[key].text))
        for key, text in hypotheses.logged_references.items()
        if key in wanted and UNKNOWN_OF_REFERENCES not in text
    ]
    different = [key for key, logged, given in compared if logged != given]
    if not different:
        return []
    return [
        f"{len(different):,} of {len(compared):,} references differ from the log's own T- lines, the first that of "
        f"sample {different[0]}; that is as it should be only if they are written in another form"
    ]


def _letters(formula: str) -> str:
    return "".join(formula.split())


def _some(keys: Iterable[str]) -> str:
    names = list(keys)
    return ", ".join(repr(name) for name in names[:3]) + (", ..." if len(names) > 3 else "")
