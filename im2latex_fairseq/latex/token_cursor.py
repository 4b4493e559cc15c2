"""A place in a list of tokens, and what is read there without building a tree: raw arguments, dimensions, options.

What can't be read is refused here, with the index of the token; the parser makes an offset of it.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from typing import NoReturn

from im2latex_fairseq.latex.commands import ROW_ENDS, ROW_RULES
from im2latex_fairseq.latex.tokenizer import DELIMITER_CHARACTERS, DELIMITER_COMMANDS
from im2latex_fairseq.latex.tree import Raw

MAX_DEPTH = 64
END = ""  # what stands behind the last token
CLOSERS = frozenset(["}", "&", END]) | ROW_ENDS  # what ends a sequence, besides \\right and \\end
UNITS = frozenset("pt mm cm in ex em mu bp pc dd cc sp".split())


class ParseError(Exception):
    """What went wrong at which token; `parse` makes a LatexError with an offset of it."""

    def __init__(self, reason: str, detail: str, index: int, hint: str = "") -> None:
        super().__init__(reason, detail, index, hint)
        self.reason, self.detail, self.index, self.hint = reason, detail, index, hint


class TokenCursor:
    """The tokens, the index of the next one, and how deep the parser is."""

    def __init__(self, tokens: Tokens[str]) -> None:
        self.tokens = list(tokens)
        self.tokens.append(END)
        self.position = 0
        self.depth = 0

    def enter(self) -> None:
        """One level deeper; every recursion passes here."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse("nesting_too_deep", f"more than {MAX_DEPTH} levels", "split the formula")

    def option(self) -> Raw | None:
        """``[`` ... ``]`` where one stands; brackets inside braces don't close it."""
        if self.tokens[self.position] != "[":
            return None
        start = self.position
        depth = 0
        for index in range(start + 1, len(self.tokens)):
            token = self.tokens[index]
            if token == "]" and depth == 0:
                self.position = index + 1
                return Raw(self.tokens[start + 1 : index])
            depth += (token == "{") - (token == "}")
            if depth < 0 or token == END:
                break
        self.refuse("unbalanced_brackets", "'[' of an option that is never closed", "close it or use {[}")

    def raw_argument(self, command: int) -> Raw:
        """Balanced tokens in braces, or one token."""
        start = self.position
        if self.tokens[start] != "{":
            if self.tokens[start] in CLOSERS:
                self.refuse("missing_argument", f"{self.tokens[command]} without its argument")
            self.position += 1
            return Raw([self.tokens[start]])
        depth = 0
        for index in range(start, len(self.tokens)):
            token = self.tokens[index]
            depth += (token == "{") - (token == "}")
            if depth == 0:
                self.position = index + 1
                return Raw(self.tokens[start + 1 : index])
        self.refuse("unbalanced_braces", "'{' that is never closed", "close it")

    def dimension(self) -> list[str]:
        """A bare dimension: sign, digits, unit; ``plus`` and ``minus`` parts are read over."""
        start = self.position
        index = start
        tokens = self.tokens
        while tokens[index] in ("-", "+", "="):
            index += 1
        digits = index
        while tokens[index].isdigit() or tokens[index] in (".", ","):
            index += 1
        if tokens[index].startswith("\\") and tokens[index][1:].isalpha():
            end = index + 1  # a register: 0.5\textwidth
        elif index > digits and tokens[index] + tokens[index + 1] in UNITS:
            end = index + 2
        elif index > digits and "".join(tokens[index : index + 6]) in (
            "truept",
            "truemm",
            "truecm",
            "truein",
        ):
            end = index + 6
        else:
            self.refuse(
                "bad_dimension", f"{tokens[start - 1]} without a dimension", "write a number and a unit"
            )
        self.position = end
        for word in ("plus", "minus"):
            if "".join(tokens[self.position : self.position + len(word)]) == word:
                self.position += len(word)
                self.glue_part()
        return [token for token in tokens[start:end] if token != "="]

    def glue_part(self) -> None:
        """Read over what ``plus`` or ``minus`` is followed by."""
        while self.tokens[self.position].isdigit() or self.tokens[self.position] in (".", "-"):
            self.position += 1
        unit = "".join(self.tokens[self.position : self.position + 2])
        if unit in UNITS:
            self.position += 2
        elif unit == "fi":
            self.position += 2
            while self.tokens[self.position] == "l":
                self.position += 1

    def delimiter(self) -> list[str]:
        """One delimiter, bare or in braces."""
        token = self.tokens[self.position]
        if token == "{" and self.tokens[self.position + 2] == "}":  # \big{(} is common
            inner = self.tokens[self.position + 1]
            if inner in DELIMITER_CHARACTERS or inner in DELIMITER_COMMANDS:
                self.position += 3
                return [inner]
        if token not in DELIMITER_CHARACTERS and token not in DELIMITER_COMMANDS:
            self.refuse("bad_delimiter", f"{token or 'the end'!r} where a delimiter is needed")
        self.position += 1
        return [token]

    def row_gap(self) -> list[str]:
        """What may follow ``\\\\``: a star, and a gap in brackets if a dimension stands in them."""
        if self.tokens[self.position] == "*":
            self.position += 1
        if self.tokens[self.position] != "[":
            return []
        index = self.position + 1
        gap: list[str] = []
        while self.tokens[index] not in ("]", END) and len(gap) < 24:
            gap.append(self.tokens[index])
            index += 1
        text = "".join(gap)
        if self.tokens[index] == "]" and (
            text == "" or (text[-2:] in UNITS and _is_number(text[:-2])) or r"\base" in text
        ):
            self.position = index + 1
            return gap
        return []

    def row_rules(self) -> list[str]:
        """``\\hline`` and relatives in front of a row, with their arguments."""
        rules: list[str] = []
        while self.tokens[self.position] in ROW_RULES:
            token = self.tokens[self.position]
            rules.append(token)
            self.position += 1
            if ROW_RULES[token]:
                rules += ["{", *self.raw_argument(self.position - 1).tokens, "}"]
        return rules

    def close(self, opening: int) -> None:
        """The brace that closes the one at `opening`."""
        token = self.tokens[self.position]
        if token == "}":
            self.position += 1
        elif token == END:
            self.refuse_at(opening, "unbalanced_braces", "'{' that is never closed", "close it")
        else:
            self.refuse_stray()

    def refuse(self, reason: str, detail: str, hint: str = "") -> NoReturn:
        """Stop at the next token."""
        raise ParseError(reason, detail, self.position, hint)

    def refuse_at(self, index: int, reason: str, detail: str, hint: str = "") -> NoReturn:
        """Stop at a token."""
        raise ParseError(reason, detail, index, hint)

    def refuse_stray(self) -> NoReturn:
        """Stop at a token that closes what isn't open."""
        token = self.tokens[self.position]
        if token == "}":
            self.refuse("unbalanced_braces", "'}' without '{'", "remove it or open it")
        if token == "&":
            self.refuse("misplaced_alignment", "'&' outside an alignment", "put it into an environment")
        if token.startswith(r"\right"):
            self.refuse("unbalanced_fences", r"\right without \left", r"add \left.")
        self.refuse("unbalanced_environments", f"{token!r} where nothing of the kind is open")


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).replace(",", "", 1).isdigit()
