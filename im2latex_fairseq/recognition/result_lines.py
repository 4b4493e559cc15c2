"""What was read in a picture as a line: for people and `cut`, or as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from im2latex_fairseq.recognition.results import Recognition

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def plain_line(recognition: Recognition, *, name: str | None, with_confidence: bool) -> str:
    r"""`name <tab> confidence <tab> latex`, of which only the LaTeX is always there.

    Args:
        recognition: Of a picture.
        name: Of the picture. Tabs, line feeds and other control characters in it are written as `\t`, `\n`, `\x1b`,
            so that a line stays a line and columns stay columns.
        with_confidence: From 0 to 1, with four decimals.
    """
    columns = [] if name is None else [_CONTROL.sub(_escaped, name)]
    if with_confidence:
        columns.append(f"{recognition.confidence:.4f}")
    return "\t".join([*columns, _CONTROL.sub(" ", recognition.latex)])


def json_line(name: str, recognition: Recognition, *, flagged: bool) -> str:
    """An object with everything that is known of a picture.

    Args:
        name: Of the picture.
        recognition: What was read.
        flagged: The confidence is below what was asked for.
    """
    known = _rounded(recognition.to_dict())
    return _dump({"path": name, **known, "low_confidence": flagged, "error": None})


def json_error_line(name: str, message: str, reason: str) -> str:
    """An object for a picture that couldn't be read: why, and a word for programs.

    Args:
        name: Of the picture.
        message: For people.
        reason: As `images.errors.ImageError` has it.
    """
    return _dump({"path": name, "latex": None, "error": message, "reason": reason})


def _rounded(value: Any) -> Any:
    """Numbers with four decimals: more would be of no use and three times as long."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def _dump(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file name that isn't UTF-8
        return json.dumps(content, allow_nan=False)
    return text


def _escaped(character: re.Match[str]) -> str:
    return {"\t": r"\t", "\n": r"\n", "\r": r"\r"}.get(character[0], f"\\x{ord(character[0]):02x}")
