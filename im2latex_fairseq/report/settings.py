"""What a report shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportSettings:
    """What a report shows.

    Attributes:
        title: Of the page.
        worst: So many of the worst samples have pictures.
        random: So many samples drawn at random have pictures.
        seed: Of that draw.
        worst_by: Name of the metric that says which are the worst; "" for the best of those that there are.
        listed: At most so many samples are on the page as text.
    """

    title: str = "What was read in pictures of formulas"
    worst: int = 200
    random: int = 200
    seed: int = 1
    worst_by: str = ""
    listed: int = 20_000

    def __post_init__(self) -> None:
        for name in ("worst", "random"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it can't be negative")
        if self.listed < 1:
            raise ValueError(f"listed is {self.listed}; it must be at least 1")
