r"""Authors' own macros: definitions found in a source, and their bounded expansion.

Definitions by ``\newcommand``, ``\renewcommand``, ``\providecommand``, ``\DeclareRobustCommand``, ``\def``,
``\let``, ``\DeclareMathOperator`` and their starred forms are read. A ``\def`` with delimited parameters
(``\def\pair(#1,#2){...}``) is not, and is counted in `MacroTable.skipped`. Reading ends after
`MAX_UNREADABLE` such definitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from im2latex_fairseq.latex.commands import SIGNATURES
from im2latex_fairseq.latex.errors import LatexError

MAX_EXPANSIONS = 2_000
MAX_EXPANDED_CHARACTERS = 100_000
MAX_UNREADABLE = 200  # definitions in one source; a broken one can make all that follow look unclosed

_DEFINITION = re.compile(
    r"\\(newcommand|renewcommand|providecommand|DeclareRobustCommand|DeclareMathOperator|def|let)(?![a-zA-Z])(\*?)"
)
_NAME = re.compile(r"\\(?:[a-zA-Z]+|[^a-zA-Z\s])")
_CONTROL_WORD = re.compile(r"\\(?:[a-zA-Z]+|.)", re.DOTALL)
_BLANK = re.compile(r"\s*")
_COUNT = re.compile(r"\s*\[\s*([0-9])\s*\]")
_PARAMETERS = re.compile(r"\s*((?:#[1-9]\s*)*)(?=\{)")
_PARAMETER = re.compile(r"#([1-9])")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*\n?[ \t]*")


class Macro(NamedTuple):
    r"""A macro.

    Attributes:
        parameters: How many arguments it takes.
        default: What an absent first argument is; None where the first isn't optional.
        body: What it stands for, with ``#1`` for the first argument.
        frozen: Whether the body is meant as it was when it was defined (``\let``), so isn't expanded again.
    """

    parameters: int
    default: str | None
    body: str
    frozen: bool = False


@dataclass
class MacroTable:
    r"""Macros by name (``\R``), and how many definitions could not be read."""

    macros: dict[str, Macro] = field(default_factory=dict)
    skipped: int = 0


class _Definition(NamedTuple):
    start: int
    end: int
    name: str
    macro: Macro | None  # None: could not be read
    provides: bool = False  # \providecommand: an earlier definition stays


def collect_macros(source: str) -> MacroTable:
    """Read all macro definitions of a LaTeX source.

    Args:
        source: Any LaTeX text, a whole file for example. Later definitions win, as in TeX.

    Returns:
        The table; definitions that can't be read are counted in `skipped`.
    """
    table = MacroTable()
    for definition in _find_definitions(_COMMENT.sub(r"\1", source)):
        if definition.macro is None:
            table.skipped += 1
        else:
            _define(table.macros, definition, definition.macro)
    return table


def _define(macros: dict[str, Macro], definition: _Definition, macro: Macro) -> None:
    if definition.provides and definition.name in macros:
        return
    if macro.frozen:  # \let takes over what the other name means now
        macro = macros.get(macro.body, macro)
    macros[definition.name] = macro


def has_definitions(formula: str) -> bool:
    r"""Whether a formula defines macros itself (``\newcommand`` and relatives)."""
    return _DEFINITION.search(formula) is not None


def expand_macros(formula: str, table: MacroTable | None = None) -> str:
    r"""Take a formula's own definitions out of it, then expand these and the table's macros.

    Expansion is bounded by number and by size, so a macro that calls itself is refused, not followed.

    Args:
        formula: LaTeX.
        table: Macros known from elsewhere (`collect_macros`).

    Returns:
        The formula without definitions and without any macro that is known.

    Raises:
        LatexError: ``bad_definition``, ``missing_argument``, ``macro_expansion`` (the bounds).
    """
    macros: Mapping[str, Macro] = table.macros if table is not None else {}
    if has_definitions(formula):
        own = dict(macros)
        formula = _COMMENT.sub(r"\1", formula)
        kept = []
        position = 0
        for definition in _find_definitions(formula):
            if definition.macro is None:
                raise LatexError(
                    "bad_definition",
                    f"a definition of {definition.name or 'a macro'} that can't be read",
                    position=definition.start,
                    formula=formula,
                    hint="write \\newcommand{\\name}[count]{body}",
                )
            _define(own, definition, definition.macro)
            kept.append(formula[position : definition.start])
            position = definition.end
        formula = " ".join([*kept, formula[position:]])
        macros = own
    return _expand(formula, macros) if macros else formula


def _expand(text: str, macros: Mapping[str, Macro]) -> str:
    position = 0
    expansions = 0
    before = ""  # the control word in front, if nothing but blanks lies between
    while True:
        match = _CONTROL_WORD.search(text, position)
        if match is None:
            return text
        if text[position : match.start()].strip():
            before = ""
        macro = macros.get(match.group())
        if macro is None:
            before = match.group()
            position = match.end()
            continue
        expansions += 1
        arguments, end = _read_arguments(text, match.end(), macro, match.group())
        numbers = [int(number) - 1 for number in _PARAMETER.findall(macro.body)]
        grown = len(text) + len(macro.body) + sum(len(arguments[number]) for number in numbers)
        if expansions > MAX_EXPANSIONS or grown > MAX_EXPANDED_CHARACTERS:
            raise LatexError(
                "macro_expansion",
                f"{match.group()} takes more than {MAX_EXPANSIONS} expansions"
                f" or {MAX_EXPANDED_CHARACTERS} characters",
                position=match.start(),
                formula=text,
                hint="the macro calls itself or is far too large; give the formula expanded",
            )
        body = _substitute(macro.body, arguments)
        if SIGNATURES.get(before, "").startswith("m") and len(body) > 1:
            body = "{" + body + "}"  # an argument is taken before it is expanded
        if re.search(r"\\[a-zA-Z]+\Z", body):
            body += " "
        text = text[: match.start()] + body + text[end:]
        position = match.start() + (len(body) if macro.frozen else 0)


def _substitute(body: str, arguments: list[str]) -> str:
    return _PARAMETER.sub(lambda found: arguments[int(found.group(1)) - 1], body)


def _read_arguments(text: str, position: int, macro: Macro, name: str) -> tuple[list[str], int]:
    arguments: list[str] = []
    if macro.parameters == 0 and name[-1].isalpha():
        return [], _skip_blanks(text, position)
    if macro.default is not None:
        start = _skip_blanks(text, position)
        close = _closing_bracket(text, start) if text[start : start + 1] == "[" else -1
        if close >= 0:
            arguments.append(text[start + 1 : close])
            position = close + 1
        else:
            arguments.append(macro.default)
    while len(arguments) < macro.parameters:
        start = _skip_blanks(text, position)
        if start >= len(text) or text[start] == "}":
            raise LatexError(
                "missing_argument", f"{name} takes {macro.parameters} arguments", position=start, formula=text
            )
        if text[start] == "{":
            position = _closing_brace(text, start) + 1
            if position == 0:
                raise LatexError(
                    "unbalanced_braces", f"argument of {name} is never closed", position=start, formula=text
                )
            arguments.append(text[start + 1 : position - 1])
        else:
            word = _CONTROL_WORD.match(text, start)
            position = word.end() if word is not None else start + 1
            arguments.append(text[start:position] + (" " if word is not None else ""))
    return arguments, position


def _find_definitions(source: str) -> Iterator[_Definition]:
    position = 0
    unreadable = 0
    while unreadable < MAX_UNREADABLE:
        match = _DEFINITION.search(source, position)
        if match is None:
            return
        backslashes = len(source[: match.start()]) - len(source[: match.start()].rstrip("\\"))
        if backslashes % 2:  # the second half of a line end: \\newcommand
            position = match.end()
            continue
        definition = _read_definition(source, match)
        yield definition
        unreadable += definition.macro is None
        position = max(definition.end, match.end())


def _read_definition(source: str, match: re.Match[str]) -> _Definition:
    kind = match.group(1)
    unreadable = _Definition(match.start(), match.end(), "", None)
    position = _skip_blanks(source, match.end())
    braced = source[position : position + 1] == "{"
    name = _NAME.match(source, _skip_blanks(source, position + 1) if braced else position)
    if name is None:
        return unreadable
    position = name.end()
    if braced:
        position = _skip_blanks(source, position)
        if source[position : position + 1] != "}":
            return unreadable
        position += 1
    parameters, default = 0, None
    if kind == "let":
        position = _skip_blanks(source, position)
        if source[position : position + 1] == "=":
            position = _skip_blanks(source, position + 1)
        target = _CONTROL_WORD.match(source, position)
        end = target.end() if target is not None else position + 1
        body = source[position:end]
        macro = Macro(0, None, body, frozen=True) if body else None
        return _Definition(match.start(), end, name.group(), macro)
    if kind == "def":
        pattern = _PARAMETERS.match(source, position)
        if pattern is None:
            return _Definition(match.start(), position, name.group(), None)
        parameters = pattern.group(1).count("#")
        position = pattern.end()
    elif kind != "DeclareMathOperator":
        count = _COUNT.match(source, position)
        if count is not None:
            parameters = int(count.group(1))
            position = count.end()
            start = _skip_blanks(source, position)
            if source[start : start + 1] == "[":
                close = _closing_bracket(source, start)
                if close < 0:
                    return unreadable
                default = source[start + 1 : close]
                position = close + 1
    start = _skip_blanks(source, position)
    if source[start : start + 1] == "{":
        close = _closing_brace(source, start)
        if close < 0:
            return unreadable
        body, end = source[start + 1 : close], close + 1
    else:
        word = _CONTROL_WORD.match(source, start)
        if word is None:
            return unreadable
        body, end = word.group(), word.end()
    if kind == "DeclareMathOperator":
        body = f"\\operatorname{match.group(2)}{{{body}}}"
    if any(int(number) > parameters for number in _PARAMETER.findall(body)):
        return _Definition(match.start(), end, name.group(), None)
    macro = Macro(parameters, default if parameters else None, body)
    return _Definition(match.start(), end, name.group(), macro, kind == "providecommand")


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match is not None else position


_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKET = re.compile(r"\\.|[{}\]]", re.DOTALL)


def _closing_brace(text: str, opening: int) -> int:
    """Offset of the brace that closes the one at `opening`, or -1."""
    depth = 0
    for match in _BRACE.finditer(text, opening):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return match.start()
    return -1


def _closing_bracket(text: str, opening: int) -> int:
    """Offset of the bracket that closes the one at `opening`, outside braces, or -1."""
    depth = 0
    for match in _BRACKET.finditer(text, opening):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if match.group() == "]" and depth == 0:
            return match.start()
    return -1
