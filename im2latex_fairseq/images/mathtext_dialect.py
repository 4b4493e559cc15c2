r"""LaTeX mathematics -> what matplotlib's mathtext can draw, or why it can't.

mathtext knows a part of LaTeX, and some of it by other names. `read_formula` takes raw LaTeX as well as
space-separated tokens, translates what has a twin (`\operatorname* { l i m }` to `\lim`, `\frac` in a display to
`\dfrac`), and takes matrices and their relatives apart, since mathtext has none: they are laid out by
`mathtext_layout`. Everything else is refused by name.

Differs from TeX in that big operators carry their limits above and below in running text too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["Delimited", "Grid", "MathtextUnsupported", "Piece", "Row", "Scripted", "Text", "read_formula"]


class MathtextUnsupported(ValueError):
    """A formula that mathtext can't draw; the message is "slug: detail"."""


@dataclass
class Text:
    """A stretch that mathtext draws by itself.

    Attributes:
        source: In mathtext's language, without dollar signs.
        last: The last token, which says how much space follows.
    """

    source: str
    last: str = ""


@dataclass
class Grid:
    """Cells in rows and columns.

    Attributes:
        rows: Each a list of cells.
        columns: "l", "c" or "r" for each column.
        gaps_em: Space before each column but the first.
        outer_em: Space on both sides.
        extra_em: Additional space below each row.
    """

    rows: list[list[Row]]
    columns: str
    gaps_em: list[float]
    outer_em: float = 0.0
    extra_em: list[float] = field(default_factory=list)


@dataclass
class Delimited:
    """A row between two delimiters that grow with it; "." is none."""

    left: str
    right: str
    inside: Row


@dataclass
class Scripted:
    """Scripts on something that mathtext can't carry them on."""

    base: Grid | Delimited
    sub: str
    sup: str


Piece: TypeAlias = "Text | Grid | Delimited | Scripted"
Row: TypeAlias = "list[Piece]"

_TOKEN = re.compile(r"\\[a-zA-Z]+\*?|\\.|[^\s]", re.DOTALL)

# Environments: delimiters, alignment of the columns (repeated as often as needed; None: it is an argument),
# whether the space between columns is that of an alignment, and outer space.
_ENVIRONMENTS: dict[str, tuple[str, str, str | None]] = {
    "array": (".", ".", None),
    "matrix": (".", ".", "c"),
    "pmatrix": ("(", ")", "c"),
    "bmatrix": ("[", "]", "c"),
    "Bmatrix": (r"\{", r"\}", "c"),
    "vmatrix": ("|", "|", "c"),
    "Vmatrix": (r"\|", r"\|", "c"),
    "cases": (r"\{", ".", "l"),
    "aligned": (".", ".", "rl"),
    "split": (".", ".", "rl"),
    "gathered": (".", ".", "c"),
}
_COLUMN_GAP_EM = 1.0  # twice \arraycolsep, 5 pt at 10 pt
_EQUATION_GAP_EM = 2.0  # between the pairs of an alignment

# Commands with as many braced arguments as the format has fields.
_WITH_ARGUMENTS = {
    r"\sqrt": r"\sqrt{%s}",
    r"\overline": r"\overline{%s}",
    r"\underline": r"\underline{%s}",
    r"\phantom": r"\phantom{%s}",
    r"\overset": r"\overset{%s}{%s}",
    r"\stackrel": r"\overset{%s}{%s}",
    r"\underset": r"\underset{%s}{%s}",
    r"\boldsymbol": r"\boldsymbol{%s}",
    r"\bm": r"\boldsymbol{%s}",
    r"\pmb": r"\boldsymbol{%s}",
    r"\mathbin": "{%s}",
    r"\mathrel": "{%s}",
    r"\mathord": "{%s}",
    r"\mathopen": "{%s}",
    r"\mathclose": "{%s}",
    r"\mathpunct": "{%s}",
    r"\mathinner": "{%s}",
    r"\ensuremath": "{%s}",
}
_ACCENTS = frozenset(
    rf"\{name}"
    for name in "hat bar tilde vec dot ddot dddot breve check acute grave mathring widehat widetilde "
    "overrightarrow overleftarrow".split()
)
_FONTS = {
    **{rf"\math{name}": rf"\math{name}" for name in "rm cal it tt sf bf bb frak scr".split()},
    r"\mathnormal": r"\mathit",
}
_TEXTS = {
    **dict.fromkeys((r"\text", r"\textrm", r"\textnormal", r"\mbox", r"\hbox"), r"\mathrm"),
    **{r"\textbf": r"\mathbf", r"\textit": r"\mathit", r"\textsf": r"\mathsf", r"\texttt": r"\mathtt"},
}
_SWITCHES = frozenset(rf"\{name}" for name in "rm cal it tt sf bf".split())
_FUNCTIONS = frozenset(
    "arccos csc ker min arcsin deg lg Pr arctan det lim sec arg dim liminf sin cos exp limsup sinh cosh gcd ln sup "
    "cot hom log tan coth inf max tanh".split()
)
_RENAMED = {
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    r"\lvert": "|",
    r"\rvert": "|",
    r"\lVert": r"\|",
    r"\rVert": r"\|",
    r"\le": r"\leq",
    r"\ge": r"\geq",
    r"\ne": r"\neq",
    r"\gets": r"\leftarrow",
    r"\land": r"\wedge",
    r"\lor": r"\vee",
    r"\lnot": r"\neg",
    r"\owns": r"\ni",
    r"\*": r"\ast",
    r"\dots": r"\ldots",
    r"\dotsc": r"\ldots",
    r"\dotsb": r"\cdots",
    r"\dotsm": r"\cdots",
    r"\lq": "`",
    r"\rq": "'",
    "~": r"\ ",
    r"\>": r"\:",
    r"\thinspace": r"\,",
    r"\medspace": r"\:",
    r"\thickspace": r"\;",
    r"\negthinspace": r"\!",
    r"\@": "",
    r"\nonumber": "",
    r"\notag": "",
    r"\relax": "",
    r"\limits": "",  # where they are in a display; read_formula refuses it elsewhere
    r"\/": "",
}
_NEGATED = {"=": r"\neq", r"\in": r"\notin", r"\equiv": r"\not\equiv", "<": r"\nless", ">": r"\ngtr"}
_LIMITS = frozenset(
    r"\sum \prod \coprod \bigcap \bigcup \bigsqcup \bigvee \bigwedge \bigodot \bigotimes \bigoplus \biguplus "
    r"\lim \liminf \limsup \sup \max \min".split()
)
_DELIMITERS = frozenset(
    r"( ) [ ] < > | / . \{ \} \| \backslash \langle \rangle \lfloor \rfloor \lceil \rceil \lgroup \rgroup "
    r"\vert \Vert \uparrow \downarrow \updownarrow \Uparrow \Downarrow \Updownarrow".split()
)
_EM_OF_UNIT = {"em": 1.0, "ex": 0.43, "pt": 0.1, "mm": 0.2845, "cm": 2.845, "in": 7.227, "mu": 1 / 18}
_LENGTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(em|ex|pt|mm|cm|in|mu)")


def read_formula(formula: str, *, display: bool = True) -> Row:
    """Translate a formula.

    Args:
        formula: LaTeX mathematics without dollar signs, raw or as space-separated tokens.
        display: Whether it stands in a line of its own, where fractions are full-sized.

    Returns:
        What to draw from left to right on one baseline.

    Raises:
        MathtextUnsupported: Something in it can't be drawn, or its braces don't match.
    """
    reader = _Reader(formula)
    row = reader.read_row(display, end=None)
    if not row:
        raise MathtextUnsupported("blank: nothing to draw")
    return row


class _RowBuilder:
    """Collects pieces, joining neighbouring text."""

    def __init__(self) -> None:
        self.row: Row = []

    def add_text(self, source: str, last: str) -> None:
        if not source:
            return
        if self.row and isinstance(self.row[-1], Text):
            previous = self.row[-1]
            # A command's name ends at the first thing that isn't a letter.
            if re.search(r"\\[a-zA-Z]+$", previous.source) and source[0].isalpha():
                previous.source += " "
            previous.source += source
            previous.last = last
        else:
            # An empty group in front, so an operator after a matrix is spaced as one between two things.
            self.row.append(Text(("{}" if self.row else "") + source, last))


class _Reader:
    """Reads tokens from left to right; `style` is True in a display, False in text and smaller."""

    def __init__(self, formula: str) -> None:
        self._formula = formula
        self._matches = list(_TOKEN.finditer(formula))
        self._tokens = [match.group() for match in self._matches]
        self._at = 0

    def read_row(self, style: bool, end: Callable[[str], bool] | None) -> Row:
        """Read up to a token for which `end` holds, which is left in place; to the end of all if None."""
        built = _RowBuilder()
        while True:
            token = self._peek()
            if token is None:
                if end is not None:
                    raise MathtextUnsupported("unbalanced: the formula ends inside a group or environment")
                return built.row
            if end is not None and end(token):
                return built.row
            if token in (r"\displaystyle", r"\textstyle"):
                self._at += 1
                style = token == r"\displaystyle"
            elif token == "{":
                self._read_group_into(built, style)
            elif token == r"\left":
                self._add_piece(built, self._read_delimited(style))
            elif token == r"\begin":
                self._add_piece(built, self._read_environment())
            elif token in ("_", "^"):
                self._read_script_into(built)
            else:
                self._at += 1
                built.add_text(self._read_token(token, style), token)

    def _add_piece(self, built: _RowBuilder, piece: Piece) -> None:
        if isinstance(piece, Text):
            built.add_text(piece.source, piece.last)
        else:
            built.row.append(piece)

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, expected: str | None = None) -> str:
        token = self._peek()
        if token is None or (expected is not None and token != expected):
            raise MathtextUnsupported(
                f"unbalanced: {expected or 'an argument'} is missing before {token or 'the end'}"
            )
        self._at += 1
        return token

    def _read_group_into(self, built: _RowBuilder, style: bool) -> None:
        self._take("{")
        inside = self.read_row(style, lambda token: token == "}")
        self._take("}")
        if all(isinstance(piece, Text) for piece in inside):
            source = "".join(piece.source for piece in inside if isinstance(piece, Text))
            built.add_text(
                f"{{{source}}}", inside[-1].last if inside and isinstance(inside[-1], Text) else "}"
            )
        elif self._peek() in ("_", "^") and len(inside) != 1:
            raise MathtextUnsupported("unsupported: scripts on a group with an array in it")
        else:
            for piece in inside:
                self._add_piece(built, piece)

    def _read_argument(self, style: bool, owner: str) -> str:
        """Read a braced argument or a single token, and translate it."""
        if self._peek() != "{":
            token = self._take()
            return self._read_token(token, style)
        self._take("{")
        inside = self.read_row(style, lambda token: token == "}")
        self._take("}")
        return _only_text(inside, owner)

    def _read_script_into(self, built: _RowBuilder) -> None:
        sign = self._take()
        script = self._read_argument(False, sign)
        base = built.row[-1] if built.row else None
        if isinstance(base, (Grid, Delimited)):
            base = built.row[-1] = Scripted(base, "", "")
        if isinstance(base, Scripted):
            if sign == "_":
                base.sub += script
            else:
                base.sup += script
        elif sign == "^" and re.fullmatch(r"(\\prime ?)+", script):
            built.add_text("'" * script.count(r"\prime"), "'")
        else:
            built.add_text(f"{sign}{{{script}}}", "}")

    def _read_delimited(self, style: bool) -> Piece:
        self._take(r"\left")
        left = self._read_delimiter()
        inside = self.read_row(style, lambda token: token == r"\right")
        self._take(r"\right")
        right = self._read_delimiter()
        if any(not isinstance(piece, Text) for piece in inside):
            return Delimited(left, right, inside)
        source = _only_text(inside, r"\left")
        gap = " " if re.match(r"\\[a-zA-Z]+$", left) else ""
        return Text(rf"\left{left}{gap}{source}\right{right}{' ' if right[-1].isalpha() else ''}", right)

    def _read_delimiter(self) -> str:
        token = self._take()
        token = _RENAMED.get(token, token)
        if token not in _DELIMITERS:
            raise MathtextUnsupported(f"unsupported: {token} as a delimiter")
        return token

    def _read_name(self) -> str:
        """Read a braced name, such as that of an environment."""
        self._take("{")
        letters = []
        while (token := self._take()) != "}":
            letters.append(token)
        return "".join(letters)

    def _read_environment(self) -> Piece:
        self._take(r"\begin")
        name = self._read_name()
        if name not in _ENVIRONMENTS:
            raise MathtextUnsupported(rf"unsupported: \begin{{{name}}}")
        left, right, pattern = _ENVIRONMENTS[name]
        if name == "array":
            if self._peek() == "[":
                raise MathtextUnsupported(r"unsupported: \begin{array}[...]")
            pattern = self._read_name()
            if not pattern or set(pattern) - set("lcr"):
                raise MathtextUnsupported(rf"unsupported: columns {pattern} of an array")
        is_alignment = name in ("aligned", "split", "gathered")
        rows, extra_em = self._read_cells(style=is_alignment)
        # \jot opens the lines of alignments up by 3 pt; cases are stretched by 1.2.
        extra_em = [extra + {True: 0.3, False: 0.24 * (name == "cases")}[is_alignment] for extra in extra_em]
        self._take(r"\end")
        ended = self._read_name()
        if ended != name:
            raise MathtextUnsupported(rf"unbalanced: \begin{{{name}}} is ended by \end{{{ended}}}")
        count = max((len(row) for row in rows), default=0)
        if count == 0:
            raise MathtextUnsupported(f"blank: nothing in {name}")
        pattern = pattern or "c"
        if name == "array" and count > len(pattern):
            raise MathtextUnsupported(f"unsupported: {count} cells in an array of {len(pattern)} columns")
        columns = (pattern * count)[:count]
        gaps_em = [_COLUMN_GAP_EM] * (count - 1)
        if is_alignment:
            gaps_em = [0.0 if place % 2 == 0 else _EQUATION_GAP_EM for place in range(count - 1)]
        grid = Grid(rows, columns, gaps_em, _COLUMN_GAP_EM / 2 if name == "array" else 0.0, extra_em)
        return grid if left == right == "." else Delimited(left, right, [grid])

    def _read_cells(self, style: bool) -> tuple[list[list[Row]], list[float]]:
        rows: list[list[Row]] = [[]]
        extra_em = [0.0]
        while True:
            rows[-1].append(self.read_row(style, lambda token: token in ("&", r"\\", r"\cr", r"\end")))
            token = self._peek()
            if token == r"\end":
                break
            self._at += 1
            if token != "&":
                extra_em[-1] = self._read_line_space()
                rows.append([])
                extra_em.append(0.0)
        if len(rows[-1]) == 1 and not rows[-1][0]:  # \\ after the last row
            rows.pop()
            extra_em.pop()
        return rows, extra_em

    def _read_line_space(self) -> float:
        if self._peek() != "[":
            return 0.0
        written = ""
        while (token := self._take()) != "]":
            written += token
        return _em_of(written[1:])

    def _read_token(self, token: str, style: bool) -> str:
        """Translate one token with its arguments."""
        if token in ("}", "&", r"\\", r"\right", r"\end", "$", "#", "%", r"\(", r"\[", "_", "^"):
            raise MathtextUnsupported(f"unbalanced: {token} where nothing asks for it")
        if token in (r"\frac", r"\dfrac", r"\tfrac", r"\cfrac"):
            above, below = (self._read_argument(False, token) for _ in range(2))
            full = (style and token == r"\frac") or token in (r"\dfrac", r"\cfrac")
            return (r"\dfrac" if full else r"\frac") + f"{{{above}}}{{{below}}}"
        if token in (r"\binom", r"\dbinom", r"\tbinom"):
            above, below = (self._read_argument(False, token) for _ in range(2))
            full = (style and token == r"\binom") or token == r"\dbinom"
            return rf"\genfrac{{(}}{{)}}{{0}}{{{0 if full else 1}}}{{{above}}}{{{below}}}"
        if token == r"\sqrt" and self._peek() == "[":
            self._take("[")
            degree = _only_text(self.read_row(False, lambda token: token == "]"), token)
            self._take("]")
            return rf"\sqrt[{degree}]{{{self._read_argument(style, token)}}}"
        if token in _WITH_ARGUMENTS:
            pattern = _WITH_ARGUMENTS[token]
            return pattern % tuple(self._read_argument(style, token) for _ in range(pattern.count("%s")))
        if token in _ACCENTS:
            return f"{token}{{{self._read_argument(style, token)}}}"
        if token in _FONTS:
            return f"{_FONTS[token]}{{{self._read_argument(style, token)}}}"
        if token in _TEXTS:
            return f"{_TEXTS[token]}{{{self._read_words()}}}"
        if token in _SWITCHES:
            return token
        if token in (r"\operatorname", r"\operatorname*"):
            name = self._read_argument(style, token)
            return rf"\{name}" if name in _FUNCTIONS else rf"\operatorname{{{name}}}"
        if token in (r"\hspace", r"\hspace*"):
            if self._peek() == "*":  # which tokens may have apart
                self._take()
            return rf"\hspace{{{_em_of(self._read_name()):g}}}"
        if token == r"\not":
            negated = self._take()
            if negated not in _NEGATED:
                raise MathtextUnsupported(rf"unsupported: \not {negated}")
            return _NEGATED[negated]
        if token == r"\limits" and not self._follows_limits():
            raise MathtextUnsupported(r"unsupported: \limits on anything but a sum or its relatives")
        return _RENAMED.get(token, token)

    def _follows_limits(self) -> bool:
        before = self._tokens[self._at - 2] if self._at >= 2 else ""
        # \operatorname* has its limits above and below too, and ends with its name's brace.
        return before in _LIMITS or (before == "}" and r"\operatorname*" in self._tokens[: self._at])

    def _read_words(self) -> str:
        """Read the braced argument of a text command, with its spaces."""
        self._take("{")
        start = self._at
        while (token := self._take()) != "}":
            if token in ("{", "$") or (token.startswith("\\") and token not in (r"\ ", r"\,", r"\-", r"\&")):
                raise MathtextUnsupported(f"unsupported: {token} inside text")
        raw = self._formula[self._matches[start - 1].end() : self._matches[self._at - 1].start()]
        # Tokens stand apart by spaces, and write the space itself as ~; in raw LaTeX spaces are spaces.
        is_tokens = (
            all(len(part) == 1 or part.startswith("\\") for part in raw.split()) and len(raw.split()) > 1
        )
        words = raw.replace(r"\ ", "~")
        words = "".join(words.split()) if is_tokens else re.sub(r"\s+", "~", words)
        return words.replace("~", r"\ ").replace("-", r"{-}")


def _only_text(row: Row, owner: str) -> str:
    for piece in row:
        if not isinstance(piece, Text):
            raise MathtextUnsupported(f"unsupported: an array inside {owner}")
    return "".join(piece.source for piece in row if isinstance(piece, Text))


def _em_of(length: str) -> float:
    match = _LENGTH.fullmatch(length.strip())
    if match is None:
        raise MathtextUnsupported(f"unsupported: {length!r} as a length")
    return float(match[1]) * _EM_OF_UNIT[match[2]]
