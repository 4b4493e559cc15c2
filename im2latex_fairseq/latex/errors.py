"""The error of the `latex` room: a formula that can't be read, with where and why."""

from __future__ import annotations

_EXCERPT_CHARACTERS = 24


class LatexError(ValueError):
    """A formula is refused: it can't be read without guessing.

    Attributes:
        reason: Short slug that reports count by, for example ``"unbalanced_braces"``.
        position: Offset in `formula` (characters, from 0) at which reading stopped.
        formula: The formula as it was given.
    """

    def __init__(self, reason: str, detail: str, *, position: int, formula: str, hint: str = "") -> None:
        """Build the message from what was seen, where, and what to do.

        Args:
            reason: Slug for counting, lower case with underscores.
            detail: What was seen, in words.
            position: Offset in `formula`; clipped to its length.
            formula: The text that was being read.
            hint: What the caller can do about it; optional.
        """
        self.reason = reason
        self.position = max(0, min(position, len(formula)))
        self.formula = formula
        self._parts = (reason, detail, self.position, formula, hint)
        message = f"{reason}: {detail} at offset {self.position}, near {excerpt(formula, self.position)}"
        super().__init__(f"{message}; {hint}" if hint else message)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by parts, so that a worker process can hand the error to its parent."""
        return (_rebuild, self._parts)


def _rebuild(reason: str, detail: str, position: int, formula: str, hint: str) -> LatexError:
    return LatexError(reason, detail, position=position, formula=formula, hint=hint)


def excerpt(formula: str, position: int) -> str:
    """Quote the surroundings of an offset in printable ASCII, short enough for a log line."""
    start = max(0, position - _EXCERPT_CHARACTERS)
    end = min(len(formula), position + _EXCERPT_CHARACTERS)
    text = ascii(formula[start:end])
    return f"{'...' if start else ''}{text}{'...' if end < len(formula) else ''}"
