r"""Macro definitions of a source: taken out of the text, and those that abbreviate displays put to use.

Half of the displays of physics stand between macros such as `\be` and `\ee` or `\beq{label}`, by which authors
abbreviate `\begin{equation}` and its kin; they are replaced by what they stand for. All other macros are left
to `collect_macros` and the normaliser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from im2latex_fairseq.latex.source_text import LineMappedText

DISPLAY_ENVIRONMENTS = frozenset(
    ("equation", "displaymath", "align", "gather", "multline", "eqnarray", "flalign", "alignat", "xalignat")
    + ("xxalignat", "dmath", "dgroup", "subeqnarray", "IEEEeqnarray", "math")
)
# A group that isn't closed within so many characters is none: hostile files must not cost quadratic time.
_LONGEST_GROUP = 20_000
# A text with more unclosed definitions than that is no LaTeX; its definitions are left alone from there on.
_MOST_BROKEN = 50
_ALIAS_ROUNDS = 3
# By so much more than its length may a text grow when aliases are replaced; nested ones could go on for ever.
_LARGEST_GROWTH = 1_000_000
_DEFINITION = re.compile(
    r"\\(?:(?P<new>(?:re)?newcommand|providecommand|DeclareRobustCommand)\*?"
    r"|(?P<def>[egx]?def)(?=\s*\\)"
    r"|(?P<let>let)(?=\s*\\)"
    r"|(?P<environment>(?:re)?newenvironment)\*?"
    r"|(?P<operator>DeclareMathOperator)\*?"
    r"|(?P<theorem>newtheorem)\*?)(?![a-zA-Z@])"
)
_NAME = re.compile(r"\s*(?:\{\s*\\([a-zA-Z@]+|.)\s*\}|\\([a-zA-Z@]+|.))", re.DOTALL)
_LET_TARGET = re.compile(r"\s*=?\s?(?:\\([a-zA-Z@]+|.)|[^\\\s])", re.DOTALL)
_OPTION = re.compile(r"\s*\[([^\[\]]{0,1000})\]")
_PARAMETERS = re.compile(r"((?:\s*#\d)*)\s*(?=\{)")
_BLANKS = re.compile(r"\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_ENVIRONMENT_NAMES = "|".join(sorted(DISPLAY_ENVIRONMENTS, key=len, reverse=True))
_DISPLAY_MARK = re.compile(
    rf"\\(?:begin|end)\s*\{{\s*(?:{_ENVIRONMENT_NAMES})\*?\s*\}}|\$\$|\\[\[\]]"
    rf"|\\(?:end)?(?:equation|eqnarray|displaymath)(?![a-zA-Z])"
)


@dataclass(frozen=True)
class DisplayAlias:
    r"""A macro that stands for the beginning or the end of a display: `\def\be{\begin{equation}}`.

    Attributes:
        parameters: How many arguments it takes.
        default: Of its first argument if that is optional, else None.
        body: With #1, #2, ...
    """

    parameters: int
    default: str | None
    body: str


@dataclass(frozen=True)
class SourceDefinitions:
    """What `drop_definitions` found.

    Attributes:
        text: The source without its definitions.
        definitions: The definitions as they stood, for `collect_macros`.
        aliases: Those that abbreviate the beginning or the end of a display, by name; an environment `x` has
            the names "begin x" and "end x".
    """

    text: LineMappedText
    definitions: list[str]
    aliases: dict[str, DisplayAlias]


def drop_definitions(mapped: LineMappedText) -> SourceDefinitions:
    """Take macro definitions out of a text."""
    text = mapped.text
    result = LineMappedText()
    definitions: list[str] = []
    aliases: dict[str, DisplayAlias] = {}
    position = 0
    broken = 0
    while broken < _MOST_BROKEN and (match := _DEFINITION.search(text, position)) is not None:
        result.append_part(mapped, position, match.start())
        position, whole = _read_definition(text, match, aliases)
        definitions.append(text[match.start() : position])
        broken += not whole
    result.append_part(mapped, position, len(text))
    return SourceDefinitions(result, definitions, aliases)


def expand_aliases(mapped: LineMappedText, aliases: Mapping[str, DisplayAlias]) -> LineMappedText:
    """Replace display aliases by what they stand for; aliases of aliases too, up to a few levels."""
    # `(?!)` matches nothing, where there is no name of a kind.
    macros = "|".join(name for name in aliases if " " not in name) or "(?!)"
    environments = "|".join(re.escape(name[6:]) for name in aliases if name.startswith("begin ")) or "(?!)"
    use = re.compile(
        rf"\\(?P<command>{macros})(?![a-zA-Z@])"
        rf"|\\(?P<edge>begin|end)\s*\{{\s*(?P<name>{environments})\s*\}}"
    )
    growth_left = _LARGEST_GROWTH
    broken = 0
    for _ in range(_ALIAS_ROUNDS if aliases else 0):
        text = mapped.text
        result = LineMappedText()
        position = 0
        match = use.search(text)
        if match is None:
            break
        while match is not None and growth_left > 0 and broken < _MOST_BROKEN:
            result.append_part(mapped, position, match.start())
            name = match.group("command") or f"{match.group('edge')} {match.group('name')}"
            expansion, position, whole = _apply(aliases[name], text, match.end())
            result.append(expansion, mapped.line_at(match.start()))
            growth_left -= len(expansion)
            broken += not whole
            match = use.search(text, position)
        result.append_part(mapped, position, len(text))
        mapped = result
    return mapped


def _apply(alias: DisplayAlias, text: str, position: int) -> tuple[str, int, bool]:
    """The expansion of an alias whose name ends at `position`, where its arguments end, whether they do."""
    arguments: list[str] = []
    whole = True
    if alias.default is not None:
        option = _OPTION.match(text, position)
        arguments.append(option.group(1) if option else alias.default)
        position = option.end() if option else position
    while len(arguments) < alias.parameters:
        start = _skip_blanks(text, position)
        argument, end = _read_group(text, position)
        if argument is None:
            whole = whole and text[start : start + 1] != "{"
            argument, end = text[start : start + 1], min(start + 1, len(text))
        arguments.append(argument)
        position = end

    def argument_of(match: re.Match[str]) -> str:
        number = int(match.group(1))
        return arguments[number - 1] if 0 < number <= len(arguments) else ""

    return re.sub(r"#(\d)", argument_of, alias.body).replace("\n", " ") + " ", position, whole


def _read_definition(text: str, match: re.Match[str], aliases: dict[str, DisplayAlias]) -> tuple[int, bool]:
    """Note what a definition says of displays.

    Returns:
        Where it ends, and whether it does; a broken one ends behind what of it could be read.
    """
    kind = match.lastgroup
    position = match.end()
    if kind == "environment":
        name, position = _read_group(text, position)
        position, count, default = _read_options(text, position)
        begin, position = _read_group(text, position)
        end, position = _read_group(text, position)
        if name is None or begin is None or end is None:
            return match.end(), False
        if _DISPLAY_MARK.search(begin) and name.strip() not in DISPLAY_ENVIRONMENTS:
            aliases[f"begin {name.strip()}"] = DisplayAlias(count, default, begin)
            aliases[f"end {name.strip()}"] = DisplayAlias(0, None, end)
        return position, True
    if kind == "theorem":
        name, position = _read_group(text, position)
        position = _read_options(text, position)[0]
        title, position = _read_group(text, position)
        return _read_options(text, position)[0], name is not None and title is not None
    named = _NAME.match(text, position)
    if named is None:
        return match.end(), False
    name = named.group(1) or named.group(2)
    position = named.end()
    if kind == "let":
        return _read_let(text, name, position, aliases), True
    count, default = 0, None
    if kind == "new":
        position, count, default = _read_options(text, position)
    elif kind == "def":
        parameters = _PARAMETERS.match(text, position)
        if parameters is None:
            return position, True  # delimited parameters: the body stays in the text, which does little harm
        count = parameters.group(1).count("#")
        position = parameters.end()
    body, position = _read_group(text, position)
    if body is not None and kind != "operator" and name.isalpha():
        used = re.findall(r"\\([a-zA-Z@]+)", body)
        if _DISPLAY_MARK.search(body) or any(other in aliases for other in used):
            aliases[name] = DisplayAlias(count, default, body)
        else:
            aliases.pop(name, None)
    return position, body is not None


def _read_let(text: str, name: str, position: int, aliases: dict[str, DisplayAlias]) -> int:
    r"""`\let\name=\target`, from behind the name: notes it, returns where it ends."""
    target = _LET_TARGET.match(text, position)
    if target is None:
        return position
    original = target.group(1)
    if original and name.isalpha():
        if original in aliases:
            aliases[name] = aliases[original]
        elif _DISPLAY_MARK.fullmatch("\\" + original):
            aliases[name] = DisplayAlias(0, None, "\\" + original)
    return target.end()


def _read_options(text: str, position: int) -> tuple[int, int, str | None]:
    """`[2][default]`: where they end, the count, the default."""
    first = _OPTION.match(text, position)
    if first is None:
        return position, 0, None
    count = int(first.group(1)) if first.group(1).strip().isdecimal() else 0
    second = _OPTION.match(text, first.end())
    if second is None:
        return first.end(), min(count, 9), None
    return second.end(), min(count, 9), second.group(1)


def _read_group(text: str, position: int) -> tuple[str | None, int]:
    """What the braces hold that open at `position`, blanks aside, and where they end; or None, `position`."""
    start = _skip_blanks(text, position)
    if text[start : start + 1] != "{":
        return None, position
    depth = 0
    for brace in _BRACE.finditer(text, start, start + _LONGEST_GROUP):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return text[start + 1 : brace.start()], brace.end()
    return None, position


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    assert match is not None  # it matches nothing, too
    return match.end()
