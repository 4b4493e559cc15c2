r"""Pages as TeX sets them: which character of which font stands where, read from its DVI file.

A page is a list of inks, glyphs and rules in the order in which TeX writes them, with the colour that was set last
by ``\special{color ...}``. Places are exact, in scaled points (65536 to a point) to the right and down; nothing is
drawn, so there are no pixels to look for and nothing hides anything else.

Source: Knuth and Fuchs, DVItype, part 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from .font_metrics import FontBoxes

#: Gives the boxes of a font: (name, size in scaled points) -> by character code.
LoadFont: TypeAlias = Callable[[str, int], FontBoxes]

_COLOUR = b"color "
_MAX_STACK = 1000


class DviError(ValueError):
    """A DVI file can't be read; the message says why."""


class Ink(NamedTuple):
    """A glyph or a rule; lengths in scaled points.

    Attributes:
        font: Name of the font; "" for a rule.
        size: Scaled size of the font; 0 for a rule.
        code: Of the character in its font; -1 for a rule.
        x: Of the reference point, to the right.
        y: Of the reference point (on the baseline), down.
        width: Of the character's box, or of the rule.
        height: Above the baseline.
        depth: Below the baseline.
        colour: What stood in ``\\special{color ...}``; "" before any.
    """

    font: str
    size: int
    code: int
    x: int
    y: int
    width: int
    height: int
    depth: int
    colour: str

    @property
    def is_rule(self) -> bool:
        """Whether this is a rule."""
        return self.code < 0


def read_pages(dvi: bytes, load_font: LoadFont) -> dict[int, list[Ink]]:
    r"""Read a DVI file.

    Args:
        dvi: The file.
        load_font: Called for each font and size.

    Returns:
        The inks of each page by its number (TeX's ``\count0``); of pages with one number, the last.

    Raises:
        DviError: This is no whole DVI file, or it shows a character that its font lacks.
    """
    try:
        return _Reader(dvi, load_font).pages()
    except (IndexError, KeyError) as error:
        raise DviError(f"it ends too early or refers to what isn't there: {error!r}") from error


class _Reader:
    """Walks through the commands; one instance for one file."""

    def __init__(self, dvi: bytes, load_font: LoadFont) -> None:
        self._dvi = dvi
        self._at = 0
        self._load_font = load_font
        self._fonts: dict[int, tuple[str, int, FontBoxes]] = {}

    def pages(self) -> dict[int, list[Ink]]:
        pages: dict[int, list[Ink]] = {}
        while True:
            command = self._unsigned(1)
            if command == 139:  # bop: ten counters and a pointer to the page before
                number = self._signed(4)
                self._at += 4 * 10
                pages[number] = self._page()
            elif command == 247:  # pre: version, three units, a comment
                self._at += 1 + 3 * 4
                length = self._unsigned(1)
                self._at += length
            elif 243 <= command <= 246:
                self._define_font(command - 242)
            elif command == 248:  # post: nothing that the pages don't say
                return pages
            elif command != 138:
                raise DviError(f"command {command} between pages")

    def _page(self) -> list[Ink]:
        # One loop without calls for what is frequent: a page has hundreds of commands, a run a million pages' worth.
        dvi = self._dvi
        inks: list[Ink] = []
        h = v = w = x = y = z = 0
        stack: list[tuple[int, int, int, int, int, int]] = []
        name, size = "", 0
        boxes: FontBoxes = []
        colour = ""
        while True:
            command = dvi[self._at]
            self._at += 1
            if command < 128 or 128 <= command <= 131 or 133 <= command <= 136:
                if command < 128:
                    code = command
                else:
                    code = self._unsigned(command - (127 if command < 133 else 132))
                box = boxes[code]
                if box is None:
                    raise DviError(f"the font {name} has no character {code}")
                inks.append(Ink(name, size, code, h, v, box.width, box.height, box.depth, colour))
                if command < 133:
                    h += box.width
            elif 143 <= command <= 146:
                h += self._signed(command - 142)
            elif command == 141:
                if len(stack) > _MAX_STACK:
                    raise DviError("boxes nested without end")
                stack.append((h, v, w, x, y, z))
            elif command == 142:
                h, v, w, x, y, z = stack.pop()
            elif 157 <= command <= 160:
                v += self._signed(command - 156)
            elif 171 <= command <= 238:
                number = command - 171 if command < 235 else self._unsigned(command - 234)
                name, size, boxes = self._fonts[number]
            elif command == 147:
                h += w
            elif 148 <= command <= 151:
                w = self._signed(command - 147)
                h += w
            elif command == 152:
                h += x
            elif 153 <= command <= 156:
                x = self._signed(command - 152)
                h += x
            elif command == 161:
                v += y
            elif 162 <= command <= 165:
                y = self._signed(command - 161)
                v += y
            elif command == 166:
                v += z
            elif 167 <= command <= 170:
                z = self._signed(command - 166)
                v += z
            elif command in (132, 137):
                height, width = self._signed(4), self._signed(4)
                if height > 0 and width > 0:
                    inks.append(Ink("", 0, -1, h, v, width, height, 0, colour))
                if command == 132:
                    h += width
            elif 239 <= command <= 242:
                length = self._unsigned(command - 238)
                special = dvi[self._at : self._at + length]
                self._at += length
                if special.startswith(_COLOUR):
                    colour = special[len(_COLOUR) :].decode("ascii", "replace").strip()
            elif 243 <= command <= 246:
                self._define_font(command - 242)
            elif command == 140:
                return inks
            elif command != 138:
                raise DviError(f"command {command} within a page")

    def _define_font(self, bytes_of_number: int) -> None:
        number = self._unsigned(bytes_of_number)
        self._at += 4  # the checksum
        size = self._unsigned(4)
        self._at += 4  # the size for which it was designed
        length = self._unsigned(1) + self._unsigned(1)  # of folder and name
        name = self._dvi[self._at : self._at + length].decode("ascii", "replace")
        self._at += length
        if number not in self._fonts:
            self._fonts[number] = (name, size, self._load_font(name, size))

    def _unsigned(self, count: int) -> int:
        self._at += count
        if self._at > len(self._dvi):
            raise IndexError(self._at)
        return int.from_bytes(self._dvi[self._at - count : self._at], "big")

    def _signed(self, count: int) -> int:
        self._at += count
        if self._at > len(self._dvi):
            raise IndexError(self._at)
        return int.from_bytes(self._dvi[self._at - count : self._at], "big", signed=True)
