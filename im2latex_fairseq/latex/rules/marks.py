r"""Rules on tokens: what no picture shows (labels, numbers), math delimiters, old names."""

from __future__ import annotations

from im2latex_fairseq.latex.commands import DISPLAYS, ROW_ENDS
from im2latex_fairseq.latex.token_cursor import ParseError

_WITH_ARGUMENT = frozenset([r"\label", r"\tag", r"\tag*"])
_ALONE = frozenset(
    r"""\nonumber \notag \protect \relax \qedhere \noindent \allowbreak \nobreak \nolinebreak \linebreak
    \break
    \nopagebreak \allowdisplaybreaks \displaybreak \leavevmode \null \hfill \hfil \hss \centering
    \samepage""".split()
)
_EQUATION_NUMBERS = frozenset([r"\eqno", r"\leqno"])
MARKS = _WITH_ARGUMENT | _ALONE | _EQUATION_NUMBERS
SCRIPT_NAMES = {r"\sp": "^", r"\sb": "_", r"\>": r"\:"}
_PAIRS = {"$": "$", r"\[": r"\]", r"\(": r"\)"}
_DISPLAY_BEGINS = {f"\\begin{{{name}}}": f"\\end{{{name}}}" for name in DISPLAYS}
DISPLAY_MARKS = frozenset(["$", r"\[", r"\(", *_DISPLAY_BEGINS])


def drop_invisible_marks(tokens: list[str]) -> list[str]:
    r"""Drop labels, tags, equation numbers and commands that leave no ink (``\nonumber``).

    What follows ``\eqno`` is the number, up to the end of its group or row. The benchmark drops ``\label``
    only; a token that the picture can't show teaches nothing.
    """
    out: list[str] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token in _WITH_ARGUMENT:
            index = _behind_argument(tokens, index)
        elif token in _ALONE:
            index += 1
        elif token in _EQUATION_NUMBERS:
            index = _behind_number(tokens, index)
        else:
            out.append(token)
            index += 1
    return out


def _behind_argument(tokens: list[str], command: int) -> int:
    index = command + 1
    if tokens[index : index + 1] != ["{"]:
        return min(index + 1, len(tokens))
    depth = 0
    while index < len(tokens):
        depth += (tokens[index] == "{") - (tokens[index] == "}")
        index += 1
        if depth == 0:
            return index
    raise ParseError("unbalanced_braces", f"{tokens[command]} that is never closed", command, "close it")


def _behind_number(tokens: list[str], command: int) -> int:
    depth = 0
    index = command + 1
    while index < len(tokens):
        token = tokens[index]
        if depth == 0 and (token in ("}", "$") or token in ROW_ENDS or token.startswith(r"\end{")):
            break
        depth += (token == "{") - (token == "}")
        index += 1
    return index


def drop_math_delimiters(tokens: list[str]) -> list[str]:
    r"""Drop what only says "this is mathematics" around the whole: dollars, equation environments."""
    while len(tokens) > 1:
        first, last = tokens[0], tokens[-1]
        closer = _PAIRS.get(first) or _DISPLAY_BEGINS.get(first)
        if closer is None or last != closer or (closer in tokens[1:-1] and not _is_double_dollar(tokens)):
            break
        tokens = tokens[1:-1]
    return tokens


def _is_double_dollar(tokens: list[str]) -> bool:
    return len(tokens) >= 4 and tokens[0] == tokens[1] == tokens[-2] == tokens[-1] == "$"


def unify_script_names(tokens: list[str]) -> list[str]:
    r"""``\sp`` and ``\sb`` are older names of ``^`` and ``_``, ``\>`` of ``\:``."""
    return [SCRIPT_NAMES.get(token, token) for token in tokens]
