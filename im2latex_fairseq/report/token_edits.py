"""Where two token lists differ, and the tokens that are taken for one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein


class TokenEdit(NamedTuple):
    """`reference[start:end]` was read as `replacement`.

    Either a replacement, of as many tokens as there were, or a loss (`replacement` is empty), or an invention
    (`start == end`); these may follow one another.
    """

    start: int
    end: int
    replacement: tuple[str, ...]


class Confusion(NamedTuple):
    """A token that was read as another one.

    Attributes:
        reference: The right token; "" if there was none: the other was invented.
        hypothesis: The one that was read; "" if none was: the right one was lost.
        times: How often.
        samples: In how many formulas.
        occurrences: How often the right token occurs in all references; 0 if there was none.
    """

    reference: str
    hypothesis: str
    times: int
    samples: int
    occurrences: int


def token_edits(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[TokenEdit, ...]:
    """The runs that turn a reference into a hypothesis by the fewest edits (Levenshtein), in order."""
    return tuple(
        TokenEdit(step.src_start, step.src_end, tuple(hypothesis[step.dest_start : step.dest_end]))
        for step in Levenshtein.opcodes(reference, hypothesis)
        if step.tag != "equal"
    )


def confused_tokens(reference: Sequence[str], edits: Iterable[TokenEdit]) -> list[tuple[str, str]]:
    """(right, read) of each edit of one token, "" for none."""
    found: list[tuple[str, str]] = []
    for edit in edits:
        right = reference[edit.start : edit.end]
        # A run is of one kind: replaced tokens are as many as their replacements.
        longest = max(len(right), len(edit.replacement))
        found += zip(
            [*right, *[""] * (longest - len(right))],
            [*edit.replacement, *[""] * (longest - len(edit.replacement))],
            strict=True,
        )
    return found


def count_confusions(
    references: Sequence[Sequence[str]], edits: Sequence[Iterable[TokenEdit]]
) -> tuple[Confusion, ...]:
    """All confusions of a set of formulas, the most frequent first.

    Args:
        references: (N) Tokens of each reference.
        edits: (N) Of each, in that order.
    """
    times: Counter[tuple[str, str]] = Counter()
    samples: Counter[tuple[str, str]] = Counter()
    occurrences: Counter[str] = Counter()
    for reference, found in zip(references, edits, strict=True):
        occurrences.update(reference)
        confused = confused_tokens(reference, found)
        times.update(confused)
        samples.update(set(confused))
    return tuple(
        Confusion(right, read, count, samples[right, read], occurrences[right])
        for (right, read), count in sorted(times.items(), key=lambda item: (-item[1], item[0]))
    )
