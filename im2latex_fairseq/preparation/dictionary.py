"""The dictionary file of fairseq: a token and its count a line, most frequent first."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from im2latex_fairseq.data.atomic_file import write_text_atomically

# fairseq adds these itself; a file that lists them is refused by it ("Duplicate word found").
RESERVED = ("<s>", "<pad>", "</s>", "<unk>")


class DictionaryError(ValueError):
    """A dictionary that can't be built or read."""


def count_tokens(formulas: Iterable[str]) -> Counter[str]:
    """How often each token occurs in formulas of space-joined tokens."""
    counts: Counter[str] = Counter()
    for formula in formulas:
        counts.update(formula.split(" "))
    return counts


def write_dictionary(path: str | os.PathLike[str], counts: Mapping[str, int], threshold: int = 1) -> int:
    """Write the tokens that occur at least `threshold` times; ties go by alphabet, so that runs agree.

    Returns:
        How many tokens were written.

    Raises:
        DictionaryError: None would be, or one is reserved by fairseq or has white space in it.
    """
    kept = sorted((t for t, count in counts.items() if count >= threshold), key=lambda t: (-counts[t], t))
    if not kept:
        raise DictionaryError(
            f"{path}: no token occurs {threshold} times; lower the threshold or give more formulas"
        )
    for token in kept:
        if token in RESERVED or token == "#fairseq:overwrite" or token.split() != [token]:
            raise DictionaryError(
                f"{path}: token {token!r} can't be in a fairseq dictionary; drop its formulas"
            )
    write_text_atomically(path, "".join(f"{token} {counts[token]}\n" for token in kept))
    return len(kept)


def read_dictionary(path: str | os.PathLike[str]) -> dict[str, int]:
    """Tokens and counts of a dictionary file.

    Raises:
        FileNotFoundError, DictionaryError: It is missing or malformed (says where).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no dictionary; run preprocess/build_dictionary.py first")
    counts: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line:
            continue
        token, _, count = line.rpartition(" ")
        if not token or not count.isdigit():
            raise DictionaryError(f"{path}, line {number}: {line!r}, expected a token and its count")
        if token in counts:
            raise DictionaryError(f"{path}, line {number}: token {token!r} occurs twice")
        counts[token] = int(count)
    return counts
