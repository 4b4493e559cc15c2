"""What follows a command: from the words of `TokenKind.arguments` to frames, and how these take tokens."""

from __future__ import annotations

from dataclasses import replace

from . import tex_facts
from .frames import (
    MAX_REPEATED,
    Argument,
    Between,
    Box,
    Cell,
    Character,
    Closer,
    Columns,
    Content,
    Context,
    Delimiter,
    Expected,
    Frame,
    Label,
    Length,
    Letter,
    MathList,
    Option,
    Place,
    Stage,
    Step,
    TextArgument,
    TextList,
)
from .token_kinds import Alphabet, Role, TokenKind

# Lengths beyond these leave the page or TeX's range, and no author writes them.
_MAX_INTEGER_DIGITS = 2
_MAX_FRACTION_DIGITS = 3
_MAX_LABEL_CHARACTERS = 40
_SUBSTACK = "\\substack"


# -------------------------------------------------------------------------------------- from words to frames


def argument_frames(kind: TokenKind, context: Context) -> tuple[Frame, ...] | None:
    """The frames of what follows a command, the first argument on top (last); None if it nests too deep."""
    inside = _inside(kind, context)
    if inside is None:
        return None
    frames: list[Frame] = []
    for number, word in reversed(list(enumerate(kind.arguments))):
        if word.startswith("[") or word == "option":
            if _may_have_option(inside, behind_command=number == 0):
                frames.append(Option(_option(word, inside), frames.pop()))
        else:
            frames += _required(word, inside)
    return tuple(frames)


def _may_have_option(context: Context, *, behind_command: bool) -> bool:
    """Within an option brackets need braces around them, and TeX skips no blank but that behind a command's name."""
    return context.brackets and (behind_command or not context.tight)


def _inside(kind: TokenKind, context: Context) -> Context | None:
    """The context of a command's arguments."""
    repeated = context.repeated + kind.repeated
    if repeated > MAX_REPEATED or (context.leaky and kind.alphabet not in (None, Alphabet.COMPLETE)):
        return None
    return replace(
        context,
        alphabet=kind.alphabet or context.alphabet,
        visible=context.visible and not kind.invisible,
        repeated=repeated,
    )


def in_braces(context: Context, *, bold: bool = False) -> Context:
    """The same within braces, where a bracket ends no option and `\\boldsymbol` doesn't look."""
    if context.brackets and context.bold == bold:
        return context
    return replace(context, brackets=True, bold=bold)


def _option(word: str, context: Context) -> tuple[Frame, ...]:
    """Frames of what is inside brackets, after the first one."""
    if word == "option":
        return (MathList(replace(context, brackets=False), Closer.BRACKET),)
    if word == "[length]":
        return (Expected("]"), Length())
    return (Expected("]"), Letter(word[1:-1]))


def _required(word: str, context: Context) -> tuple[Frame, ...]:
    if word in ("formula", "open formula"):
        return (Argument(context, infix=word == "formula"),)
    if word in ("font formula", "loose formula"):
        is_group = word == "font formula"
        return (Argument(context, infix=is_group, content=Content.EMPTY if is_group else Content.OPEN),)
    if word == "bold formula":
        return (Argument(context, bold=True, content=Content.EMPTY),)
    if word == "accented formula":
        return (Argument(context, bold=context.bold),)
    if word in ("text", "plain text"):
        in_text = replace(context, alphabet=Alphabet.COMPLETE)
        return (TextArgument(in_text, dollars=word == "text", bare=word == "plain text"),)
    if word in ("length", "mu"):
        return (Expected("}"), Length(mu=word == "mu"), Expected("{"))
    if word in ("bare length", "bare mu"):
        return (Length(mu=word == "bare mu"),)
    if word == "label":
        return (Label(), Expected("{"))
    if word in ("character", "cedilla"):
        return (Character(context, cedilla=word == "cedilla"),)
    if word == "box":
        return (Box(context),)
    if word == "delimiter":
        return (Delimiter(context),)
    assert word == "substack", word
    return (first_row(replace(in_braces(context), tight=True), Cell(_SUBSTACK, 1)), Expected("{"))


def first_row(context: Context, cell: Cell) -> MathList:
    """The list at the begin of a table's row."""
    return MathList(context, Closer.TABLE, place=Place.ROW_BEGIN, cell=cell)


def table_frames(name: str, context: Context) -> tuple[Frame, ...]:
    r"""The frames behind `\begin{name}`."""
    columns = tex_facts.TABLE_COLUMNS[name]
    has_position = name in tex_facts.POSITIONED_TABLES and _may_have_option(context, behind_command=False)
    context = context if context.tight or name == "array" else replace(context, tight=True)
    if columns is None:
        head: tuple[Frame, ...] = (Columns(context, name), Expected("{"))
    else:
        head = (first_row(context, Cell(name, columns)),)
    if has_position:
        return (*head[:-1], Option((Expected("]"), Letter("tbc")), head[-1]))
    return head


# ------------------------------------------------------------------------------------- from tokens to frames


def argument_step(frame: Argument, kind: TokenKind) -> Step | None:
    """A brace, or a symbol that is the whole argument."""
    context = frame.context
    if kind.role is Role.OPEN_BRACE:
        inside = in_braces(context, bold=frame.bold)
        return Step((MathList(inside, Closer.BRACE, infix=frame.infix, content=frame.content),))
    if kind.role is Role.STAR and not frame.script:
        return None
    if kind.bare and not context.bold and context.alphabet not in kind.missing_in:
        return Step((), kind.ink and context.visible)
    return None


def text_argument_step(frame: TextArgument, kind: TokenKind) -> Step | None:
    """A brace, or a character that is the whole argument."""
    if kind.role is Role.OPEN_BRACE:
        return Step((TextList(in_braces(frame.context), frame.dollars),))
    if frame.bare and kind.text == "space":
        return Step(())
    if frame.bare and _is_character(kind) and not (kind.has_bracket and not frame.context.brackets):
        return Step((), frame.context.visible)
    return None


def _is_character(kind: TokenKind) -> bool:
    return kind.text == "character" and kind.role in (Role.SYMBOL, Role.OPEN_BRACKET, Role.CLOSE_BRACKET)


def character_step(frame: Character, kind: TokenKind) -> Step | None:
    """One character; a space or braces too where any character will do."""
    if frame.cedilla:
        return Step((), frame.context.visible) if kind.cedilla else None
    if _is_character(kind) and not (kind.has_bracket and not frame.context.brackets):
        return Step((), frame.context.visible)
    if kind.text == "space":
        return Step(())
    if kind.role is Role.OPEN_BRACE:
        return Step((TextList(in_braces(frame.context), dollars=False),))
    return None


def expected_step(frame: Expected, kind: TokenKind) -> Step | None:
    """The one character."""
    return Step(()) if kind.role.value == frame.character else None


def letter_step(frame: Letter, kind: TokenKind) -> Step | None:
    """One of the letters."""
    return Step(()) if kind.character and kind.character in frame.letters else None


def label_step(frame: Label, kind: TokenKind) -> Step | None:
    """A character of the name, a group of such, or the end."""
    if kind.role is Role.CLOSE_BRACE:
        return Step(()) if frame.characters else None
    if frame.characters >= _MAX_LABEL_CHARACTERS:
        return None
    if kind.in_label or kind.role is Role.SUBSCRIPT:
        return Step((Label(frame.characters + 1),))
    if kind.role is Role.OPEN_BRACE:
        return Step((Label(frame.characters + 1), Label()))
    return None


def delimiter_step(frame: Delimiter, kind: TokenKind) -> Step | None:
    """A delimiter."""
    if kind.delimiter and (frame.context.brackets or not kind.has_bracket):
        return Step((), frame.context.visible and kind.character != ".")
    return None


def box_step(frame: Box, kind: TokenKind) -> Step | None:
    """A command that makes a box."""
    frames = argument_frames(kind, frame.context) if kind.box else None
    return None if frames is None else Step(frames)


def length_step(frame: Length, kind: TokenKind) -> Step | None:
    """Sign, digits, a point and digits, unit."""
    character = kind.character
    if not character:
        return None
    if frame.stage is Stage.UNIT:
        return _unit_step(frame, character)
    if frame.stage is Stage.SIGN and character in "+-":
        return Step((Length(frame.mu, Stage.INTEGER),))
    if character == "0":
        return _digit_step(frame)
    if character in ".," and frame.stage is not Stage.FRACTION:
        return Step((replace(frame, stage=Stage.FRACTION, digits=0),))
    return _unit_step(frame, character) if frame.any_digit else None


def _digit_step(frame: Length) -> Step | None:
    in_fraction = frame.stage is Stage.FRACTION
    if frame.digits >= (_MAX_FRACTION_DIGITS if in_fraction else _MAX_INTEGER_DIGITS):
        return None
    digits = frame.digits + 1
    if in_fraction:
        return Step((replace(frame, digits=digits, any_digit=True),))
    return Step((Length(frame.mu, Stage.INTEGER, digits, any_digit=True, large=digits > 1),))


def _unit_step(frame: Length, character: str) -> Step | None:
    spelled = frame.spelled + character
    units = _MU if frame.mu else _SMALL_UNITS if frame.large else _UNITS
    if spelled in units:
        return Step(())
    if any(unit.startswith(spelled) for unit in units):
        return Step((replace(frame, stage=Stage.UNIT, digits=0, any_digit=True, spelled=spelled),))
    return None


_UNITS = tex_facts.LENGTH_UNITS | {f"true{unit}" for unit in tex_facts.TRUE_UNITS}
_SMALL_UNITS = _UNITS - {unit for unit in _UNITS if unit.endswith(tex_facts.LARGE_UNITS)}
_MU = frozenset(["mu"])


def columns_step(frame: Columns, kind: TokenKind) -> Step | None:
    """A column, a rule, what stands between columns, or the end of the specification."""
    if kind.role is Role.CLOSE_BRACE:
        cell = Cell(frame.environment, frame.columns)
        return Step((first_row(frame.context, cell),)) if frame.columns else None
    if kind.character in tex_facts.COLUMN_LETTERS and frame.columns < _most_columns(frame.environment):
        return Step((Columns(frame.context, frame.environment, frame.columns + 1),))
    if frame.environment != "array" or frame.bars >= tex_facts.MAX_BARS:
        return None
    after = Columns(frame.context, frame.environment, frame.columns, frame.bars + 1)
    if kind.character == "|":
        return Step((after,))
    if kind.character == "@":
        return Step((after, Between(), Expected("{")))
    return None


def _most_columns(environment: str) -> int:
    return tex_facts.MAX_COLUMNS if environment == "array" else 1


def between_step(frame: Between, kind: TokenKind) -> Step | None:
    """Symbols and spaces, whose ink is not counted: there may be no row."""
    if kind.role is Role.CLOSE_BRACE:
        return Step(())
    if kind.role is Role.SPACE or (kind.role is Role.SYMBOL and not kind.operator):
        return Step((frame,))
    return None


def option_bracket(frame: Option) -> Step:
    """What the bracket of an option opens."""
    return Step((frame.behind, *frame.inside))
