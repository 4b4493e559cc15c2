"""Which formulas go on: by length, by picture size, by rare tokens, by what evaluation splits hold."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol, TypeVar

from im2latex_fairseq.data.manifest import ManifestEntry
from im2latex_fairseq.latex.atom_classes import SPACE_SYMBOLS
from im2latex_fairseq.preparation.comparison import comparison_key
from im2latex_fairseq.preparation.formula_table import Reject


class HasFormula(Protocol):
    """A row of a formula table or of a manifest."""

    @property
    def id(self) -> str:
        """Its name in the table or manifest."""

    @property
    def formula(self) -> str:
        """Tokens joined by single spaces."""


Row = TypeVar("Row", bound=HasFormula)


@dataclass(frozen=True)
class SizeLimits:
    """What a pair may measure; None sets no limit. Inclusive on both sides."""

    min_tokens: int = 1
    max_tokens: int | None = 150
    max_height_px: int | None = None
    max_width_px: int | None = None
    max_spaces: int | None = None
    """Spacing tokens in a row. Who pads with forty of them teaches a decoder not to stop."""

    def refuse(self, row: HasFormula) -> Reject | None:
        """Why a row is dropped, or None; picture sizes are looked at where the row has them."""
        tokens = row.formula.count(" ") + 1
        if tokens < self.min_tokens:
            return Reject(
                row.id, "too_few_tokens", f"{tokens} tokens, minimum {self.min_tokens}", row.formula
            )
        if self.max_tokens is not None and tokens > self.max_tokens:
            return Reject(
                row.id, "too_many_tokens", f"{tokens} tokens, maximum {self.max_tokens}", row.formula
            )
        if self.max_spaces is not None and (spaces := _longest_space(row.formula)) > self.max_spaces:
            detail = f"{spaces} spaces in a row, maximum {self.max_spaces}"
            return Reject(row.id, "too_many_spaces", detail, row.formula)
        if isinstance(row, ManifestEntry):
            if self.max_height_px is not None and row.height > self.max_height_px:
                detail = f"{row.height} px high, maximum {self.max_height_px}"
                return Reject(row.id, "too_high", detail, row.formula)
            if self.max_width_px is not None and row.width > self.max_width_px:
                detail = f"{row.width} px wide, maximum {self.max_width_px}"
                return Reject(row.id, "too_wide", detail, row.formula)
        return None


def _longest_space(formula: str) -> int:
    runs = groupby(formula.split(" "), SPACE_SYMBOLS.__contains__)
    return max((sum(1 for _ in run) for is_space, run in runs if is_space), default=0)


def refuse_by_size(rows: Sequence[HasFormula], limits: SizeLimits) -> dict[int, Reject]:
    """Index -> reason of each row outside of the limits."""
    refused = ((index, limits.refuse(row)) for index, row in enumerate(rows))
    return {index: reject for index, reject in refused if reject is not None}


def comparison_keys(rows: Iterable[HasFormula]) -> dict[str, str]:
    """Comparison key -> id of the first row that has it."""
    keys: dict[str, str] = {}
    for row in rows:
        keys.setdefault(comparison_key(row.formula.split(" ")), row.id)
    return keys


def refuse_known(
    rows: Sequence[HasFormula], known: Mapping[str, str], reason: str = "in_evaluation_split"
) -> dict[int, Reject]:
    """Index -> reason of each row whose comparison key is among `known` (see `comparison_keys`)."""
    refused: dict[int, Reject] = {}
    for index, row in enumerate(rows):
        owner = known.get(comparison_key(row.formula.split(" ")))
        if owner is not None:
            refused[index] = Reject(row.id, reason, f"equals {owner}", row.formula)
    return refused


def refuse_repeated(rows: Sequence[HasFormula]) -> dict[int, Reject]:
    """Index -> reason of each row whose comparison key an earlier row has."""
    first: dict[str, str] = {}
    refused: dict[int, Reject] = {}
    for index, row in enumerate(rows):
        key = comparison_key(row.formula.split(" "))
        owner = first.setdefault(key, row.id)
        if owner != row.id:
            refused[index] = Reject(row.id, "duplicate", f"equals {owner}", row.formula)
    return refused


def refuse_over_limit(rows: Sequence[HasFormula], limit: int, seed: int) -> dict[int, Reject]:
    """Index -> reason of each row that a seeded draw of `limit` rows leaves out."""
    kept = set(random.Random(seed).sample(range(len(rows)), min(limit, len(rows))))
    return {
        index: Reject(row.id, "over_limit", f"not drawn among {limit}", row.formula)
        for index, row in enumerate(rows)
        if index not in kept
    }


def refuse_rare_tokens(rows: Sequence[HasFormula], threshold: int) -> dict[int, Reject]:
    """Index -> reason of each row with a token that fewer than `threshold` of the kept rows have.

    Rows leaving may make other tokens rare, so this repeats until nothing changes. A formula that is dropped
    teaches nothing wrong, whereas one kept with an unknown-word mark teaches to emit that mark.
    """
    tokens_of = [frozenset(row.formula.split(" ")) for row in rows]
    counts = Counter(token for tokens in tokens_of for token in tokens)
    refused: dict[int, Reject] = {}
    while rare := {token for token, count in counts.items() if 0 < count < threshold}:
        for index, tokens in enumerate(tokens_of):
            if index in refused or not (hit := tokens & rare):
                continue
            token = min(hit)
            detail = f"token {token} occurs in fewer than {threshold} formulas"
            refused[index] = Reject(rows[index].id, "rare_token", detail, rows[index].formula)
            counts.subtract(tokens)
    return refused
