"""Files of references or hypotheses, in whichever of the usual forms: plain lines, TSV, JSON lines, fairseq's log.

Each record knows how it is named, since that decides which hypothesis belongs to which reference:

* `id`: by a name (an id column of a TSV, a key of JSON lines);
* `row`: by fairseq's sample number, which is the row of the split, from 0;
* `line`: by nothing but its place in the file (plain lines).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.evaluation.forms import AUTO, FORMS
from im2latex_fairseq.evaluation.generation_log import is_sample_line, read_generation_log
from im2latex_fairseq.evaluation.text_file import TextFile, read_text_file
from im2latex_fairseq.metrics.pair import UNKNOWN_OF_REFERENCES

Role = Literal["reference", "hypothesis"]
Naming = Literal["id", "row", "line"]

# Names of columns and of JSON keys, in the order in which they are looked for, in lower case.
_ID_NAMES = ("id", "img_id", "image_id", "image", "img", "name", "file_name", "filename", "path")
_TEXT_NAMES: Mapping[Role, tuple[str, ...]] = {
    "reference": ("reference", "ref", "target", "gold", "gt", "ground_truth", "truth", "label"),
    "hypothesis": ("hypothesis", "hyp", "prediction", "predicted", "pred", "output"),
}
_ANY_TEXT_NAMES = ("formula", "latex", "text")
_CONFIDENCE_NAMES = ("confidence", "probability")


@dataclass(frozen=True)
class Record:
    """One formula of a file.

    Attributes:
        text: As it is written there, without white space around it; "" for a blank one.
        key: Its id, or its row or line as digits; see `FormulaList.naming`.
        line: Of the file, from 1.
        confidence: Probability in [0, 1], if given.
        alternatives: The rest of an n-best list, best first; only counted.
    """

    text: str
    key: str
    line: int
    confidence: float | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class FormulaList:
    """The formulas of one or several files.

    Attributes:
        paths: Of the files, for messages.
        form: A name of `FORMS`.
        naming: What `Record.key` is.
        records: In the order of the files.
        remarks: What was mended or should be known, for people.
        is_complete: False of a log that broke off before fairseq-generate's last line.
        logged_references: Of hypotheses in a log: key -> the reference that the log has beside them.
    """

    paths: tuple[Path, ...]
    form: str
    naming: Naming
    records: tuple[Record, ...]
    remarks: tuple[str, ...] = ()
    is_complete: bool = True
    logged_references: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The files, for messages."""
        return " + ".join(str(path) for path in self.paths)


def read_formulas(paths: Sequence[str | Path], role: Role, form: str = AUTO) -> FormulaList:
    """Read files that together hold one set of formulas, shards for example.

    Args:
        paths: At least one; all in the same form.
        role: What is sought: a log and many tables hold both references and hypotheses.
        form: A name of `FORMS`, or "auto": by the file's ending and content.

    Raises:
        EvaluationInputError: A file can't be read, or what is in it can't be told; says what to do.
        ValueError: The form is unknown.
    """
    if not paths:
        raise ValueError("no files given")
    if form != AUTO and form not in FORMS:
        raise ValueError(f"form {form!r} is unknown; there are {', '.join((AUTO, *FORMS))}")
    parts = []
    for path in paths:
        file = read_text_file(path)
        parts.append(_READERS[guess_form(file) if form == AUTO else form](file, role))
    return parts[0] if len(parts) == 1 else _join(parts)


def guess_form(file: TextFile) -> str:
    """The form of a file, by its ending and content.

    Raises:
        EvaluationInputError: Each line has a tab, so that the lines may be columns or formulas.
    """
    suffix = file.path.suffix.lower()
    if any(is_sample_line(line) for line in file.lines):
        return "log"
    if suffix in (".jsonl", ".ndjson", ".json"):
        return "json"
    if suffix == ".tsv":
        return "tsv"
    filled = [line for line in file.lines if line.strip()]
    if filled and all("\t" in line for line in filled):
        raise EvaluationInputError(
            f"{file.path}: each line has a tab, so these may be columns; name the file .tsv, or say what it is "
            "by --references-form or --hypotheses-form: tsv or lines"
        )
    return "lines"


def _read_lines(file: TextFile, role: Role) -> FormulaList:
    """One formula a line; a blank line is an empty formula."""
    records = tuple(Record(line.strip(), str(number), number) for number, line in enumerate(file.lines, 1))
    return FormulaList((file.path,), "lines", "line", records, file.remarks)


def _read_tsv(file: TextFile, role: Role) -> FormulaList:
    """Columns parted by tabs: with a header, or id and formula. Blank lines at the end are skipped."""
    rows = [line.split("\t") for line in file.lines]
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    if not rows:
        return FormulaList((file.path,), "tsv", "id", (), file.remarks)
    header = [cell.strip().lower() for cell in rows[0]]
    text_column = _first_of((*_TEXT_NAMES[role], *_ANY_TEXT_NAMES), header)
    id_column = _first_of(_ID_NAMES, header)
    confidence_column = _first_of(_CONFIDENCE_NAMES, header)
    first = 1
    if text_column is None:
        if len(header) != 2 or id_column is not None:
            raise EvaluationInputError(
                f"{file.path}, line 1: can't tell which of {len(header)} columns has the {role}; begin the file with a "
                f"header, for example id, {role}, confidence, or give two columns: id and formula"
            )
        id_column, text_column, first = 0, 1, 0
    columns = len(rows[0])
    records = []
    for number, row in enumerate(rows[first:], first + 1):
        place = f"{file.path}, line {number}"
        if len(row) != columns:
            raise EvaluationInputError(
                f"{place}: {len(row)} columns where line 1 has {columns}; a formula can't have a tab in it"
            )
        confidence = None
        if confidence_column is not None and row[confidence_column].strip():
            confidence = _confidence(row[confidence_column], place)
        key = str(number - first) if id_column is None else row[id_column].strip()
        records.append(Record(row[text_column].strip(), _checked_key(key, place), number, confidence))
    naming: Naming = "line" if id_column is None else "id"
    return FormulaList((file.path,), "tsv", naming, tuple(records), file.remarks)


def _read_json(file: TextFile, role: Role) -> FormulaList:
    """JSON lines: an object or a string a line; or one array of such."""
    records: list[Record] = []
    named: list[bool] = []
    for number, value in _json_values(file):
        place = f"{file.path}, line {number}"
        key: object = None
        confidence = None
        if isinstance(value, str):
            text: object = value
        elif isinstance(value, dict):
            lowered = {str(name).lower(): item for name, item in value.items()}
            names = (*_TEXT_NAMES[role], *_ANY_TEXT_NAMES)
            name = next((name for name in names if name in lowered), None)
            if name is None:
                raise EvaluationInputError(
                    f"{place}: no {role} among the keys {', '.join(sorted(lowered)) or '(none)'}; "
                    f"it should be {role!r}, or one of {', '.join(names[1:])}"
                )
            text = lowered[name]
            key = next((lowered[name] for name in _ID_NAMES if name in lowered), None)
            given = next((lowered[name] for name in _CONFIDENCE_NAMES if name in lowered), None)
            confidence = None if given is None else _confidence(given, place)
        else:
            raise EvaluationInputError(
                f"{place}: expected an object or a string, found {json.dumps(value)[:40]}"
            )
        if text is None:  # a system that says "nothing" in JSON
            text = ""
        if not isinstance(text, str):
            raise EvaluationInputError(f"{place}: the {role} should be a string, not {json.dumps(text)[:40]}")
        named.append(key is not None)
        name_text = str(len(records) + 1) if key is None else str(key)
        records.append(Record(text.strip(), _checked_key(name_text, place), number, confidence))
    if any(named) and not all(named):
        line = records[named.index(False)].line
        raise EvaluationInputError(f"{file.path}, line {line}: has no id, though other entries have one")
    naming: Naming = "id" if any(named) else "line"
    return FormulaList((file.path,), "json", naming, tuple(records), file.remarks)


def _read_log(file: TextFile, role: Role) -> FormulaList:
    """fairseq-generate's T- lines as references, or its H- lines, the first of each sample, as hypotheses."""
    log = read_generation_log(file.path)
    records = []
    logged: dict[str, str] = {}
    for sample in log.samples:
        key = str(sample.number)
        if sample.reference is not None:
            logged[key] = sample.reference.strip()
        if role == "reference":
            if sample.reference is not None:
                records.append(Record(sample.reference.strip(), key, sample.line))
        elif sample.candidates:
            best = sample.candidates[0]
            rest = tuple(candidate.text for candidate in sample.candidates[1:])
            records.append(Record(best.text.strip(), key, sample.line, best.confidence, rest))
    if not records:
        missing = "references (T- lines)" if role == "reference" else "hypotheses (H- lines)"
        raise EvaluationInputError(f"{file.path}: the log has no {missing}; was it written with --quiet?")
    remarks = list(file.remarks)
    if role == "reference":
        records.sort(key=lambda record: int(record.key))
        unknown = sum(UNKNOWN_OF_REFERENCES in record.text for record in records)
        if unknown:
            remarks.append(
                f"{file.path}: {unknown:,} references of the log have {UNKNOWN_OF_REFERENCES} in place of tokens "
                "that the dictionary lacks, which no hypothesis matches; --references with the true ones tells more"
            )
    return FormulaList(
        (file.path,),
        "log",
        "row",
        tuple(records),
        tuple(remarks),
        bool(log.score_line),
        logged if role == "hypothesis" else {},
    )


#: How a file is read, by the name of its form: one for each of `FORMS`.
_READERS: Mapping[str, Callable[[TextFile, Role], FormulaList]] = {
    "lines": _read_lines,
    "tsv": _read_tsv,
    "json": _read_json,
    "log": _read_log,
}


def _join(parts: Sequence[FormulaList]) -> FormulaList:
    """Shards as one list; of those without names the lines go on counting."""
    first = parts[0]
    for part in parts[1:]:
        if part.naming != first.naming:
            raise EvaluationInputError(
                f"{first.title} is read as {first.form} (by {first.naming}) and {part.title} as {part.form} "
                f"(by {part.naming}); files that belong together should have one form"
            )
    records = [record for part in parts for record in part.records]
    if first.naming == "line":
        records = [
            Record(r.text, str(number), r.line, r.confidence, r.alternatives)
            for number, r in enumerate(records, 1)
        ]
    return FormulaList(
        tuple(path for part in parts for path in part.paths),
        first.form,
        first.naming,
        tuple(records),
        tuple(remark for part in parts for remark in part.remarks),
        all(part.is_complete for part in parts),
        {key: text for part in parts for key, text in part.logged_references.items()},
    )


def _json_values(file: TextFile) -> list[tuple[int, object]]:
    """The values of JSON lines with their lines, or the items of one array."""
    text = "\n".join(file.lines)
    if text.lstrip().startswith("["):
        try:
            items = json.loads(text)
        except json.JSONDecodeError as error:
            raise EvaluationInputError(f"{file.path}, line {error.lineno}: {error.msg}") from error
        return [(1, item) for item in items]
    values = []
    for number, line in enumerate(file.lines, 1):
        if not line.strip():
            continue
        try:
            values.append((number, json.loads(line)))
        except json.JSONDecodeError as error:
            raise EvaluationInputError(
                f"{file.path}, line {number}: not JSON ({error.msg}); expected one object a line, or one array"
            ) from error
    return values


def _first_of(names: Sequence[str], header: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _checked_key(key: str, place: str) -> str:
    if not key:
        raise EvaluationInputError(f"{place}: the id is empty")
    return key


def _confidence(value: object, place: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not 0.0 <= number <= 1.0:
        raise EvaluationInputError(
            f"{place}: the confidence should be a probability from 0 to 1, not {value!r}"
        )
    return number
