"""How lists take tokens: formulas and text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .arguments import argument_frames, first_row, in_braces, table_frames
from .frames import (
    Argument,
    Cell,
    Closer,
    Content,
    Delimiter,
    Frame,
    MathList,
    Place,
    Step,
    TextList,
)
from .token_kinds import Role, TokenKind

_SUBSTACK = "\\substack"
# What may stand right behind \not.
_NEGATED = frozenset([Role.SYMBOL, Role.SPACE, Role.COMMAND, Role.OPEN_BRACE])


# --------------------------------------------------------------------------------------------------- formulas


def math_step(frame: MathList, kind: TokenKind) -> Step | None:
    """The frames in place of a list after a token; None if the token can't follow."""
    if kind.has_bracket and not frame.context.brackets and not _ends_option(frame, kind):
        return None
    if frame.context.bold and kind.not_in_bold:
        return None
    if frame.place is Place.AFTER_NOT and kind.role not in _NEGATED:
        return None
    return _MATH[kind.role](frame, kind)


def _ends_option(frame: MathList, kind: TokenKind) -> bool:
    return frame.closer is Closer.BRACKET and kind.role is Role.CLOSE_BRACKET


def _next(
    frame: MathList,
    *,
    operator: bool = False,
    place: Place = Place.INSIDE,
    infix: bool | None = None,
    content: Content | None = None,
) -> MathList:
    """The list after one more atom, without scripts yet; `content` is what it has become if it was empty."""
    if frame.content is Content.EMPTY and content is not None:
        after = content
    else:
        after = Content.OPEN if frame.content is Content.OPEN else Content.SEALED
    return MathList(
        frame.context,
        frame.closer,
        operator=operator,
        infix=frame.infix if infix is None else infix,
        place=place,
        cell=frame.cell,
        content=after,
    )


def _scripted(frame: MathList, *, subscript: bool, superscript: bool) -> MathList:
    """The list after one more script of its last atom."""
    alone = frame.content in (Content.EMPTY, Content.GROUP)
    return MathList(
        frame.context,
        frame.closer,
        subscript,
        superscript,
        infix=frame.infix,
        cell=frame.cell,
        content=Content.SEALED if alone else frame.content,
    )


def goes_on(around: MathList, inside: MathList) -> MathList:
    """The list around a group with what is seen of the group."""
    is_accent = inside.content is Content.ACCENT and around.content is Content.GROUP
    return replace(
        around,
        subscript=inside.subscript,
        superscript=inside.superscript,
        content=Content.ACCENT if is_accent else around.content,
    )


def _symbol(frame: MathList, kind: TokenKind) -> Step | None:
    if frame.context.alphabet in kind.missing_in:
        return None
    return Step((_next(frame, operator=kind.operator),), frame.context.visible)


def _not_at_row_begin(frame: MathList, kind: TokenKind) -> Step | None:
    return None if frame.place is Place.ROW_BEGIN else _symbol(frame, kind)


def _close_bracket(frame: MathList, kind: TokenKind) -> Step | None:
    return Step(()) if _ends_option(frame, kind) else _symbol(frame, kind)


def _space(frame: MathList, kind: TokenKind) -> Step:
    return Step((_next(frame, place=Place.AFTER_NOT if frame.place is Place.AFTER_NOT else Place.INSIDE),))


def _style(frame: MathList, kind: TokenKind) -> Step:
    return Step((_next(frame),))


def _switch(frame: MathList, kind: TokenKind) -> Step:
    context = replace(frame.context, leaky=True) if kind.leaks else frame.context
    return Step((replace(frame, context=context, operator=False, place=Place.INSIDE),))


def _not(frame: MathList, kind: TokenKind) -> Step:
    return Step((_next(frame, place=Place.AFTER_NOT),), frame.context.visible)


def _open_brace(frame: MathList, kind: TokenKind) -> Step:
    inside = MathList(in_braces(frame.context), Closer.BRACE, content=Content.EMPTY)
    return Step((_next(frame, content=Content.GROUP), inside))


def _close_brace(frame: MathList, kind: TokenKind) -> Step | None:
    if frame.closer is Closer.BRACE:
        return Step(seen=frame if frame.content in (Content.ACCENT, Content.OPEN) else None)
    cell = frame.cell
    return Step(()) if cell is not None and cell.environment == _SUBSTACK else None


def _subscript(frame: MathList, kind: TokenKind) -> Step | None:
    if frame.subscript:
        return None
    after = _scripted(frame, subscript=True, superscript=frame.superscript)
    return Step((after, Argument(frame.context, script=True)))


def _superscript(frame: MathList, kind: TokenKind) -> Step | None:
    if frame.superscript:
        return None
    after = _scripted(frame, subscript=frame.subscript, superscript=True)
    return Step((after, Argument(frame.context, script=True)))


def _prime(frame: MathList, kind: TokenKind) -> Step | None:
    # LaTeX joins what follows a prime to it, but not behind a blank, and tokens have blanks between them.
    if frame.superscript:
        return None
    return Step((_scripted(frame, subscript=frame.subscript, superscript=True),), frame.context.visible)


def _limits(frame: MathList, kind: TokenKind) -> Step | None:
    return Step((_next(frame),)) if frame.operator else None


def _command(frame: MathList, kind: TokenKind) -> Step | None:
    arguments = argument_frames(kind, frame.context)
    if arguments is None:
        return None
    return Step((_next(frame, operator=kind.operator, content=_content(kind)), *arguments))


def _content(kind: TokenKind) -> Content | None:
    """What a list becomes that holds nothing but this command."""
    if kind.accent:
        return Content.ACCENT
    return Content.GROUP if "font formula" in kind.arguments or "bold formula" in kind.arguments else None


def _left(frame: MathList, kind: TokenKind) -> Step:
    inside = MathList(frame.context, Closer.RIGHT)
    return Step((_next(frame), inside, *_delimiters(frame, kind)), kind.ink and frame.context.visible)


def _right(frame: MathList, kind: TokenKind) -> Step | None:
    if frame.closer is not Closer.RIGHT:
        return None
    return Step(_delimiters(frame, kind), kind.ink and frame.context.visible)


def _middle(frame: MathList, kind: TokenKind) -> Step | None:
    if frame.closer is not Closer.RIGHT:
        return None
    return Step((_next(frame), *_delimiters(frame, kind)), kind.ink and frame.context.visible)


def _delimiters(frame: MathList, kind: TokenKind) -> tuple[Frame, ...]:
    """The delimiter of a fence whose token doesn't hold it."""
    return tuple(Delimiter(frame.context) for _ in kind.arguments)


def _begin(frame: MathList, kind: TokenKind) -> Step:
    return Step((_next(frame), *table_frames(kind.name, frame.context)))


def _end(frame: MathList, kind: TokenKind) -> Step | None:
    return Step(()) if frame.cell is not None and frame.cell.environment == kind.name else None


def _tab(frame: MathList, kind: TokenKind) -> Step | None:
    cell = frame.cell
    if cell is None or cell.column + 1 >= cell.columns:
        return None
    following = Cell(cell.environment, cell.columns, cell.column + 1)
    return Step((MathList(frame.context, Closer.TABLE, cell=following),))


def _row_end(frame: MathList, kind: TokenKind) -> Step | None:
    cell = frame.cell
    if cell is None:
        return None
    return Step((first_row(frame.context, Cell(cell.environment, cell.columns)),))


def _rule(frame: MathList, kind: TokenKind) -> Step | None:
    if frame.place is not Place.ROW_BEGIN or frame.cell is None or frame.cell.environment == _SUBSTACK:
        return None
    return Step((frame,))


def _infix(frame: MathList, kind: TokenKind) -> Step | None:
    if not frame.infix:
        return None
    arguments = argument_frames(kind, frame.context)
    assert arguments is not None
    return Step((_next(frame, infix=False), *arguments))


def _dollar(frame: MathList, kind: TokenKind) -> Step | None:
    return Step(()) if frame.closer is Closer.DOLLAR else None


def _never(frame: MathList, kind: TokenKind) -> None:
    return None


def _end_of_formula(frame: MathList, kind: TokenKind) -> Step | None:
    return Step(()) if frame.closer is Closer.END else None


_MATH: dict[Role, Callable[[MathList, TokenKind], Step | None]] = {
    Role.SYMBOL: _symbol,
    Role.SPACE: _space,
    Role.STYLE: _style,
    Role.SWITCH: _switch,
    Role.OPEN_BRACE: _open_brace,
    Role.CLOSE_BRACE: _close_brace,
    Role.OPEN_BRACKET: _not_at_row_begin,
    Role.CLOSE_BRACKET: _close_bracket,
    Role.STAR: _not_at_row_begin,
    Role.SUBSCRIPT: _subscript,
    Role.SUPERSCRIPT: _superscript,
    Role.PRIME: _prime,
    Role.LIMITS: _limits,
    Role.NOT: _not,
    Role.COMMAND: _command,
    Role.LEFT: _left,
    Role.RIGHT: _right,
    Role.MIDDLE: _middle,
    Role.BEGIN: _begin,
    Role.END: _end,
    Role.TAB: _tab,
    Role.ROW_END: _row_end,
    Role.RULE: _rule,
    Role.INFIX: _infix,
    Role.DOLLAR: _dollar,
    Role.END_OF_FORMULA: _end_of_formula,
    Role.NEVER: _never,
}


# ------------------------------------------------------------------------------------------------------- text


def text_step(frame: TextList, kind: TokenKind) -> Step | None:
    """The frames in place of a text after a token; None if the token can't stand in text."""
    if kind.role is Role.CLOSE_BRACE:
        return Step(())
    if kind.role is Role.OPEN_BRACE:
        return Step((frame, frame))
    if kind.role is Role.DOLLAR:
        return _formula_in_text(frame)
    if kind.text == "character":
        return Step((frame,), frame.context.visible)
    if kind.text in ("space", "switch"):
        return Step((frame,))
    if kind.text == "command":
        arguments = argument_frames(kind, frame.context)
        return None if arguments is None else Step((frame, *arguments))
    return None


def _formula_in_text(frame: TextList) -> Step | None:
    if not frame.dollars:
        return None
    context = replace(frame.context, brackets=True)
    return Step((frame, MathList(context, Closer.DOLLAR, infix=False)))
