"""Glyphs and rules of a DVI file, written here byte by byte."""

from __future__ import annotations

import struct

import pytest

from im2latex_fairseq.images.dvi_pages import DviError, Ink, read_pages
from im2latex_fairseq.images.font_metrics import CharacterBox

PREAMBLE = bytes((247, 2)) + bytes(12) + bytes((3,)) + b"TeX"
POSTAMBLE = bytes((248,)) + bytes(28)
A, B = 65, 66
BOXES = [None] * 256
BOXES[A], BOXES[B] = CharacterBox(10, 7, 1), CharacterBox(20, 8, 2)


def load_font(name, size):
    return BOXES


def font(number: int, name: str = "cmr10", size: int = 99) -> bytes:
    return bytes((243, number)) + struct.pack(">III", 0, size, size) + bytes((0, len(name))) + name.encode()


def page(commands: bytes, number: int = 1) -> bytes:
    return bytes((139,)) + struct.pack(">11i", number, *[0] * 9, -1) + commands + bytes((140,))


def special(text: str) -> bytes:
    return bytes((239, len(text))) + text.encode()


def read(commands: bytes) -> list[Ink]:
    return read_pages(PREAMBLE + page(font(0) + bytes((171,)) + commands) + POSTAMBLE, load_font)[1]


def places(inks: list[Ink]) -> list[tuple[int, int, int]]:
    return [(ink.code, ink.x, ink.y) for ink in inks]


def test_a_glyph_has_its_font_its_box_and_its_place():
    assert read(bytes((A,))) == [Ink("cmr10", 99, A, 0, 0, 10, 7, 1, "")]


@pytest.mark.parametrize(
    "commands, expected",
    [
        (bytes((A, B, A)), [(A, 0, 0), (B, 10, 0), (A, 30, 0)]),  # each moves by its width
        (bytes((133, A, B)), [(A, 0, 0), (B, 0, 0)]),  # put doesn't
        (bytes((128, A, B)), [(A, 0, 0), (B, 10, 0)]),  # set1 does
        (bytes((143, 5, A)), [(A, 5, 0)]),  # right1
        (bytes((144, 0xFF, 0xFF, A)), [(A, -1, 0)]),  # right2, to the left
        (bytes((157, 5, A)), [(A, 0, 5)]),  # down1
        (bytes((141, 143, 5, A, 142, B)), [(A, 5, 0), (B, 0, 0)]),  # push, pop
        (bytes((148, 3, A, 147, A)), [(A, 3, 0), (A, 16, 0)]),  # w is remembered
        (bytes((153, 3, A, 152, A)), [(A, 3, 0), (A, 16, 0)]),  # x
        (bytes((162, 3, A, 161, A)), [(A, 0, 3), (A, 10, 6)]),  # y
        (bytes((167, 3, A, 166, A)), [(A, 0, 3), (A, 10, 6)]),  # z
        (bytes((148, 3, 141, 148, 9, 142, 147, A)), [(A, 6, 0)]),  # and restored
        (bytes((138, A)), [(A, 0, 0)]),  # nop
    ],
)
def test_glyphs_stand_where_the_commands_say(commands, expected):
    assert places(read(commands)) == expected


def test_rules_have_a_size_and_move_if_they_are_set():
    rule = struct.pack(">ii", 4, 6)
    inks = read(bytes((132,)) + rule + bytes((137,)) + rule + bytes((A,)))
    assert [(ink.is_rule, ink.x, ink.width, ink.height, ink.font) for ink in inks] == [
        (True, 0, 6, 4, ""),
        (True, 6, 6, 4, ""),
        (False, 6, 10, 7, "cmr10"),
    ]


def test_rules_without_extent_are_no_ink_but_move():
    assert places(read(bytes((132,)) + struct.pack(">ii", -4, 6) + bytes((A,)))) == [(A, 6, 0)]


def test_colours_last_until_the_next_and_not_beyond_the_page():
    commands = bytes((A,)) + special("color rgb 1 0 0") + bytes((A,)) + special("else") + bytes((B,))
    dvi = PREAMBLE + page(font(0) + bytes((171,)) + commands) + page(bytes((171, A)), 2) + POSTAMBLE
    pages = read_pages(dvi, load_font)
    assert [ink.colour for ink in pages[1]] == ["", "rgb 1 0 0", "rgb 1 0 0"]
    assert [ink.colour for ink in pages[2]] == [""]


def test_fonts_are_asked_for_once_by_name_and_size():
    asked = []

    def load(name, size):
        asked.append((name, size))
        return BOXES

    number = bytes((235, 200))  # fnt1: beyond the 64 that have a command each
    commands = font(0) + bytes((243, 200)) + font(0, "cmmi7", 7)[2:] + bytes((171, A)) + number + bytes((A,))
    dvi = PREAMBLE + page(commands) + page(font(0) + bytes((171, A)), 2) + POSTAMBLE
    assert [ink.font for ink in read_pages(dvi, load)[1]] == ["cmr10", "cmmi7"]
    assert asked == [("cmr10", 99), ("cmmi7", 7)]


def test_of_pages_with_one_number_the_last_counts():
    dvi = PREAMBLE + page(font(0) + bytes((171, A))) + page(bytes((171, B))) + POSTAMBLE
    assert places(read_pages(dvi, load_font)[1]) == [(B, 0, 0)]


@pytest.mark.parametrize(
    "dvi, message",
    [
        (b"", "ends too early"),
        (PREAMBLE, "ends too early"),
        (PREAMBLE + page(b"")[:-1], "ends too early"),
        (PREAMBLE + page(bytes((171,))), "refers to what isn't there"),  # a font that nobody defined
        (PREAMBLE + page(bytes((142,))), "refers to what isn't there"),  # pop without push
        (PREAMBLE + page(bytes((250,))), "command 250 within a page"),
        (PREAMBLE + bytes((3,)), "command 3 between pages"),
        (PREAMBLE + page(font(0) + bytes((171, 3))), "cmr10 has no character 3"),
        (PREAMBLE + page(bytes((141,)) * 2000), "nested without end"),
    ],
)
def test_what_is_no_dvi_file_is_refused(dvi, message):
    with pytest.raises(DviError, match=message):
        read_pages(dvi, load_font)
