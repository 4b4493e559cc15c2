"""Strings from users, made fit for a page: escaped, without characters that a page can't hold, of bounded length."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from typing import Any

#: Longer tokens, lists of tokens and texts are cut on the page. A decoder gone astray can write without end.
MOST_TOKEN_CHARACTERS = 120
MOST_TOKENS = 1000
MOST_CHARACTERS = 8000

# Control characters but tab and line feed; halves of surrogate pairs, which UTF-8 can't hold; marks that turn the
# direction of what follows.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_BLANKS = re.compile(r"\s+")


def readable(text: str) -> str:
    """The text with U+FFFD in place of characters that a page can't hold or show."""
    return _UNFIT.sub("\ufffd", text)


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """The beginning of a readable text, with an ellipsis if that isn't all."""
    return readable(text if len(text) <= most else text[:most] + "…")


def shown_tokens(tokens: Sequence[str]) -> tuple[str, ...]:
    """The first tokens of a formula, readable, each of bounded length and without white space in it."""
    return tuple(
        _BLANKS.sub("␣", shortened(token, MOST_TOKEN_CHARACTERS)) or "␣" for token in tokens[:MOST_TOKENS]
    )


def escaped(text: str) -> str:
    """The text as HTML, within elements and within quoted attributes."""
    return html.escape(readable(text), quote=True)


def script_json(value: Any) -> str:
    r"""JSON that can stand in a `<script type="application/json">`.

    `<` and `&` are written as `\u003c` and `\u0026`, so that no `</script>` or `<!--` of a formula ends it.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
