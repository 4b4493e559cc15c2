from __future__ import annotations

import json
from pathlib import Path

import pytest

from im2latex_fairseq.data.manifest import make_entry, write_manifest
from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.formula_list import FormulaList, Role, read_formulas


def read(path: Path, content: str, role: Role = "hypothesis", form: str = "auto") -> FormulaList:
    path.write_bytes(content.encode())
    return read_formulas([path], role, form)


def texts(formulas: FormulaList) -> list[tuple[str, str]]:
    return [(record.key, record.text) for record in formulas.records]


def test_plain_lines(tmp_path: Path) -> None:
    found = read(tmp_path / "read.txt", "a ^ 2\n\n  \\frac{1}{2} \n")
    assert (found.form, found.naming) == ("lines", "line")
    assert texts(found) == [("1", "a ^ 2"), ("2", ""), ("3", "\\frac{1}{2}")]


def test_tsv_with_a_header_in_any_order(tmp_path: Path) -> None:
    content = "confidence\tPrediction\timage\treference\n0.5\ta\tx.png\tA\n\tb\ty.png\tB\n"
    found = read(tmp_path / "read.tsv", content)
    assert texts(found) == [("x.png", "a"), ("y.png", "b")]
    assert [record.confidence for record in found.records] == [0.5, None]
    assert texts(read(tmp_path / "read.tsv", content, "reference")) == [("x.png", "A"), ("y.png", "B")]


def test_tsv_without_a_header_is_id_and_formula(tmp_path: Path) -> None:
    found = read(tmp_path / "read.tsv", "f1\ta\nf2\t\n")
    assert texts(found) == [("f1", "a"), ("f2", "")]
    assert found.naming == "id"


def test_tsv_without_ids_goes_by_lines(tmp_path: Path) -> None:
    found = read(tmp_path / "read.tsv", "formula\nconfidence = 2\nb\n")
    assert (found.naming, texts(found)) == ("line", [("1", "confidence = 2"), ("2", "b")])


def test_a_manifest_gives_references(tmp_path: Path) -> None:
    path = tmp_path / "valid.tsv"
    write_manifest(path, [make_entry("f0", (10, 20), "a ^ { 2 }"), make_entry("f1", (10, 20), "b")])
    assert texts(read_formulas([path], "reference")) == [("f0", "a ^ { 2 }"), ("f1", "b")]


@pytest.mark.parametrize(
    "content, message",
    [
        ("a\tb\tc\n", "line 1: can't tell which of 3 columns has the hypothesis"),
        ("id\tlength\n", "can't tell which of 2 columns"),  # a header without a formula
        ("id\tformula\nf0\ta\tb\n", "line 2: 3 columns where line 1 has 2"),
        ("id\tformula\n\ta\n", "line 2: the id is empty"),
        ("id\tformula\tconfidence\nf\ta\t-0.3\n", "line 2: the confidence should be a probability"),
        ("id\tformula\tconfidence\nf\ta\tnan\n", "line 2: the confidence should be a probability"),
    ],
)
def test_a_malformed_tsv_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(EvaluationInputError, match=message):
        read(tmp_path / "read.tsv", content)


def test_json_lines_and_arrays(tmp_path: Path) -> None:
    items: list[dict[str, object]] = [
        {"img_id": 5, "gt": "A", "pred": "a\u2028b", "confidence": 0.25},
        {"img_id": 6, "gt": "B", "pred": None},  # nothing was read
    ]
    lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
    for content in (lines, json.dumps(items, indent=1)):
        found = read(tmp_path / "read.jsonl", content)
        assert texts(found) == [("5", "a\u2028b"), ("6", "")]
        assert found.records[0].confidence == 0.25
        assert texts(read(tmp_path / "read.jsonl", content, "reference")) == [("5", "A"), ("6", "B")]
    assert texts(read(tmp_path / "read.json", '"a"\n"b"\n')) == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize(
    "content, message",
    [
        ('{"id": 1, "formula": "a"\n', "line 1: not JSON"),
        ('{"id": 1, "tex": "a"}\n', "line 1: no hypothesis among the keys id, tex"),
        ('{"id": 1, "formula": 3}\n', "should be a string, not 3"),
        ('{"id": 1, "formula": "a"}\n{"formula": "b"}\n', "line 2: has no id, though"),
        ("3\n", "expected an object or a string"),
        ('{"formula": "a", "confidence": true}\n', "probability"),
        ("[1, \n", "line 1|line 2"),
    ],
)
def test_malformed_json_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(EvaluationInputError, match=message):
        read(tmp_path / "read.jsonl", content)


LOG = (
    "T-1\tb <<unk>>\nH-1\t-1.0\tb\nH-1\t-3.0\tc\nT-0\ta\nH-0\t0.0\ta\nGenerate test with beam=5: BLEU4 = 50\n"
)


def test_a_log_has_both(tmp_path: Path) -> None:
    found = read(tmp_path / "generate-test.txt", LOG)
    assert (found.form, found.naming, found.is_complete) == ("log", "row", True)
    assert texts(found) == [("1", "b"), ("0", "a")]
    assert [(r.confidence, r.alternatives) for r in found.records] == [(0.5, ("c",)), (1.0, ())]
    references = read(tmp_path / "generate-test.txt", LOG, "reference")
    assert texts(references) == [("0", "a"), ("1", "b <<unk>>")]
    assert "1 references of the log have <<unk>>" in references.remarks[0]


def test_a_quiet_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationInputError, match=r"no hypotheses \(H- lines\)"):
        read(tmp_path / "log.txt", "Generate test with beam=5: BLEU4 = 50\n", form="log")
    with pytest.raises(EvaluationInputError, match=r"no references \(T- lines\)"):
        read(tmp_path / "log.txt", "H-0\t-1\ta\n", "reference")


def test_lines_with_tabs_are_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(EvaluationInputError, match="each line has a tab"):
        read(tmp_path / "read.txt", "f0\ta\nf1\tb\n")
    assert texts(read(tmp_path / "read.txt", "f0\ta\nf1\tb\n", form="tsv")) == [("f0", "a"), ("f1", "b")]
    assert texts(read(tmp_path / "read.txt", "f0\ta\nf1\n"))[0] == ("1", "f0\ta")  # not each: white space


def test_shards_are_joined(tmp_path: Path) -> None:
    (tmp_path / "0.txt").write_text("a\nb\n")
    (tmp_path / "1.txt").write_bytes(b"c\r\n")
    found = read_formulas([tmp_path / "0.txt", tmp_path / "1.txt"], "hypothesis")
    assert texts(found) == [("1", "a"), ("2", "b"), ("3", "c")]
    assert "CRLF" in found.remarks[0]
    (tmp_path / "2.tsv").write_text("f0\td\n")
    with pytest.raises(EvaluationInputError, match="should have one form"):
        read_formulas([tmp_path / "0.txt", tmp_path / "2.tsv"], "hypothesis")


def test_unknown_forms_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="form 'csv' is unknown; there are auto, lines, tsv, json, log"):
        read_formulas([tmp_path / "x"], "hypothesis", "csv")
    with pytest.raises(ValueError, match="no files"):
        read_formulas([], "hypothesis")
