"""The settings of `transforms.prepare`, as they are stored with prepared data and in checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

__all__ = ["PreparationSettings", "PreparationSettingsError"]


class PreparationSettingsError(ValueError):
    """Settings that can't be used: names the field, the value and what is allowed."""


@dataclass(frozen=True)
class PreparationSettings:
    """How a picture is brought to the form that a model reads.

    A model reads what it was trained on, so the settings travel with the data and the checkpoint;
    `difference` says where two sets part.
    """

    version: int = field(
        default=1, metadata={"help": "number of the algorithm; grows when it changes any prepared picture"}
    )
    invert_dark: bool = field(default=True, metadata={"help": "turn light ink on a dark background around"})
    margin_px: int = field(default=4, metadata={"help": "blank paper on each side of the ink"})
    min_height_px: int = field(default=16, metadata={"help": "pad lower pictures to this height"})
    min_width_px: int = field(default=16, metadata={"help": "pad narrower pictures to this width"})
    max_height_px: int = field(default=192, metadata={"help": "refuse higher pictures, margin included"})
    max_width_px: int = field(default=768, metadata={"help": "refuse wider pictures, margin included"})
    grey_levels: int = field(
        default=16, metadata={"help": "shades kept, black and white included; few compress well"}
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            value, kind = getattr(self, item.name), type(item.default)
            if type(value) is not kind:  # not isinstance: True is an int
                raise PreparationSettingsError(
                    f"preparation setting {item.name} must be {kind.__name__}, not {value!r}"
                )
        # A margin of at least one pixel lets a second pass see the paper, see transforms.prepare.
        self._require("version", self.version == 1, "1, the only version that this release knows")
        self._require("margin_px", 1 <= self.margin_px <= 64, "in 1..64")
        self._require("grey_levels", 2 <= self.grey_levels <= 256, "in 2..256")
        for side in ("height", "width"):
            low, high = getattr(self, f"min_{side}_px"), getattr(self, f"max_{side}_px")
            self._require(f"min_{side}_px", low >= 1, "at least 1")
            self._require(
                f"max_{side}_px",
                high >= max(low, 2 * self.margin_px + 1),
                f"at least min_{side}_px ({low}) and more than two margins ({2 * self.margin_px})",
            )

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise PreparationSettingsError(
                f"preparation setting {name} must be {allowed}, not {getattr(self, name)}"
            )

    def to_dict(self) -> dict[str, int | bool]:
        """Return plain values for JSON and checkpoints; `from_dict` takes them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> PreparationSettings:
        """Read stored settings.

        Every field must be there: a missing one would silently take today's default for what the data were
        prepared with.

        Raises:
            PreparationSettingsError: A name is unknown or missing, or a value is out of its range.
        """
        names = [item.name for item in fields(cls)]
        unknown = sorted(str(name) for name in values if name not in names)
        missing = [name for name in names if name not in values]
        if unknown or missing:
            raise PreparationSettingsError(
                f"preparation settings: unknown {unknown}, missing {missing}; known are {names}. "
                "Were they written by another version of im2latex_fairseq?"
            )
        return cls(**dict(values))  # type: ignore[arg-type]  # __post_init__ checks the types

    def difference(self, other: PreparationSettings) -> list[str]:
        """Name the fields that differ, with both values: ``["margin_px: 4 here, 8 there"]``."""
        return [
            f"{item.name}: {getattr(self, item.name)} here, {getattr(other, item.name)} there"
            for item in fields(self)
            if getattr(self, item.name) != getattr(other, item.name)
        ]
