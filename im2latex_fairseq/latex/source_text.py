r"""LaTeX source files made ready for the search for formulas, each character still knowing its line.

Comments, verbatim text and `\iffalse` blocks go, as TeX would never typeset them.
"""

from __future__ import annotations

import re
from bisect import bisect_right

_VERBATIM = (
    *("verbatim", "verbatim*", "Verbatim", "lstlisting", "minted", "alltt", "comment", "filecontents"),
    *("filecontents*", "tikzpicture", "picture", "pspicture", "rawhtml", "htmlonly"),
)
_LONGEST_VERB = 2_000

_LITERAL = re.compile(
    r"%[^\n]*(?:\n[ \t]*)?"
    r"|\\verb\*?(?![a-zA-Z])"
    rf"|\\begin\s*\{{(?P<verbatim>{'|'.join(re.escape(name) for name in _VERBATIM)})\}}"
    r"|\\iffalse(?![a-zA-Z])"
    r"|(?P<stop>\\end\s*\{\s*document\s*\}|\\endinput(?![a-zA-Z]))"
    r"|\\(?:[a-zA-Z@]+|.)",
    re.DOTALL,
)
# \iff and \ifthenelse begin like conditionals and are none.
_CONDITIONAL = re.compile(r"\\(?:(?P<open>if(?!f(?![a-zA-Z])|thenelse)[a-zA-Z@]*)|(?P<close>fi)(?![a-zA-Z]))")
_INCLUDE = re.compile(
    r"\\(?:input|include|subfile|usepackage|RequirePackage|documentclass|documentstyle|LoadClass)(?![a-zA-Z])"
    r"\s*(?:\[[^\]]{0,1000}\])?\s*(?:\{([^{}]{0,1000})\}|([^\s{}\\%]{1,1000}))"
)


class LineMappedText:
    """Text put together from pieces of a source, each of which knows the line that it came from."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._starts: list[int] = []
        self._lines: list[int] = []
        self._length = 0
        self._text: str | None = None
        self._line_feeds: list[int] = []

    @classmethod
    def of(cls, source: str) -> LineMappedText:
        """All of a source, from line 1."""
        mapped = cls()
        mapped.append(source, 1)
        return mapped

    def append(self, piece: str, line: int) -> None:
        """Add text that begins on `line` of the source."""
        if piece:
            self._pieces.append(piece)
            self._starts.append(self._length)
            self._lines.append(line)
            self._length += len(piece)
            self._text = None

    def append_part(self, other: LineMappedText, start: int, end: int) -> None:
        """Add `other.text[start:end]`, each piece with the line that it has there."""
        text = other.text
        piece = max(bisect_right(other._starts, start) - 1, 0)
        while start < end:
            stop = other._starts[piece + 1] if piece + 1 < len(other._starts) else end
            stop = min(stop, end)
            self.append(text[start:stop], other.line_at(start))
            start = stop
            piece += 1

    @property
    def text(self) -> str:
        """The pieces, joined."""
        if self._text is None:
            self._text = "".join(self._pieces)
            self._line_feeds = [match.start() for match in re.finditer("\n", self._text)]
        return self._text

    def line_at(self, offset: int) -> int:
        """The source's line (from 1) of the character at `offset` of `text`."""
        self.text  # noqa: B018 - builds the index
        if not self._starts:
            return 1
        piece = max(bisect_right(self._starts, offset) - 1, 0)
        feeds = bisect_right(self._line_feeds, offset - 1) - bisect_right(
            self._line_feeds, self._starts[piece] - 1
        )
        return self._lines[piece] + feeds


def decode_source(content: bytes) -> str:
    r"""Text of a source file: UTF-8 if it is that, else ISO-8859-1; line ends become "\n".

    Every byte sequence is some text in ISO-8859-1, so that nothing fails here; in formulas both agree but for
    accented letters in text.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("iso-8859-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def included_names(source: str) -> list[str]:
    r"""File names, as written, that a source pulls in by `\input`, `\include`, `\usepackage` and the like."""
    names: list[str] = []
    for match in _INCLUDE.finditer(source):
        names += [name.strip().strip('"') for name in (match.group(1) or match.group(2)).split(",")]
    return [name for name in names if name]


def drop_unset_text(source: str) -> LineMappedText:
    r"""Drop comments, verbatim text, `\iffalse ... \fi` and what follows `\end{document}`.

    A comment takes its line's end and the next line's indentation along, as in TeX, but an empty line after
    it stays one.
    """
    result = LineMappedText()
    block_ends: dict[int, int] | None = None
    position = 0
    line = 1

    def keep(end: int) -> None:
        nonlocal line
        result.append(source[position:end], line)
        line += source.count("\n", position, end)

    while (match := _LITERAL.search(source, position)) is not None:
        found = match.group()
        if found.startswith("%"):
            keep(match.start())
            line += found.count("\n")
            position = match.end()
            if source[position : position + 1] == "\n" and "\n" in found:
                result.append("\n", line)
            elif _ends_in_control_word(source, match.start()) and source[position : position + 1].isalpha():
                result.append(" ", line)
            continue
        if match.lastgroup == "stop":
            keep(match.start())
            return result
        if found == r"\iffalse":
            block_ends = _block_ends(source) if block_ends is None else block_ends
            end = block_ends.get(match.start())
        else:
            end = _end_of_literal(source, match)
        if end is None:
            keep(match.end())
        else:
            keep(match.start())
            line += source.count("\n", match.start(), end)
        position = match.end() if end is None else end
    keep(len(source))
    return result


def _ends_in_control_word(source: str, end: int) -> bool:
    return re.search(r"\\[a-zA-Z]{1,40}\Z", source[max(0, end - 42) : end]) is not None


def _end_of_literal(source: str, match: re.Match[str]) -> int | None:
    """Where the verbatim text ends that begins at `match`; None if it is none."""
    found = match.group()
    name = match.group("verbatim")
    if name is not None:
        mark = f"\\end{{{name}}}"
        end = source.find(mark, match.end())
        return len(source) if end < 0 else end + len(mark)  # TeX would read on to the end of the file too
    if found.startswith(r"\verb") and found in (r"\verb", r"\verb*"):
        delimiter = source[match.end() : match.end() + 1]
        inside = source[match.end() + 1 : match.end() + _LONGEST_VERB].partition("\n")[0]
        if delimiter.strip() and delimiter in inside:
            return match.end() + 1 + inside.index(delimiter) + 1
    return None


def _block_ends(source: str) -> dict[int, int]:
    r"""Where each conditional that is closed ends, by where it begins: one walk for all of them."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for conditional in _CONDITIONAL.finditer(source):
        if conditional.group("open"):
            opened.append(conditional.start())
        elif opened:
            ends[opened.pop()] = conditional.end()
    return ends
