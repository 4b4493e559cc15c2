r"""What the automaton's stack holds: one frame for everything that has begun and isn't complete.

The frame on top says which tokens may follow; each token replaces it by none (it is complete), one or several
frames. Frames are values without identity: equal ones are the same state.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from .token_kinds import Alphabet

#: Constructs that TeX sets several times, within each other: each multiplies the work by two to four.
MAX_REPEATED = 3


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for a list and all that is inside it.

    Attributes:
        alphabet: The font of its letters, as far as it lacks glyphs.
        visible: False inside `\\phantom`.
        brackets: False in an option: TeX ends it at the first `]` outside of braces.
        bold: Directly in the argument of `\\boldsymbol`, which the package bm takes apart.
        tight: In a table of amsmath, where LaTeX doesn't look for an option behind a blank.
        leaky: Behind `\\sc` or `\\sl`, after which LaTeX lets a font out of its argument.
        repeated: How many constructs around it are set several times.
    """

    alphabet: Alphabet = Alphabet.COMPLETE
    visible: bool = True
    brackets: bool = True
    bold: bool = False
    tight: bool = False
    leaky: bool = False
    repeated: int = 0


class _Choice(Enum):
    __hash__ = object.__hash__  # members are unique, and Enum's own hash is slow


class Closer(_Choice):
    """What ends a list."""

    END = "the end"
    BRACE = "}"
    BRACKET = "]"
    RIGHT = "\\right"
    DOLLAR = "$"
    TABLE = "& or the end of a table"


class Place(_Choice):
    """Where in a list, as far as it matters."""

    INSIDE = "inside"
    ROW_BEGIN = "begin of a row"  # where \hline may stand, and `[` and `*` would belong to the \\ before
    AFTER_NOT = "after \\not"


class Content(_Choice):
    """What of a list in braces TeX sees behind them.

    It takes an accent that is alone in a group out of it, scripts and all (tex.web, section 1187).
    """

    SEALED = "nothing"
    OPEN = "the scripts of its last atom: a macro drops the braces"
    EMPTY = "nothing yet"
    GROUP = "what is seen of the one group that it holds"
    ACCENT = "the one accent that it holds"


@dataclass(frozen=True, slots=True)
class Cell:
    r"""Where in a table a list is; `environment` is `\substack` for the one whose rows stand in braces."""

    environment: str
    columns: int
    column: int = 0


@dataclass(frozen=True, slots=True)
class MathList:
    """A list of atoms up to what closes it.

    Attributes:
        context: What holds inside.
        closer: What ends it.
        subscript: Whether the last atom has one.
        superscript: Whether it has one; a prime is one.
        operator: Whether `\\limits` may follow.
        infix: Whether `\\over` or its like may come: TeX takes one in each list.
        place: Where in the list.
        cell: The table's cell that it is, with `Closer.TABLE`.
        content: What is seen of it behind its brace.
    """

    context: Context
    closer: Closer
    subscript: bool = False
    superscript: bool = False
    operator: bool = False
    infix: bool = True
    place: Place = Place.INSIDE
    cell: Cell | None = None
    content: Content = Content.SEALED


@dataclass(frozen=True, slots=True)
class TextList:
    """Text in braces; `dollars` says whether formulas between dollars may be in it."""

    context: Context
    dollars: bool = True


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument that is a formula: a list in braces or one simple symbol.

    Attributes:
        context: What holds around it.
        infix: Whether `\\over` or its like may come in it.
        bold: Whether it is that of `\\boldsymbol`.
        content: What is seen behind its braces.
        script: Whether it is a script, not a command's: behind a name, a star could belong to it.
    """

    context: Context
    infix: bool = True
    bold: bool = False
    content: Content = Content.SEALED
    script: bool = False


@dataclass(frozen=True, slots=True)
class TextArgument:
    """An argument that is text: in braces, or one character if `bare`."""

    context: Context
    dollars: bool = True
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Character:
    """An argument of one character of text; `cedilla`: of those that `\\c` can be drawn on."""

    context: Context
    cedilla: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """An argument in brackets that may be left out: `inside` follows the bracket, `behind` comes after it."""

    inside: tuple[Frame, ...]
    behind: Frame


@dataclass(frozen=True, slots=True)
class Expected:
    """Nothing but this character."""

    character: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of several."""

    letters: str


class Stage(_Choice):
    """How far a length is."""

    SIGN = "sign"
    INTEGER = "integer"
    FRACTION = "fraction"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Length:
    """A number and a unit.

    Attributes:
        mu: Whether the unit is that of mathematics.
        stage: What comes now.
        digits: Those of this stage.
        any_digit: Whether there was one at all.
        large: Whether there were two before the point.
        spelled: The beginning of the unit.
    """

    mu: bool = False
    stage: Stage = Stage.SIGN
    digits: int = 0
    any_digit: bool = False
    large: bool = False
    spelled: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """The rest of a label's name and its brace."""

    characters: int = 0


@dataclass(frozen=True, slots=True)
class Delimiter:
    """A delimiter, as `\\left` and `\\big` want one."""

    context: Context


@dataclass(frozen=True, slots=True)
class Box:
    """A box, as `\\raise` wants one."""

    context: Context


@dataclass(frozen=True, slots=True)
class Columns:
    """The rest of a column specification; then the table's first row."""

    context: Context
    environment: str
    columns: int = 0
    bars: int = 0


@dataclass(frozen=True, slots=True)
class Between:
    """What stands between two columns, `@ { ... }`: symbols and spaces; it is set in each row."""


Frame = (
    MathList
    | TextList
    | Argument
    | TextArgument
    | Character
    | Option
    | Expected
    | Letter
    | Length
    | Label
    | Delimiter
    | Box
    | Columns
    | Between
)


class Step(NamedTuple):
    """What a token makes of a frame.

    Attributes:
        frames: In its place, the last one on top.
        ink: Whether the token leaves ink.
        seen: With a brace that closes a list: the list, if the list around goes on with what is seen of it.
    """

    frames: tuple[Frame, ...] = ()
    ink: bool = False
    seen: MathList | None = None


START = MathList(Context(), Closer.END)
