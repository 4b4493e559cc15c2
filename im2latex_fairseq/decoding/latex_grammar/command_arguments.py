"""What follows a command, as a word for each argument: from the package's tables and what TeX adds to them.

Formulas: "formula"; "font formula", a group to TeX; "open formula", where no infix command may be, and "loose formula",
where nor may scripts behind it that the last atom in it has already; "bold formula", which the package bm takes apart,
and "accented formula", where it goes on with that; "option", a formula in brackets. Text: "text"; "plain text", without
dollars; "character" and "cedilla". Lengths: "length" and "mu" in braces; "bare length" and "bare mu"; "[length]". And
"[lrc]", one of these letters in brackets; "label"; "delimiter"; "box"; "substack". `arguments.py` makes frames of them.
"""

from __future__ import annotations

from im2latex_fairseq.latex.commands import ACCENTS, BIG_DELIMITERS, MATH_FONTS, SIGNATURES
from im2latex_fairseq.latex.tokenizer import TEXT_ARGUMENTS

from . import tex_facts

_SIGNATURE_WORDS = {"m": "formula", "o": "option", "D": "delimiter"}


class Refused(Exception):
    """A symbol that the grammar never allows, and why."""


def arguments_of(symbol: str) -> tuple[str, ...]:
    """A word for each argument that follows a command; none for a symbol.

    Raises:
        Refused: An argument of a kind that the grammar doesn't know.
    """
    if symbol in TEXT_ARGUMENTS:
        return _text_arguments(symbol)
    if symbol in tex_facts.PLAIN_BOXES:
        return ("plain text",)
    if symbol in tex_facts.DRAWN_TEXT_ACCENTS:
        return ("cedilla",) if symbol == tex_facts.CEDILLA else ("character",)
    if symbol in tex_facts.ACCENTS_OF_TEXT:
        raise Refused("an accent of text")
    if symbol in tex_facts.FONTS_WITH_ARGUMENT:
        return ("font formula",)
    if symbol in BIG_DELIMITERS:
        return ("delimiter",)
    if symbol in tex_facts.BOLD:
        return ("bold formula",)
    if symbol in ACCENTS:
        return ("accented formula",)
    if symbol in MATH_FONTS and symbol != r"\pmb":
        return ("font formula",)
    if symbol == tex_facts.LOOSE:
        return ("loose formula",)
    signature = SIGNATURES.get(symbol, "")
    if not signature.strip("mo"):
        return _formula_arguments(symbol, signature)
    return _raw_arguments(symbol, signature)


def _text_arguments(symbol: str) -> tuple[str, ...]:
    if symbol in tex_facts.SIZED_BOXES:
        return ("[length]", "[lrcs]", "text")
    if symbol == tex_facts.RAISED_BOX:
        return ("length", "[length]", "[length]", "text")
    return ("length", "text") if TEXT_ARGUMENTS[symbol] else ("text",)


def _formula_arguments(symbol: str, signature: str) -> tuple[str, ...]:
    words = []
    number = 0
    for letter in signature:
        word = _SIGNATURE_WORDS[letter]
        if letter == "m":
            word = "open formula" if number in tex_facts.OPEN_ARGUMENTS.get(symbol, ()) else word
            number += 1
        words.append(word)
    return tuple(words)


def _raw_arguments(symbol: str, signature: str) -> tuple[str, ...]:
    if symbol in tex_facts.LENGTHS:
        lengths = tex_facts.LENGTHS[symbol]
        return ("[length]", *lengths) if signature.startswith("b") else lengths
    if symbol in tex_facts.LABELS:
        return ("label",)
    if symbol in tex_facts.BARE_LENGTHS:
        length = f"bare {tex_facts.BARE_LENGTHS[symbol]}"
        return (length, "box") if symbol in tex_facts.LIFTS else (length,)
    if symbol in tex_facts.POSITIONS and signature[0] == "b":
        return (f"[{tex_facts.POSITIONS[symbol]}]", *_formula_arguments(symbol, signature[1:]))
    raise Refused("its arguments are no formulas")


def infix_arguments(symbol: str) -> tuple[str, ...]:
    """A word for each argument that follows an infix command at once."""
    delimiters = ("delimiter", "delimiter") if symbol.endswith("withdelims") else ()
    return (*delimiters, "bare length") if symbol.startswith(r"\above") else delimiters
