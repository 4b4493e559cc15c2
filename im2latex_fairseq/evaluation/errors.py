"""What the readers of this room refuse."""

from __future__ import annotations


class EvaluationInputError(ValueError):
    """A file that can't be read or files that don't fit; names the file and line, and says what to do."""
