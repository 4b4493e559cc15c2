from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from im2latex_fairseq.evaluation.alignment import AlignedTexts, align, make_pairs
from im2latex_fairseq.evaluation.counts import PairCounts
from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.formula_list import FormulaList, Naming, Record

FORM = {"id": "tsv", "row": "log", "line": "lines"}


def listed(naming: Naming, *items: tuple[str, str], complete: bool = True) -> FormulaList:
    records = tuple(Record(text, key, line) for line, (key, text) in enumerate(items, 1))
    return FormulaList((Path("file"),), FORM[naming], naming, records, is_complete=complete)


def lines(*texts: str) -> FormulaList:
    return listed("line", *((str(number), text) for number, text in enumerate(texts, 1)))


def hypotheses_of(aligned: AlignedTexts) -> dict[str, str | None]:
    return {row[0]: row[1] for row in aligned.rows}


def test_by_id_everything_is_counted() -> None:
    references = listed("id", ("f0", "a"), ("f1", "b"), ("f2", "c"), ("f3", ""))
    found = listed("id", ("f3", ""), ("f1", "B"), ("f1", "later"), ("f0", ""), ("g", "of another set"))
    aligned = align(references, found)
    assert hypotheses_of(aligned) == {"f0": "", "f1": "B", "f2": None, "f3": ""}
    assert aligned.counts == PairCounts(
        references=4, hypotheses=5, missing=1, empty=2, duplicate=1, foreign=1, empty_references=1
    )
    assert "aligned by id" in aligned.remarks


def test_by_line() -> None:
    aligned = align(lines("a", "b"), lines("A", ""))
    assert hypotheses_of(aligned) == {"1": "A", "2": ""}
    assert aligned.numbers == (0, 1)
    # The ids of one side stay, though the other has lines alone.
    assert hypotheses_of(align(listed("id", ("f0", "a"), ("f1", "b")), lines("A", "B"))) == {
        "f0": "A",
        "f1": "B",
    }


def test_by_line_there_must_be_as_many() -> None:
    with pytest.raises(EvaluationInputError, match=r"1 hypotheses and file 2 references.*--allow-fewer"):
        align(lines("a", "b"), lines("a"))
    with pytest.raises(EvaluationInputError, match=r"2 hypotheses and file 1 references.*cut in two"):
        align(lines("a"), lines("a", "b"), allow_fewer=True)
    aligned = align(lines("a", "b"), lines("a"), allow_fewer=True)
    assert hypotheses_of(aligned) == {"1": "a", "2": None}
    assert aligned.counts.missing == 1


@pytest.mark.parametrize(
    "references",
    [
        lines("a", "b", "c"),
        listed("id", ("f0", "a"), ("f1", "b"), ("f2", "c")),  # a manifest
        listed("id", ("1", "a"), ("2", "b"), ("3", "c")),  # ids that aren't fairseq's numbers
    ],
)
def test_fairseqs_sample_number_is_the_row_of_the_reference(references: FormulaList) -> None:
    aligned = align(references, listed("row", ("2", "C"), ("0", "A")))
    assert [row[1] for row in aligned.rows] == ["A", None, "C"]
    assert aligned.counts.missing == 1


def test_ids_that_are_the_sample_numbers_are_names() -> None:
    aligned = align(listed("id", ("1", "b"), ("0", "a")), listed("row", ("0", "A"), ("1", "B")))
    assert hypotheses_of(aligned) == {"1": "B", "0": "A"}


def test_a_log_with_its_own_references() -> None:
    references = listed("row", ("4", "a"), ("9", "b"))
    aligned = align(references, listed("row", ("9", "B"), ("4", "A")))
    assert hypotheses_of(aligned) == {"4": "A", "9": "B"}
    assert aligned.numbers == (4, 9)  # where their pictures are in the store
    with pytest.raises(EvaluationInputError, match="did fairseq-generate finish"):
        align(listed("row", ("0", "a"), complete=False), listed("row", ("0", "a")))


def test_a_log_of_another_split_is_refused_or_said() -> None:
    with pytest.raises(EvaluationInputError, match=r"line 2: a hypothesis of sample 2 .*1 references; they"):
        align(lines("a"), listed("row", ("0", "A"), ("2", "C")))
    found = replace(
        listed("row", ("0", "A"), ("1", "B"), ("2", "C")),
        logged_references={"0": "a b", "1": "c", "2": "<<unk>>"},
    )
    remarks = align(lines("a  b", "b", "d"), found).remarks
    assert any(
        "1 of 2 references differ from the log's own T- lines, the first that of sample 1" in r
        for r in remarks
    )
    assert not any("differ" in r for r in align(lines("ab", "c", "d"), found).remarks)


def test_a_log_that_breaks_off_is_said() -> None:
    aligned = align(lines("a", "b"), listed("row", ("0", "a"), complete=False))
    assert any("breaks off" in remark for remark in aligned.remarks)
    assert aligned.counts.missing == 1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EvaluationInputError, match="no references in it"):
        align(lines(), lines())
    with pytest.raises(EvaluationInputError, match=r"has ids, file hasn't.*--align line"):
        align(lines("a"), listed("id", ("f0", "a")))
    with pytest.raises(EvaluationInputError, match=r"none of the 1 hypotheses.*'g0'.*'f0'"):
        align(listed("id", ("f0", "a")), listed("id", ("g0", "a")))
    with pytest.raises(EvaluationInputError, match="no ids to align by"):
        align(listed("id", ("f0", "a")), lines("a"), "id")
    with pytest.raises(EvaluationInputError, match="'f0' has two references, in line 1 and in line 2"):
        align(listed("id", ("f0", "a"), ("f0", "b")), listed("id", ("f0", "a")))


def test_no_hypotheses_at_all_are_all_missing() -> None:
    """A system that read nothing is scored, not refused."""
    assert align(listed("id", ("f0", "a")), listed("id")).counts.missing == 1


def test_by_line_whatever_the_ids() -> None:
    aligned = align(listed("id", ("f0", "a")), listed("id", ("g0", "A")), "line")
    assert hypotheses_of(aligned) == {"f0": "A"}


def test_a_reference_given_again_counts_once() -> None:
    references = listed("id", ("f0", "a"), ("f0", "a"), ("f1", "b"))
    aligned = align(references, listed("id", ("f0", "a"), ("f1", "b")))
    assert (aligned.counts.references, aligned.counts.duplicate_references) == (2, 1)
    assert aligned.numbers == (0, 2)


def test_alternatives_of_n_best_lists_are_counted() -> None:
    record = Record("a", "0", 1, 0.5, ("b", "c"))
    aligned = align(lines("a"), FormulaList((Path("log"),), "log", "row", (record,)))
    assert aligned.counts.alternatives == 2
    assert aligned.rows[0][3] == 0.5


def test_pairs_know_what_was_missing() -> None:
    done: list[int] = []
    missing, empty = make_pairs(
        align(listed("id", ("f0", "a"), ("f1", "b")), listed("id", ("f1", ""))), done.append
    )
    assert (missing.missing, empty.missing) == (True, False)
    assert (missing.hypothesis_tokens, empty.hypothesis_tokens) == ((), ())
    assert sum(done) == 2


def test_counts_that_do_not_add_up_are_our_mistake() -> None:
    with pytest.raises(AssertionError):
        PairCounts(references=2, hypotheses=1)
    assert PairCounts(1, 1) + PairCounts(2, 1, missing=1) == PairCounts(3, 2, missing=1)
