r"""LaTeX source files -> the formulas in them.

    >>> [formula.text for formula in extract_formulas(r"If $a>0$ then \[ a^2>0. \label{q} \]").formulas]
    ['a>0', 'a^2>0. \\label{q}']

Displays (`$$`, `\[`, `equation`, `align` and their kin) and inline formulas (`$`, `\(`, `math`) are found as
TeX would find them: nothing in comments, verbatim text, definitions or before `\begin{document}` counts,
dollars inside `\mbox{...}` belong to the formula around them, and a formula ends where a paragraph does at
the latest. What begins and doesn't end well is reported with its line, not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from im2latex_fairseq.latex.source_definitions import (
    DISPLAY_ENVIRONMENTS,
    drop_definitions,
    expand_aliases,
)
from im2latex_fairseq.latex.source_text import LineMappedText, drop_unset_text

Rows = Literal["whole", "split"]

# No formula that a picture could hold is longer; what seems so lacks its end.
MAX_CHARACTERS = 20_000

_OPENING = re.compile(
    rf"\\begin\s*\{{\s*(?P<environment>{'|'.join(sorted(DISPLAY_ENVIRONMENTS, key=len, reverse=True))})"
    r"(?P<star>\*?)\s*\}|(?P<mark>\\\[|\\\(|\$\$|\$)|\\(?:[a-zA-Z@]+|.)",
    re.DOTALL,
)
_INSIDE = re.compile(
    r"\\begin\s*\{\s*(?P<begin>[a-zA-Z]+\*?)\s*\}|\\end\s*\{\s*(?P<end>[a-zA-Z]+\*?)\s*\}"
    r"|\\(?:[a-zA-Z@]+|.)|\$\$|\$|[{}]|\n[ \t]*\n",
    re.DOTALL,
)
_CLOSING = {r"\[": r"\]", r"\(": r"\)", "$$": "$$", "$": "$"}
_DOCUMENT = re.compile(r"\\begin\s*\{\s*document\s*\}")
# Plain commands that some authors write for the environment; the alias pass leaves them like this.
_PLAIN_ENVIRONMENT = re.compile(r"\\(end)?(equation|eqnarray|displaymath)(?![a-zA-Z])")
_NUMBERING = re.compile(r"\\(?:nonumber|notag)(?![a-zA-Z])|\\(?:label|tag\*?)\s*\{[^{}]*\}")
_INTERTEXT = re.compile(r"\\(?:short)?intertext(?![a-zA-Z])")
_COLUMN_COUNT = re.compile(r"\s*\{[^{}]*\}")
_LANDMARK = re.compile(
    r"\\begin\s*\{|\\end\s*\{|(?P<row>\\\\\s*(?:\*\s*)?(?:\[[^\]\\]*\])?)|\\[a-zA-Z]+|\\.|[{}&]", re.DOTALL
)


@dataclass(frozen=True)
class ExtractedFormula:
    r"""A formula as its author wrote it, on one line.

    Attributes:
        text: LaTeX without the marks around it. Displays of several rows stand in an environment of their own
            (`aligned`, `gathered`, or `array` for `eqnarray`), so that they render alone.
        line: Of the source, from 1, where it begins.
        kind: "display" or "inline".
        environment: What it stood in: `$`, `\[`, `align*`, ...
    """

    text: str
    line: int
    kind: str
    environment: str


@dataclass(frozen=True)
class ExtractionProblem:
    """A formula that begins but can't be read.

    Attributes:
        reason: Slug for counting.
        line: Of the source, from 1, where it begins.
        environment: What it begins with.
        text: Its first characters.
    """

    reason: str
    line: int
    environment: str
    text: str


@dataclass(frozen=True)
class Extraction:
    """What was found in a source; the order is that of the source."""

    formulas: list[ExtractedFormula] = field(default_factory=list)
    problems: list[ExtractionProblem] = field(default_factory=list)


def extract_formulas(source: str, *, definitions: str = "", rows: Rows = "whole") -> Extraction:
    r"""Find the formulas of a LaTeX source.

    Args:
        source: Text of a .tex file, line ends as "\n".
        definitions: Definitions (`collect_definitions`, joined) of the files that pull this one in, whose
            abbreviations of `\begin{equation}` and the like hold here; those of `source` hold anyway.
        rows: What becomes of a display of several rows: "whole" makes one formula of it, "split" one of each
            row, without alignment marks.

    Returns:
        Formulas and problems. Never raises for what a file may hold.
    """
    own = drop_definitions(drop_unset_text(source))
    aliases = drop_definitions(LineMappedText.of(definitions)).aliases if definitions else {}
    mapped = expand_aliases(own.text, {**aliases, **own.aliases})
    return _scan(_plain_environments(mapped), rows)


def collect_definitions(source: str) -> list[str]:
    """The macro definitions of a LaTeX source, without comments, in their order."""
    return drop_definitions(drop_unset_text(source)).definitions


def _plain_environments(mapped: LineMappedText) -> LineMappedText:
    r"""`\equation ... \endequation` -> `\begin{equation} ... \end{equation}`."""
    text = mapped.text
    result = LineMappedText()
    position = 0
    for match in _PLAIN_ENVIRONMENT.finditer(text):
        result.append_part(mapped, position, match.start())
        edge = "end" if match.group(1) else "begin"
        result.append(f"\\{edge}{{{match.group(2)}}}", mapped.line_at(match.start()))
        position = match.end()
    result.append_part(mapped, position, len(text))
    return result


def _scan(mapped: LineMappedText, rows: Rows) -> Extraction:
    text = mapped.text
    result = Extraction()
    document = _DOCUMENT.search(text)
    position = document.end() if document else 0
    while (opening := _OPENING.search(text, position)) is not None:
        name = opening.group("environment")
        mark = opening.group("mark")
        if name is None and mark is None:
            position = opening.end()
            continue
        environment = mark if mark else name + opening.group("star")
        line = mapped.line_at(opening.start())
        end, position, reason = _find_end(text, opening.end(), environment)
        if reason:
            excerpt = _one_line(text[opening.end() : opening.end() + 200])
            result.problems.append(ExtractionProblem(reason, line, environment, excerpt))
            continue
        kind = "inline" if environment in ("$", r"\(", "math") else "display"
        content = text[opening.end() : end]
        formulas, reason = _shape(content, name or "", rows)
        if reason:
            result.problems.append(ExtractionProblem(reason, line, environment, _one_line(content[:200])))
        result.formulas.extend(ExtractedFormula(formula, line, kind, environment) for formula in formulas)
    return result


def _find_end(text: str, start: int, environment: str) -> tuple[int, int, str]:
    """Find where the formula that begins at `start` ends.

    Returns:
        Its end, where to go on, and a reason if there is no end: then the search goes on where that became
        clear, so that the time stays linear whatever the file holds.
    """
    closing = _CLOSING.get(environment)
    depth = 0
    open_environments: list[str] = []
    limit = start + MAX_CHARACTERS
    for match in _INSIDE.finditer(text, start, min(limit, len(text))):
        found = match.group()
        outside = depth == 0 and not open_environments
        if found == "{":
            depth += 1
        elif found == "}":
            if depth == 0:
                return -1, match.end(), "unbalanced_braces"
            depth -= 1
        elif match.group("begin"):
            open_environments.append(match.group("begin"))
        elif match.group("end"):
            if outside and match.group("end") == environment:
                return match.start(), match.end(), ""
            if not open_environments or open_environments.pop() != match.group("end"):
                return -1, match.end(), "environments_crossed"
        elif outside and found == closing:
            return match.start(), match.end(), ""
        elif outside and found == "$$" and closing == "$":
            return match.start(), match.start() + 1, ""  # `$a$$b$`: one ends, one begins
        elif outside and found in ("$", "$$"):
            return -1, match.start(), "dollar_in_formula"
        elif found[0] == "\n":
            return -1, match.end(), "paragraph_in_formula"
    if limit < len(text):
        return -1, limit, "too_long_or_unclosed"
    return -1, len(text), "unclosed"


def _shape(content: str, name: str, rows: Rows) -> tuple[list[str], str]:
    """Formulas that stand alone, from what stood inside an environment; or a reason why there are none."""
    if name.endswith("alignat"):
        content = _COLUMN_COUNT.sub("", content, count=1)
    if not _one_line(_NUMBERING.sub(" ", content)):
        return [], "empty"
    if name in ("", "equation", "displaymath", "math", "dmath"):
        return [_one_line(content)], ""
    if _INTERTEXT.search(content):
        return [], "intertext"
    table = _table(_NUMBERING.sub(" ", content))
    if table is None:
        return [], "unbalanced_braces"
    if rows == "split" or len(table) == 1:
        return [row for row in (_one_line(" ".join(cells)) for cells in table) if row], ""
    if name in ("gather", "multline", "dgroup"):
        return [_environment("gathered", "", table)], ""
    if name in ("eqnarray", "subeqnarray", "IEEEeqnarray") and max(len(cells) for cells in table) <= 3:
        # `array` sets its cells in text style, `eqnarray` in display style.
        table = [[rf"{{\displaystyle {cell}}}" if cell else "" for cell in cells] for cells in table]
        columns = "rcl"[: max(len(cells) for cells in table)]
        return [_environment("array", f"{{{columns}}}", table)], ""
    return [_environment("aligned", "", table)], ""


def _environment(name: str, columns: str, table: Sequence[Sequence[str]]) -> str:
    body = r" \\ ".join(" & ".join(cells) for cells in table)
    return rf"\begin{{{name}}}{columns} {body} \end{{{name}}}"


def _table(content: str) -> list[list[str]] | None:
    r"""Cut at `\\` and `&` outside braces and environments; blank rows go. None if braces don't match."""
    table: list[list[str]] = [[]]
    depth = 0
    start = 0
    for landmark in _LANDMARK.finditer(content):
        found = landmark.group()
        if found.startswith(r"\begin") and found.endswith("{"):
            depth += 2  # the environment, and the brace of its name
        elif found == "{":
            depth += 1
        elif found == "}":
            depth -= 1
        elif depth == 0 and (found == "&" or landmark.group("row")):
            table[-1].append(_one_line(content[start : landmark.start()]))
            start = landmark.end()
            if found != "&":
                table.append([])
        if depth < 0:
            return None
    table[-1].append(_one_line(content[start:]))
    if depth != 0:
        return None
    return [cells for cells in table if any(cells)]


def _one_line(text: str) -> str:
    r"""Blanks of all kinds become single spaces; a control space at the end keeps its own."""
    line = " ".join(text.split())
    return line + " " if re.search(r"(?<!\\)(?:\\\\)*\\\Z", line) else line
