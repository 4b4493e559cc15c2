"""What the symbol-level comparison of two drawn formulas comes to (see `symbol_match`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: What was compared: coloured tokens; single glyphs and rules, without colours; nothing but the text.
Basis: TypeAlias = Literal["tokens", "glyphs", "text"]


@dataclass(frozen=True)
class SymbolCounts:
    """The symbols of a hypothesis and a reference, and how many of them stand in both.

    Attributes:
        matched: Symbols that look the same and stand in the same place, at most the smaller of the two below.
        hypothesis_symbols: Symbols that the hypothesis shows.
        reference_symbols: Symbols that the reference shows.
        basis: What a symbol was; "tokens" unless the comparison had to fall back.
        fallback: Why it had to: "slug: detail", where the slug says which side and what; "" if it didn't.
        stand_ins: Characters, on both sides together, that TeX's fonts lack and that boxes stood for.
    """

    matched: int
    hypothesis_symbols: int
    reference_symbols: int
    basis: Basis = "tokens"
    fallback: str = ""
    stand_ins: int = 0

    def __post_init__(self) -> None:
        assert 0 <= self.matched <= min(self.hypothesis_symbols, self.reference_symbols)
        assert (self.basis == "tokens") == (not self.fallback)

    @property
    def recall(self) -> float:
        """Share of the reference's symbols that were matched, in [0, 1]; see `f1`."""
        return self._share(self.reference_symbols)

    @property
    def precision(self) -> float:
        """Share of the hypothesis's symbols that were matched, in [0, 1]; see `f1`."""
        return self._share(self.hypothesis_symbols)

    @property
    def f1(self) -> float:
        """2 * matched / (symbols of both), in [0, 1]; two that show nothing agree: 1."""
        symbols = self.hypothesis_symbols + self.reference_symbols
        return 2 * self.matched / symbols if symbols else 1.0

    @property
    def is_perfect(self) -> bool:
        """Whether every symbol of both sides was matched."""
        return self.matched == self.hypothesis_symbols == self.reference_symbols

    def _share(self, symbols: int) -> float:
        if symbols:
            return self.matched / symbols
        # Nothing was missed, or nothing wrong was said: perfect only if the other side shows nothing, too.
        return float(self.is_perfect)
