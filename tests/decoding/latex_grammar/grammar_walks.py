"""Walks through what a filter allows: stranger formulas than any model writes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from im2latex_fairseq.decoding.latex_grammar import LatexGrammarFilter

#: The dictionary of IM2LATEX-100K as examples/im2latex_100k prepares it.
SYMBOLS = tuple(
    Path(__file__).with_name("im2latex_100k_symbols.txt").read_text(encoding="utf-8").split("\n")[:-1]
)
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
BOS, PAD, EOS, UNK = range(4)
STYLES = ("uniform", "openers", "kinds")


def make_filter(symbols: Sequence[str] = SYMBOLS) -> LatexGrammarFilter:
    """A filter over special symbols and these."""
    return LatexGrammarFilter([*SPECIAL, *symbols], eos=EOS, pad=PAD, unk=UNK, bos=BOS)


def ids_of(formula: str, symbols: Sequence[str] = SYMBOLS) -> list[int]:
    """Ids of blank-separated tokens."""
    return [len(SPECIAL) + symbols.index(token) for token in formula.split()]


def refused_at(formula: str, grammar: LatexGrammarFilter, symbols: Sequence[str] = SYMBOLS) -> str | None:
    """The token that the filter doesn't let through, "" for the end, None if it lets all through."""
    place = grammar.first_refused(ids_of(formula, symbols))
    return None if place is None else [*formula.split(), ""][place]


def is_opener(symbol: str) -> bool:
    """Whether something has to follow."""
    closes = symbol == "}" or symbol.startswith((r"\right", r"\end{"))
    return symbol in ("{", "^", "_", "&", "$", "[") or (len(symbol) > 2 and not closes)


def walk(
    grammar: LatexGrammarFilter,
    rng: random.Random,
    max_len: int,
    style: str,
    symbols: Sequence[str] = SYMBOLS,
) -> list[str]:
    """Tokens that follow each other as the filter allows, up to an end.

    Args:
        grammar: Over `symbols`.
        rng: Chooses.
        max_len: As a search would have it.
        style: "uniform" over tokens, "openers" mostly among tokens that want more, "kinds" over kinds.
        symbols: As `make_filter` had them.
    """
    state = grammar.begin(1, max_len)
    tokens: list[str] = []
    for step in range(max_len + 1):
        allowed = np.flatnonzero(grammar.allowed_array(state, step, max_len)[0]).tolist()
        assert allowed, f"a dead end after {' '.join(tokens)}"
        token = _choose(grammar, rng, allowed, style, symbols)
        if token == EOS:
            return tokens
        tokens.append(symbols[token - len(SPECIAL)])
        state = grammar.advance(state, np.array([token]))
    raise AssertionError(f"no end within {max_len}: {' '.join(tokens)}")


def _choose(
    grammar: LatexGrammarFilter, rng: random.Random, allowed: list[int], style: str, symbols: Sequence[str]
) -> int:
    if style == "openers" and rng.random() < 0.7:
        openers = [token for token in allowed if token != EOS and is_opener(symbols[token - len(SPECIAL)])]
        return rng.choice(openers or allowed)
    if style == "kinds":
        kinds: dict[int, list[int]] = {}
        for token in allowed:
            kinds.setdefault(int(grammar.kind_of_token[token]), []).append(token)
        return rng.choice(kinds[rng.choice(list(kinds))])
    return rng.choice(allowed)
