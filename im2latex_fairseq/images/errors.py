"""The one error that pictures from users raise."""

from __future__ import annotations


class ImageError(ValueError):
    """A picture that can't be used: says which one, what was seen and what to do.

    Attributes:
        reason: Short slug for counting and for tests, such as ``"truncated"`` or ``"too_large"``.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes send errors home by pickle, which knows no keyword-only arguments.
        return (_rebuild, (type(self), str(self), self.reason))


def _rebuild(kind: type[ImageError], message: str, reason: str) -> ImageError:
    return kind(message, reason=reason)
