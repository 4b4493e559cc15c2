r"""LaTeX sources -> a table of the normalised formulas in them, with the line that each came from.

Files of one archive belong together, and so do loose files that pull each other in: the macros that a main
file defines hold in the chapters that it reads.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from im2latex_fairseq.data.atomic_file import write_text_atomically
from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.extraction import Rows, collect_definitions, extract_formulas
from im2latex_fairseq.latex.macros import collect_macros
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.preparation.fingerprint import fingerprint, fingerprint_files
from im2latex_fairseq.preparation.formula_table import FormulaRow, Reject, write_formula_table, write_rejects
from im2latex_fairseq.preparation.progress import Progress
from im2latex_fairseq.preparation.report import StepReport, read_finished_report, write_report
from im2latex_fairseq.preparation.source_files import (
    FORMULA_SUFFIXES,
    RefusedFile,
    SourceCollection,
    SourceLimits,
    find_sources,
    included_files,
    is_archive,
    read_archive,
    read_loose_files,
)
from im2latex_fairseq.preparation.workers import run_tasks

KINDS = ("display", "inline")
# A style file with inner workings (names with @) would redefine what the normaliser knows better.
_LARGEST_STYLE = 64 << 10


@dataclass(frozen=True)
class ExtractionSettings:
    """What is taken from the sources.

    Attributes:
        kinds: Of "display" and "inline".
        rows: "whole" makes one formula of a display with several rows, "split" one of each row.
        min_tokens: Shorter normal forms are dropped: half of all inline formulas are a single letter.
        max_tokens: Longer normal forms are dropped.
        keep_duplicates: Keep formulas whose normal form came earlier.
        limits: How much is read of archives.
    """

    kinds: tuple[str, ...] = KINDS
    rows: Rows = "whole"
    min_tokens: int = 1
    max_tokens: int = 10_000
    keep_duplicates: bool = False
    limits: SourceLimits = field(default_factory=SourceLimits)

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or not self.kinds:
            raise ValueError(f"kinds {self.kinds} asked for; there are {', '.join(KINDS)}")
        if not 1 <= self.min_tokens <= self.max_tokens:
            raise ValueError(
                f"min_tokens {self.min_tokens} and max_tokens {self.max_tokens}: 1 <= min <= max"
            )


def extract_sources(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: ExtractionSettings = ExtractionSettings(),
    *,
    id_prefix: str | None = None,
    processes: int = 1,
) -> StepReport:
    """Extract and normalise the formulas of a folder of sources, of an archive, or of one file.

    Writes the table `output` (its `source` column says archive, file and line), `OUTPUT.raw.tsv` (the same
    ids with kind, environment and the formula as its author wrote it), `OUTPUT.rejects.tsv` (every formula
    dropped, and why), `OUTPUT.files.tsv` (every file that was not read, and why), `OUTPUT.report.json` and
    `OUTPUT.report.txt`. If a run with the same input and settings has finished, nothing is done again.

    Args:
        source: Folder, archive or .tex file.
        output: The table to write.
        settings: What to take.
        id_prefix: Start of the ids; the source's name up to its first dot if None.
        processes: Worker processes.

    Returns:
        The report; it counts formulas: kept plus dropped by reason equals those found.

    Raises:
        FileNotFoundError: There is nothing to read.
    """
    source, output = Path(source), Path(output)
    prefix = id_prefix if id_prefix is not None else source.resolve().name.split(".")[0].replace(" ", "_")
    paths = find_sources(source)
    names = [path.relative_to(source).as_posix() if path != source else path.name for path in paths]
    identity = fingerprint("extract", names, fingerprint_files(paths), settings, prefix)
    finished = read_finished_report(output, identity)
    if finished is not None and output.is_file():
        return finished

    archives = [path for path in paths if is_archive(path)]
    loose = read_loose_files([path for path in paths if not is_archive(path)], source, settings.limits)
    tasks = [_Task(number, str(path), settings) for number, path in enumerate(archives)]
    tasks += [
        _Task(len(archives) + number, "", settings, files)
        for number, files in enumerate(_connected_files(loose.files))
    ]
    results: list[_TaskResult | None] = [None] * len(tasks)
    with Progress(f"extract {source.name}", len(tasks), unit="documents") as progress:
        for task, result in run_tasks(_run_task, tasks, processes):
            results[task.number] = result
            progress.advance()
    return _write(output, source.name, prefix, identity, settings, loose.refused, [r for r in results if r])


@dataclass(frozen=True)
class _Task:
    number: int
    archive: str
    settings: ExtractionSettings
    files: dict[str, str] | None = None


@dataclass(frozen=True)
class FoundFormula:
    """A formula that was found: its tokens, or why there are none."""

    source: str
    kind: str
    environment: str
    text: str
    tokens: str = ""
    reason: str = ""
    detail: str = ""
    position: int = -1


@dataclass(frozen=True)
class _TaskResult:
    found: list[FoundFormula]
    refused: list[RefusedFile]
    files: int


def _run_task(task: _Task) -> _TaskResult:
    if task.files is not None:
        collection, prefix = SourceCollection(dict(task.files)), ""
    else:
        path = Path(task.archive)
        collection, prefix = read_archive(path, task.settings.limits), f"{path.name}/"
    found = extract_collection(collection.files, task.settings, prefix)
    refused = [
        item if item.name + "/" == prefix else RefusedFile(prefix + item.name, item.reason, item.detail)
        for item in collection.refused
    ]
    return _TaskResult(found, refused, len(collection.files))


def extract_collection(
    files: dict[str, str], settings: ExtractionSettings, prefix: str = ""
) -> list[FoundFormula]:
    """The formulas of files that belong together, each with the macros of the main file that pulls it in.

    Args:
        files: Name -> text.
        settings: What to take.
        prefix: Put before the names in `source`.
    """
    includes = {name: included_files(name, files) for name in files}
    included = {name for names in includes.values() for name in names}
    mains = [name for name in files if name not in included and _may_hold_formulas(name)]
    # Files that pull each other in in a circle have no main one; each stands for itself then.
    order = mains + [name for name in files if name in included and _may_hold_formulas(name)]
    done: set[str] = set()
    found: list[FoundFormula] = []
    for main in order:
        if main in done:
            continue
        closure = _closure(main, includes)
        definitions = "\n".join(line for name in closure for line in _definitions(name, files[name]))
        macros = collect_macros(definitions) if definitions else None
        for name in closure:
            if name in done or not _may_hold_formulas(name):
                continue
            done.add(name)
            extraction = extract_formulas(files[name], definitions=definitions, rows=settings.rows)
            for problem in extraction.problems:
                where = f"{prefix}{name}:{problem.line}"
                found.append(
                    FoundFormula(where, "", problem.environment, problem.text, reason=problem.reason)
                )
            for formula in extraction.formulas:
                entry = FoundFormula(
                    f"{prefix}{name}:{formula.line}", formula.kind, formula.environment, formula.text
                )
                if formula.kind not in settings.kinds:
                    found.append(_dropped(entry, f"{formula.kind}_not_asked_for"))
                    continue
                try:
                    tokens = normalize(formula.text, macros=macros)
                except LatexError as error:
                    found.append(_dropped(entry, error.reason, str(error), error.position))
                    continue
                found.append(_judge(entry, tokens, settings))
    return found


def _judge(entry: FoundFormula, tokens: Sequence[str], settings: ExtractionSettings) -> FoundFormula:
    if not tokens:
        return _dropped(entry, "empty", "nothing is left in the normal form")
    if len(tokens) < settings.min_tokens:
        return _dropped(entry, "too_short", f"{len(tokens)} tokens, fewer than {settings.min_tokens}")
    if len(tokens) > settings.max_tokens:
        return _dropped(entry, "too_long", f"{len(tokens)} tokens, more than {settings.max_tokens}")
    return FoundFormula(entry.source, entry.kind, entry.environment, entry.text, " ".join(tokens))


def _dropped(entry: FoundFormula, reason: str, detail: str = "", position: int = -1) -> FoundFormula:
    return FoundFormula(entry.source, entry.kind, entry.environment, entry.text, "", reason, detail, position)


def _may_hold_formulas(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in FORMULA_SUFFIXES


def _definitions(name: str, text: str) -> list[str]:
    definitions = collect_definitions(text)
    if _may_hold_formulas(name):
        return definitions
    if len(text) > _LARGEST_STYLE:
        return []
    return [definition for definition in definitions if "@" not in definition]


def _closure(main: str, includes: dict[str, list[str]]) -> list[str]:
    """`main` and all that it pulls in, directly or not; what is pulled in comes first, as its macros do."""
    order: list[str] = []
    entered: set[str] = set()
    stack = [(main, False)]
    while stack:
        name, leaving = stack.pop()
        if leaving:
            order.append(name)
        elif name not in entered:
            entered.add(name)
            stack.append((name, True))
            stack += [(other, False) for other in reversed(includes[name])]
    return order


def _connected_files(files: dict[str, str]) -> list[dict[str, str]]:
    """Loose files in sets that pull one another in; style files that nobody pulls in are left out."""
    parent = {name: name for name in files}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for name in files:
        for other in included_files(name, files):
            parent[root(other)] = root(name)
    sets: dict[str, dict[str, str]] = {}
    for name, text in files.items():
        sets.setdefault(root(name), {})[name] = text
    return [members for members in sets.values() if any(_may_hold_formulas(name) for name in members)]


def _write(
    output: Path,
    source_name: str,
    prefix: str,
    identity: str,
    settings: ExtractionSettings,
    refused: list[RefusedFile],
    results: Sequence[_TaskResult],
) -> StepReport:
    rows: list[FormulaRow] = []
    raw_lines = ["id\tsource\tkind\tenvironment\ttext"]
    rejects: list[Reject] = []
    first_of: dict[str, str] = {}
    number = 0
    for result in results:
        for entry in result.found:
            number += 1
            id = f"{prefix}-{number}"
            where = _plain(entry.source)
            reason, detail = entry.reason, entry.detail
            if not reason and not settings.keep_duplicates and entry.tokens in first_of:
                reason, detail = "duplicate", f"same normal form as {first_of[entry.tokens]}"
            if reason:
                rejects.append(Reject(id, reason, detail, entry.text, where, entry.position))
                continue
            first_of[entry.tokens] = id
            rows.append(FormulaRow(id, where, entry.tokens))
            raw_lines.append(f"{id}\t{where}\t{entry.kind}\t{entry.environment}\t{_plain(entry.text)}")
    refused = refused + [item for result in results for item in result.refused]
    report = StepReport(
        step=f"extract {source_name}",
        read=number,
        kept=len(rows),
        dropped=dict(Counter(reject.reason for reject in rejects)),
        details={
            "documents": len(results),
            "files_read": sum(result.files for result in results),
            "files_refused": dict(sorted(Counter(item.reason for item in refused).items())),
        },
        fingerprint=identity,
    )
    write_formula_table(output, rows)
    write_text_atomically(f"{output}.raw.tsv", "\n".join(raw_lines) + "\n")
    write_rejects(f"{output}.rejects.tsv", rejects)
    files = [f"{_plain(item.name)}\t{item.reason}\t{_plain(item.detail)}" for item in refused]
    write_text_atomically(f"{output}.files.tsv", "\n".join(["file\treason\tdetail", *files]) + "\n")
    write_text_atomically(f"{output}.report.txt", report.format_table() + "\n")
    write_report(output, report)
    return report


def _plain(text: str) -> str:
    """Text that can stand in a cell of a table."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
