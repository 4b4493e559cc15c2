r"""The symbols of a dictionary by what the grammar makes of them.

Tokens of one kind are interchangeable: the automaton moves by kinds, of which a dictionary of 444 symbols has
about 120, and masks are spread from kinds to tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from im2latex_fairseq.latex.atom_classes import ATOM_CLASSES, BARE_SCRIPTS, ORDINARY_SYMBOLS
from im2latex_fairseq.latex.commands import (
    ALIGNMENTS,
    BRACED_ALIGNMENTS,
    INFIXES,
    MATH_FONTS,
    ROW_ENDS,
    ROW_RULES,
    UNSUPPORTED_COMMANDS,
)
from im2latex_fairseq.latex.macros import has_definitions
from im2latex_fairseq.latex.rules.marks import DISPLAY_MARKS, MARKS
from im2latex_fairseq.latex.tokenizer import DELIMITER_CHARACTERS, DELIMITER_COMMANDS, TEXT_ARGUMENTS

from . import tex_facts
from .command_arguments import Refused, arguments_of, infix_arguments


class Role(Enum):
    """What a token does in a formula."""

    __hash__ = object.__hash__  # members are unique, and Enum's own hash is slow

    SYMBOL = "symbol"
    SPACE = "space"
    STYLE = "style"
    SWITCH = "switch"
    OPEN_BRACE = "{"
    CLOSE_BRACE = "}"
    OPEN_BRACKET = "["
    CLOSE_BRACKET = "]"
    STAR = "*"
    SUBSCRIPT = "_"
    SUPERSCRIPT = "^"
    PRIME = "'"
    LIMITS = "limits"
    NOT = "not"
    COMMAND = "command"
    LEFT = "left"
    RIGHT = "right"
    MIDDLE = "middle"
    BEGIN = "begin"
    END = "end"
    TAB = "&"
    ROW_END = "row end"
    RULE = "rule"
    INFIX = "infix"
    DOLLAR = "$"
    END_OF_FORMULA = "end of formula"
    NEVER = "never"


class Alphabet(Enum):
    """The font of letters, as far as it lacks glyphs."""

    __hash__ = object.__hash__  # members are unique, and Enum's own hash is slow

    COMPLETE = "complete"
    CAPITALS = "capitals"
    BLACKBOARD = "blackboard"
    FRAKTUR = "fraktur"


@dataclass(frozen=True)
class TokenKind:
    r"""What tokens of one kind have in common.

    Attributes:
        role: What it does in a formula.
        arguments: Of a command: what follows, a word for each argument (see `arguments.py`).
        name: Of `\begin` and `\end`: the environment.
        operator: Whether `\limits` may follow.
        ink: Whether a picture shows it.
        bare: Whether it can be an argument or a script without braces.
        delimiter: Whether it can stand after `\left` or `\big`.
        has_bracket: Whether it holds `]`, at which TeX ends an option.
        box: Whether `\raise` takes it.
        text: Whether it may stand in text: "", "character", "space", "switch" or "command".
        missing_in: Alphabets that have no glyph for it.
        alphabet: Of a font command: the alphabet of its argument.
        repeated: Whether TeX sets the arguments several times.
        invisible: Whether the arguments leave no ink.
        accent: Whether it is one to TeX.
        leaks: Of a switch: whether it lets the next font command's font out of its argument.
        not_in_bold: Whether `\\boldsymbol`, taking its argument apart, stumbles over it.
        character: The character itself where it counts: in lengths, column specifications and positions.
        in_label: Whether it may stand in the name of a label.
        cedilla: Whether `\\c` can be drawn on it: a small letter would get TeX's own accent, refused in a formula.
    """

    role: Role
    arguments: tuple[str, ...] = ()
    name: str = ""
    operator: bool = False
    ink: bool = False
    bare: bool = False
    delimiter: bool = False
    has_bracket: bool = False
    box: bool = False
    text: str = ""
    missing_in: frozenset[Alphabet] = frozenset()
    alphabet: Alphabet | None = None
    repeated: bool = False
    invisible: bool = False
    accent: bool = False
    leaks: bool = False
    not_in_bold: bool = False
    character: str = ""
    in_label: bool = False
    cedilla: bool = False


# Characters that lengths, columns and positions are made of; digits count as one.
_SPELLING = frozenset("".join(tex_facts.LENGTH_UNITS | {"mu", "true"}) + "clrtb+-.,|@")
_LABEL_CHARACTERS = frozenset(":-_.,/+*=()<>;!?")
_ROLES = {
    "{": Role.OPEN_BRACE,
    "}": Role.CLOSE_BRACE,
    "[": Role.OPEN_BRACKET,
    "]": Role.CLOSE_BRACKET,
    "*": Role.STAR,
    "_": Role.SUBSCRIPT,
    "^": Role.SUPERSCRIPT,
    "'": Role.PRIME,
    "&": Role.TAB,
    "$": Role.DOLLAR,
    r"\not": Role.NOT,
    **dict.fromkeys((r"\limits", r"\nolimits", r"\displaylimits"), Role.LIMITS),
}
_CAPITAL_GREEK = frozenset(name for name in ORDINARY_SYMBOLS if name[1].isupper()) - {r"\Re", r"\Im"}


def kind_of(symbol: str) -> TokenKind:
    """The kind of a dictionary's symbol.

    Raises:
        Refused: It is never allowed.
    """
    if len(symbol) == 1 and symbol != "\\":
        return _character_kind(symbol)
    if not symbol.startswith("\\"):
        raise Refused("not a token of LaTeX")
    for prefix, role in ((r"\left", Role.LEFT), (r"\right", Role.RIGHT), (r"\middle", Role.MIDDLE)):
        if symbol.startswith(prefix) and not symbol[len(prefix) :][:1].isalpha():
            return _fence_kind(role, symbol[len(prefix) :])
    for prefix, role in ((r"\begin{", Role.BEGIN), (r"\end{", Role.END)):
        if symbol.startswith(prefix):
            return _environment_kind(role, symbol[len(prefix) : -1])
    return _command_kind(symbol)


def _character_kind(symbol: str) -> TokenKind:
    if symbol in "%#":
        raise Refused("a comment or a parameter to TeX")
    if not symbol.isascii() or not symbol.isprintable():
        raise Refused("no character of TeX's mathematics; the normal form spells it out")
    if symbol == "~":
        return TokenKind(Role.SPACE, text="space")
    structural = symbol in "{}_^&$"
    character = "0" if symbol.isdigit() else symbol if symbol in _SPELLING else ""
    return TokenKind(
        _ROLES.get(symbol, Role.SYMBOL),
        ink=not structural,
        bare=symbol in BARE_SCRIPTS,
        delimiter=symbol in DELIMITER_CHARACTERS,
        has_bracket=symbol == "]",
        text="" if structural else "character",
        missing_in=_missing_in(symbol),
        character=character,
        in_label=symbol.isalnum() or symbol in _LABEL_CHARACTERS,
        cedilla=symbol.isupper() or symbol in "(=",
    )


def _missing_in(symbol: str) -> frozenset[Alphabet]:
    missing = set()
    if symbol == r"\l":  # made of the letter
        missing.add(Alphabet.CAPITALS)
    elif symbol in _CAPITAL_GREEK:
        missing |= {Alphabet.CAPITALS, Alphabet.FRAKTUR}
    elif len(symbol) == 1 and (symbol.islower() or symbol.isdigit()):
        missing.add(Alphabet.CAPITALS)
        if symbol in "bcde":
            missing.add(Alphabet.BLACKBOARD)
    return frozenset(missing)


def _fence_kind(role: Role, delimiter: str) -> TokenKind:
    if not delimiter:
        return TokenKind(role, arguments=("delimiter",))
    if delimiter not in DELIMITER_CHARACTERS and delimiter not in DELIMITER_COMMANDS:
        raise Refused(f"{delimiter!r} is no delimiter")
    return TokenKind(role, ink=delimiter != ".", has_bracket=delimiter == "]")


def _environment_kind(role: Role, name: str) -> TokenKind:
    if name not in tex_facts.TABLE_COLUMNS:
        known = name in ALIGNMENTS
        raise Refused("a display of its own" if known else "an environment that the parser can't read")
    return TokenKind(role, name=name, not_in_bold=True)


def _command_kind(symbol: str) -> TokenKind:
    if (
        symbol in UNSUPPORTED_COMMANDS
        or has_definitions(symbol)
        or symbol in (r"\of", r"\root", r"\buildrel")
    ):
        raise Refused("no mathematics that can be read")
    if symbol in MARKS or symbol in DISPLAY_MARKS or symbol in tex_facts.DISPLAYED_TEXT:
        raise Refused("not inside a formula")
    if symbol in (r"\)", r"\]"):
        raise Refused("not inside a formula")
    if symbol in ROW_ENDS:
        return TokenKind(Role.ROW_END)
    if symbol in ROW_RULES:
        if symbol != r"\hline":
            raise Refused("a rule between rows other than \\hline")
        return TokenKind(Role.RULE)
    if symbol in INFIXES:
        return TokenKind(Role.INFIX, arguments=infix_arguments(symbol))
    if symbol in BRACED_ALIGNMENTS:
        if symbol != r"\substack":
            raise Refused("rows in braces as plain TeX has them")
        return TokenKind(Role.COMMAND, arguments=("substack",), not_in_bold=True)
    if symbol in _ROLES:
        return TokenKind(_ROLES[symbol], ink=symbol == r"\not")
    if symbol in tex_facts.SWITCHES:
        return TokenKind(Role.SWITCH, text="switch", leaks=symbol in tex_facts.LEAKING, not_in_bold=True)
    if symbol in tex_facts.STYLES:
        return TokenKind(Role.STYLE)
    if symbol in tex_facts.SPACES:
        in_text = "space" if symbol in tex_facts.TEXT_SPACES else ""
        return TokenKind(Role.SPACE, text=in_text, not_in_bold=symbol in tex_facts.NOT_IN_BOLD)
    arguments = arguments_of(symbol)
    if arguments:
        return _argument_kind(symbol, arguments)
    return TokenKind(
        Role.SYMBOL,
        operator=symbol in tex_facts.OPERATORS,
        ink=True,
        bare=symbol in BARE_SCRIPTS,
        delimiter=symbol in DELIMITER_COMMANDS,
        text="character" if symbol in tex_facts.TEXT_SYMBOLS else "",
        missing_in=_missing_in(symbol),
        not_in_bold=symbol in tex_facts.NOT_IN_BOLD or symbol not in ATOM_CLASSES,
    )


def _argument_kind(symbol: str, arguments: tuple[str, ...]) -> TokenKind:
    in_text = symbol in TEXT_ARGUMENTS or symbol in tex_facts.LENGTHS or symbol in tex_facts.LABELS
    alphabet = Alphabet.COMPLETE if symbol in MATH_FONTS or symbol.startswith(r"\operatorname") else None
    for names, lacking in (
        (tex_facts.CAPITALS_ONLY, Alphabet.CAPITALS),
        (tex_facts.BLACKBOARD, Alphabet.BLACKBOARD),
        (tex_facts.FRAKTUR, Alphabet.FRAKTUR),
    ):
        alphabet = lacking if symbol in names else alphabet
    return TokenKind(
        Role.COMMAND,
        arguments=arguments,
        operator=symbol in tex_facts.OPERATORS,
        box=symbol in tex_facts.BOXES,
        text="command" if in_text or symbol in tex_facts.PLAIN_BOXES else "",
        alphabet=alphabet,
        repeated=symbol in tex_facts.REPEATED
        or (symbol in TEXT_ARGUMENTS and symbol not in tex_facts.TEXT_BOXES),
        invisible=symbol in tex_facts.INVISIBLE,
        accent=symbol in tex_facts.TEX_ACCENTS,
        not_in_bold=symbol in tex_facts.NOT_IN_BOLD,
    )
