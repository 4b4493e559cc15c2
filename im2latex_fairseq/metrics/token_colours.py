r"""A formula's tokens with a colour before each that may draw something, for `images.coloured_tokens`.

A colour may stand wherever TeX takes an atom, but not between a command and what it reads as its argument. What
draws after its argument (the line of a fraction, the brace below a term) gets its colour once more at the end of
the argument. Tokens that draw nothing may have a colour: no ink will carry it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from im2latex_fairseq.images.coloured_tokens import Part
from im2latex_fairseq.latex.commands import (
    ACCENTS,
    ALIGNMENTS,
    FONT_SWITCHES,
    MATH_FONTS,
    ROW_ENDS,
    ROW_RULES,
    SIGNATURES,
)
from im2latex_fairseq.latex.tokenizer import TEXT_ARGUMENTS

# As large as a Chinese character beside Latin letters: one em, a little of it below the line.
_STAND_IN = r"\hbox{\vrule height .88em depth .12em width 1em}"

_MAX_DEPTH = 100  # of the renderer, too
_CONTROL_WORD = re.compile(r"\\[A-Za-z]+$")

_SPACES = frozenset(r"\ ~ \, \: \; \! \> \quad \qquad \thinspace \medspace \thickspace \enspace".split())
_STYLES = frozenset(
    r"""\displaystyle \textstyle \scriptstyle \scriptscriptstyle \tiny \scriptsize \footnotesize \small \normalsize
    \large \Large \LARGE \huge \Huge \boldmath \unboldmath \bfseries \itshape \rmfamily \sffamily \ttfamily
    \upshape""".split()
)
# What has to follow directly on what it belongs to.
_CLINGING = frozenset(r"\limits \nolimits \displaylimits '".split())
_MARKS = frozenset(["{", "}", "^", "_", "&", "$", *ROW_ENDS])
_SILENT = _MARKS | _SPACES | _STYLES | _CLINGING | FONT_SWITCHES
_WRAPPERS = frozenset(
    r"""\operatorname \operatorname* \mathop \mathord \mathbin \mathrel \mathopen \mathclose \mathpunct \mathinner
    \phantom \hphantom \vphantom \smash \hspace \hspace* \vspace \vspace* \mspace \kern \mkern \hskip \mskip
    \substack \multicolumn \label \nonumber \notag \relax \noalign""".split()
)

_FENCED_ENVIRONMENTS = frozenset(
    f"{name}{star}"
    for name in ("pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "cases", "dcases", "rcases")
    for star in ("", "*")
)
_DRAWING_ENVIRONMENTS = frozenset(rf"\begin{{{name}}}" for name in _FENCED_ENVIRONMENTS)
_EMPTY_FENCES = frozenset([r"\left.", r"\right.", r"\middle."])
# What reads one token or group itself: accents in text, and fences whose delimiter is a token of its own.
_READS_ONE = frozenset(
    [
        *(r"\'", r"\`", r"\^", r"\"", r"\~", r"\=", r"\.", r"\c", r"\v", r"\u", r"\H", r"\d"),
        *(r"\b", r"\t", r"\r", r"\k"),
        *(r"\not", r"\left", r"\right", r"\middle"),
    ]
)
_BEFORE_A_BOX = frozenset([r"\raise", r"\lower", r"\moveleft", r"\moveright"])
# `\bm` takes its argument apart, and a row's own commands read theirs before TeX is in a cell.
_OWN_SIGNATURES = {r"\bm": "r", r"\cline": "r", r"\noalign": "r", r"\above": "d"}


@dataclass(frozen=True)
class ColouredTokens:
    """A formula ready to be set in colours.

    Attributes:
        parts: LaTeX and colours; a colour's number is the index of its token.
        stand_ins: Characters that boxes stand for, since the fonts of a bare TeX don't have them.
    """

    parts: tuple[Part, ...]
    stand_ins: int


def colour_tokens(tokens: Sequence[str]) -> ColouredTokens:
    """Put a colour before each token that may draw something.

    Args:
        tokens: Of one formula, in normal form or not. Where braces or environments don't match there are no
            colours: TeX will refuse it anyway.
    """
    painter = _Painter(tokens)
    try:
        painter.paint()
        parts = tuple(painter.parts)
    except _UnreadableError:
        parts = tuple(map(_written, tokens))
    return ColouredTokens(parts, sum(map(is_stand_in, tokens)))


def is_stand_in(token: str) -> bool:
    """Whether a box stands for this token: a character beyond ASCII (the normaliser spells those it knows)."""
    return not token.isascii()


def count_visible(tokens: Sequence[str]) -> int:
    """About how many tokens draw something, for formulas that TeX doesn't set."""
    return sum(map(_is_visible, tokens))


def drawing_tokens(tokens: Sequence[str]) -> tuple[int, ...]:
    r"""Indices of the tokens that draw something themselves: letters, lines, fences, the matrix with its brackets.

    Braces, scripts, fonts, spaces, columns' letters and empty fences (`\left.`) don't. Of `\Big (` it is `\Big`, which
    takes what follows as its argument.
    """
    coloured = {part for part in colour_tokens(tokens).parts if isinstance(part, int)}
    return tuple(
        index
        for index, token in enumerate(tokens)
        if (index in coloured or not coloured)
        and token not in _EMPTY_FENCES
        and (_is_visible(token) or token in _DRAWING_ENVIRONMENTS)
    )


def _is_visible(token: str) -> bool:
    return (
        token not in _SILENT
        and token not in MATH_FONTS
        and token not in _WRAPPERS
        and token not in TEXT_ARGUMENTS
        and not token.startswith((r"\begin{", r"\end{"))
    )


class _UnreadableError(Exception):
    """Braces or environments don't match, or nest too deep."""


class _Painter:
    """Reads tokens from left to right and writes parts; one instance for one formula."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = list(tokens)
        self._at = 0
        self._depth = 0
        self._coloured_early = -1
        self.parts: list[Part] = []

    def paint(self) -> None:
        self._formula("")

    def _formula(self, closer: str) -> None:
        """Up to `closer`, which is left for the caller; "" is the end of the tokens."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _UnreadableError
        base: int | None = None
        if self._peek() == "'":  # clings to nothing here
            self._coloured()
        while self._peek() != closer:
            token = self._peek()
            if token in ("", "}") or token.startswith(r"\end{"):
                raise _UnreadableError
            if token in ("^", "_"):
                self._script(base if token == "^" else None)
                continue
            at = self._at
            self._one(token)
            if token not in _CLINGING:
                base = None if token in _SILENT or token.startswith(r"\begin{") else at
        self._depth -= 1

    def _one(self, token: str) -> None:
        """One token with all that it reads."""
        if token == "{":
            self._colour_accent_early()
            self._group(None)
        elif token in ROW_ENDS:
            self._copy()
            if self._peek() == "*":
                self._copy()
            self._raw_option()
        elif token in ROW_RULES:
            self.parts += [r"\noalign{", self._at, "}"]
            self._copy()
            self._arguments(token, None)
        elif token.startswith(r"\begin{"):
            self._environment(token[len(r"\begin{") : -1])
        elif token in _SILENT:
            self._copy()
        elif token in _READS_ONE:
            self._coloured()
            self._raw_argument()
        elif token in TEXT_ARGUMENTS:
            self._text_arguments(token, self._coloured())
        elif token in SIGNATURES or token in _OWN_SIGNATURES:
            owner = None if token == r"\multicolumn" else self._at
            if owner not in (None, self._coloured_early):
                self.parts.append(self._at)
            self._copy()
            self._arguments(token, owner)
            if token in _BEFORE_A_BOX and self._peek() in TEXT_ARGUMENTS:
                self._text_arguments(self._copy(), None)
        else:
            self._coloured()

    def _colour_accent_early(self) -> None:
        r"""Colour the accent of `{ \dot { x } }` before the brace.

        TeX takes an accent that is all of a group out of it, so that scripts behind the group are the accent's; a
        special in the group would keep it in.
        """
        at = self._at
        while self._tokens[at : at + 1] == ["{"]:
            at += 1
        if self._tokens[at : at + 1] and self._tokens[at] in ACCENTS and at != self._coloured_early:
            self.parts.append(at)
            self._coloured_early = at

    def _script(self, base: int | None) -> None:
        """A script; TeX writes one above an operator before the operator, which gets its colour again behind it."""
        self._copy()
        script = self._peek()
        if script == "{":
            self._group(base)
        elif script and script not in _SILENT:  # where TeX takes one token, a colour would be it
            self.parts.append("{")
            self._one(script)
            if base is not None:
                self.parts.append(base)
            self.parts.append("}")

    def _environment(self, name: str) -> None:
        owner = self._at if name in _FENCED_ENVIRONMENTS else None
        if owner is not None:
            self.parts.append(owner)
        self._copy()
        self._raw_option()
        for _ in range(ALIGNMENTS.get(name, 0)):
            self._raw_argument()
        self._formula(rf"\end{{{name}}}")
        before = self._tokens[self._at - 1]
        if owner is not None and before not in ROW_ENDS and before not in ROW_RULES:
            self.parts.append(owner)  # or it would begin another row
        self._copy()

    def _arguments(self, command: str, owner: int | None) -> None:
        for kind in _OWN_SIGNATURES.get(command) or SIGNATURES.get(command) or ROW_RULES.get(command, ""):
            if kind == "m" and self._peek() == "{":
                self._group(owner)
            elif kind in "mrD":
                self._raw_argument()
            elif kind == "o":
                self._option(owner)
            elif kind == "b":
                self._raw_option()
            elif kind == "d":
                self._dimension()

    def _text_arguments(self, command: str, owner: int | None) -> None:
        for _ in range(TEXT_ARGUMENTS[command]):
            self._raw_option()
            self._raw_argument()
        self._raw_option()
        self._raw_option()
        if command == r"\hbox":
            while self._peek() not in ("{", "}", ""):  # to 3 pt
                self._copy()
        if self._peek() == "{":
            self._group(owner)

    def _group(self, owner: int | None) -> None:
        self._copy()
        self._formula("}")
        if owner is not None:
            self.parts.append(owner)
        self._copy()

    def _option(self, owner: int | None) -> None:
        if self._peek() != "[":
            return
        self._copy()
        self._formula("]")
        if owner is not None:
            self.parts.append(owner)
        self._copy()

    def _raw_option(self) -> None:
        if self._peek() == "[" and "]" in self._tokens[self._at :]:
            while self._copy() != "]":
                pass

    def _raw_argument(self) -> None:
        """A group as it is, or one token."""
        depth = 0
        while self._peek() not in ("", "}") or depth:
            token = self._copy()
            depth += {"{": 1, "}": -1}.get(token, 0)
            if not depth:
                return

    def _dimension(self) -> None:
        """`- 0 . 7 e m`, or one command."""
        if self._peek().startswith("\\"):
            self._copy()
            return
        while self._peek() in frozenset("+-.,0123456789"):
            self._copy()
        letters = 2 if self._tokens[self._at : self._at + 4] != list("true") else 6
        for _ in range(letters):
            if len(self._peek()) == 1 and self._peek().isalpha():
                self._copy()

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _coloured(self) -> int:
        owner = self._at
        self.parts.append(owner)
        self._copy()
        return owner

    def _copy(self) -> str:
        if self._at >= len(self._tokens):
            raise _UnreadableError
        token = self._tokens[self._at]
        self.parts.append(_written(token))
        self._at += 1
        return token


def _written(token: str) -> str:
    """The token, or what stands in for it, with a blank only where TeX skips it: in text others would show."""
    if is_stand_in(token):
        return _STAND_IN
    return f"{token} " if _CONTROL_WORD.search(token) or token == "\\" else token
