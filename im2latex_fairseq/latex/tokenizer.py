"""Formula text to tokens and back.

A token is what the benchmark's lines hold between two spaces: a command (``\\frac``), a character, a fence
with its delimiter (``\\left(``), an environment's begin or end with its name (``\\begin{array}``), a starred
command (``\\operatorname*``). The control space is the token ``\\``. No token holds white space, so
``" ".join(tokens)`` and ``.split()`` are each other's inverse.

White space means nothing in math and is skipped. Inside the argument of a text command (``\\mbox{for all}``)
it is read as the token ``~``, unless the argument is written in token style (``\\mbox { f o r ~ a l l }``: a
blank before the brace and around every token), since such lines must read back as the tokens that they list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from im2latex_fairseq.latex.errors import LatexError


class Token(NamedTuple):
    """A token and where it stood: ``formula[start:end]``."""

    text: str
    start: int
    end: int


# Text commands, with the number of brace arguments that come before the text.
TEXT_ARGUMENTS = {
    "\\mbox": 0,
    "\\hbox": 0,
    "\\text": 0,
    "\\textrm": 0,
    "\\textbf": 0,
    "\\textit": 0,
    "\\textsf": 0,
    "\\texttt": 0,
    "\\textsc": 0,
    "\\textsl": 0,
    "\\textup": 0,
    "\\textmd": 0,
    "\\textnormal": 0,
    "\\emph": 0,
    "\\fbox": 0,
    "\\makebox": 0,
    "\\framebox": 0,
    "\\intertext": 0,
    "\\shortintertext": 0,
    "\\tag": 0,
    "\\tag*": 0,
    "\\raisebox": 1,
    "\\parbox": 1,
}

# What TeX accepts after \left, \right and \middle.
DELIMITER_COMMANDS = frozenset(
    """\\{ \\} \\| \\lbrace \\rbrace \\lbrack \\rbrack \\langle \\rangle \\vert \\Vert \\lvert \\rvert \\lVert
    \\rVert \\lfloor \\rfloor \\lceil \\rceil \\uparrow \\downarrow \\updownarrow \\Uparrow \\Downarrow
    \\Updownarrow \\backslash \\lgroup \\rgroup \\lmoustache \\rmoustache \\arrowvert \\Arrowvert \\bracevert
    \\ulcorner \\urcorner \\llcorner \\lrcorner \\llbracket \\rrbracket""".split()
)
DELIMITER_CHARACTERS = frozenset("()[]|/.<>")
STARRED_COMMANDS = ("operatorname", "hspace", "vspace", "tag", "DeclareMathOperator", "newcommand")


def _alternatives(names: Iterable[str]) -> str:
    """A pattern for any of the command names, without their backslash; longer ones first."""
    return "|".join(sorted((re.escape(name.lstrip("\\")) for name in names), key=len, reverse=True))


_DELIMITER_WORDS = _alternatives(command for command in DELIMITER_COMMANDS if command[-1].isalpha())
_TOKEN = re.compile(
    rf"""
      \\(?:begin|end)(?![a-zA-Z])\s*\{{\s*[a-zA-Z]+\*?\s*\}}     # \begin {{ array }} is one token
    | \\(?:left|right|middle)(?![a-zA-Z])\s*                     # \left ( is one token
        (?:[()\[\]|/.<>]|\\[{{}}|]|\\(?:{_DELIMITER_WORDS})(?![a-zA-Z]))
    | \\(?:{"|".join(STARRED_COMMANDS)})\s*\*                     # LaTeX skips the blank
    | \\[a-zA-Z]+
    | \\[^\s]
    | \\                                                         # control space: its blank is skipped
    | [^\s]
    """,
    re.VERBOSE,
)
_TEXT_COMMAND = re.compile(
    rf"\\(?:{_alternatives(command for command in TEXT_ARGUMENTS if command[-1] != '*')})(?![a-zA-Z])"
)
# From the end of a text command to the brace that opens its text.
_OPTIONS = r"\s*(?:\[[^\[\]{}]*\]\s*){0,3}"
_TEXT_BRACE = (
    re.compile(_OPTIONS + r"(?:(?:to|spread)\s*-?[\d.]+\s*[a-z]{2}\s*)?(?=\{)"),
    re.compile(_OPTIONS + r"\{[^{}]*\}" + _OPTIONS + r"(?=\{)"),
)
# C0, DEL and C1 controls other than white space (tab, new lines, form feed, NEL), and lone surrogates.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\x80-\x84\x86-\x9f\ud800-\udfff]")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*")
_NO_BREAK_SPACE = re.compile("[\u00a0\u202f\u2007]")
# After an odd number of backslashes, pasted for a control space.
_CONTROL_NO_BREAK_SPACE = re.compile(rf"(?<!\\)((?:\\\\)*\\){_NO_BREAK_SPACE.pattern}")
_FUSIBLE = re.compile(r"\\(?:begin|end|left|right|middle)|\*")  # what a token with blanks inside has
_PIECE = re.compile(r"\S+")


def tokenize(formula: str) -> list[str]:
    r"""Split a formula into tokens.

    Comments (``%`` to the end of the line) are skipped.

    Args:
        formula: LaTeX as authors write it, or a line of space-separated tokens.

    Returns:
        The tokens; an empty list for a blank formula.

    Raises:
        LatexError: control characters, lone surrogates, ``\begin`` or ``\end`` without a name.
    """
    text = _readable_text(formula)
    if _TEXT_COMMAND.search(text):
        return [token.text for token in _Scanner(formula, text).scan()]
    tokens = _TOKEN.findall(text)
    if _FUSIBLE.search(text):
        tokens = ["".join(token.split()) if len(token) > 5 else token for token in tokens]
        if "\\begin" in tokens or "\\end" in tokens:
            _Scanner(formula, text).scan()  # raises, with the position
    return tokens


def tokenize_with_positions(formula: str) -> list[Token]:
    """Split a formula into tokens that know where they stood.

    Args:
        formula: LaTeX as authors write it, or a line of space-separated tokens.

    Returns:
        Tokens with increasing, non-overlapping offsets. A blank that counts (in a text argument) is the token
        ``~`` at the blank's offsets; a fused token (``\\left (``) spans all that it was read from.

    Raises:
        LatexError: as `tokenize`.
    """
    return _Scanner(formula, _readable_text(formula)).scan()


def detokenize(tokens: Sequence[str]) -> str:
    """Write tokens as LaTeX with the fewest blanks.

    A blank is written only where TeX skips it: after a command that letters follow, and after the control
    space. So the text of ``\\mbox { f o r ~ a l l }`` comes back as ``\\mbox{for~all}``, and
    ``tokenize(detokenize(tokens)) == tokens`` for all tokens that `tokenize` can produce.

    Args:
        tokens: As `tokenize` gives them.

    Returns:
        LaTeX on one line.
    """
    pieces: list[str] = []
    previous = ""
    for token in tokens:
        if previous == "\\" or (_is_control_word(previous) and token[0].isalpha()):
            pieces.append(" ")
        pieces.append(token)
        previous = token
    if previous == "\\":
        pieces.append(" ")
    return "".join(pieces)


def _is_control_word(token: str) -> bool:
    return len(token) > 1 and token[0] == "\\" and token[-1].isalpha()


def _readable_text(formula: str) -> str:
    """Refuse what no formula holds; blank out comments and no-break spaces without moving any offset."""
    forbidden = _FORBIDDEN.search(formula)
    if forbidden is not None:
        code = ord(forbidden.group())
        raise LatexError(
            "lone_surrogate" if 0xD800 <= code <= 0xDFFF else "control_character",
            f"character U+{code:04X}",
            position=forbidden.start(),
            formula=formula,
            hint="the text was decoded wrongly or is not LaTeX; read the file as UTF-8 or ISO-8859-1",
        )
    text = formula
    if not formula.isascii():
        text = _NO_BREAK_SPACE.sub("~", _CONTROL_NO_BREAK_SPACE.sub(r"\1 ", formula))
    if "%" in text:
        text = _COMMENT.sub(
            lambda match: match.group(1) + " " * (len(match.group()) - len(match.group(1))), text
        )
    return text


class _Scanner:
    """Walks over the text with a stack of modes, since blanks count in text arguments only."""

    def __init__(self, formula: str, text: str) -> None:
        self.formula = formula
        self.text = text
        self.tokens: list[Token] = []
        self.text_braces: set[int] = set()  # offsets of braces that open a text argument
        self.modes = [("math", "")]  # (mode, what closes it); modes are math, text, spaced_text

    def scan(self) -> list[Token]:
        """Read everything; see `tokenize_with_positions`."""
        text, tokens, match_token = self.text, self.tokens, _TOKEN.match
        position = 0
        while True:
            start = position
            while position < len(text) and text[position].isspace():
                position += 1
            if position > start and self.modes[-1][0] == "text" and not self._blank_is_swallowed():
                tokens.append(Token("~", start, position))
            if position >= len(text):
                return tokens
            match = match_token(text, position)
            assert match is not None  # every non-blank character begins a token
            token = "".join(match.group().split())
            if token in ("\\begin", "\\end"):
                raise LatexError(
                    "bad_environment_name",
                    f"{token} without an environment name in braces",
                    position=position,
                    formula=self.formula,
                    hint="write \\begin{name}, with letters only in the name",
                )
            self._follow(token, position, match.end())
            tokens.append(Token(token, position, match.end()))
            position = match.end()

    def _blank_is_swallowed(self) -> bool:
        """TeX skips blanks after a control word and after the control space."""
        previous = self.tokens[-1].text
        return previous == "\\" or _is_control_word(previous)

    def _follow(self, token: str, start: int, end: int) -> None:
        """Keep the stack of modes in step with the token."""
        mode, closer = self.modes[-1]
        if token == "{":
            if mode == "math" and start in self.text_braces:
                mode = "spaced_text" if self._is_token_style(start) else "text"
            self.modes.append((mode, "}"))
        elif token == "$":
            if closer == "$":
                self.modes.pop()
            elif mode != "math":
                self.modes.append(("math" if mode == "text" else "spaced_text", "$"))
        elif token == "}":
            if closer == "$" and len(self.modes) > 2:  # the dollar was left open; its text ends here
                self.modes.pop()
            if len(self.modes) > 1:
                self.modes.pop()
        elif token in TEXT_ARGUMENTS:
            brace = _TEXT_BRACE[TEXT_ARGUMENTS[token]].match(self.text, end)
            if brace is not None:
                self.text_braces.add(brace.end())

    def _is_token_style(self, brace: int) -> bool:
        """Whether the argument that opens at `brace` is written as blank-separated tokens."""
        text = self.text
        if not (text[brace - 1].isspace() and text[brace + 1 : brace + 2].isspace()):
            return False
        depth = 0
        for piece in _PIECE.finditer(text, brace):
            if not _TOKEN.fullmatch(piece.group()):
                return False
            depth += {"{": 1, "}": -1}.get(piece.group(), 0)
            if depth == 0:
                return True
        return False
