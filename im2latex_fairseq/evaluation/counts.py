"""How many of everything there were, and how they counted."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class PairCounts:
    """What was found in references and hypotheses; each reference is a pair and none is left out.

    Attributes:
        references: Pairs that are scored.
        hypotheses: Hypotheses that were read. Each is either the one of its reference or duplicate or foreign:
            `hypotheses == references - missing + duplicate + foreign`.
        missing: References without a hypothesis; they count as an empty one.
        empty: Hypotheses of no text, the missing ones not among them; they count as they are.
        duplicate: Hypotheses of a reference that had one before; the first counts, these don't.
        foreign: Hypotheses of no reference; they don't count.
        alternatives: Further hypotheses of n-best lists; they don't count.
        empty_references: References of no text; an empty hypothesis of one is right.
        duplicate_references: References that came again with the same text; counted once.
        unnormal_hypotheses: Hypotheses that our normaliser refuses; metrics on the normal form take their
            tokens as given.
        unnormal_references: References of which the same holds.
    """

    references: int = 0
    hypotheses: int = 0
    missing: int = 0
    empty: int = 0
    duplicate: int = 0
    foreign: int = 0
    alternatives: int = 0
    empty_references: int = 0
    duplicate_references: int = 0
    unnormal_hypotheses: int = 0
    unnormal_references: int = 0

    def __post_init__(self) -> None:
        assert self.hypotheses == self.references - self.missing + self.duplicate + self.foreign, self

    def __add__(self, other: PairCounts) -> PairCounts:
        return PairCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


#: How each kind counts, for people; in the order of the table.
TREATMENT = {
    "missing": "no hypothesis: counts as an empty one (im2markup's edit distance skips such a picture)",
    "empty": "empty hypothesis: counts as it is",
    "duplicate": "a second hypothesis of the same picture: the first counts",
    "foreign": "hypothesis of no reference: not counted",
    "alternatives": "second and further of n-best lists: not counted",
    "empty_references": "empty reference: right if the hypothesis is empty too",
    "duplicate_references": "reference given again, the same: counted once",
    "unnormal_hypotheses": "hypothesis without a normal form: compared by its tokens as given",
    "unnormal_references": "reference without a normal form: compared by its tokens as given",
}
