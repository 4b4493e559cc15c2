"""How strongly pictures are distorted in training: presets, and a small language for options."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace

__all__ = ["AUGMENT_PRESETS", "AugmentSettings", "AugmentSettingsError"]


class AugmentSettingsError(ValueError):
    """Augmentation options that can't be used: names what was given and what there is."""


def _strength(most: float, text: str) -> float:
    value: float = field(default=0.0, metadata={"most": most, "help": text})
    return value


def _chance(default: float) -> float:
    value: float = field(
        default=default, metadata={"most": 1.0, "help": "share of pictures that it is drawn for"}
    )
    return value


@dataclass(frozen=True)
class AugmentSettings:
    """Strengths of the distortions, and the chance of each; a strength of 0 switches one off.

    The amounts are drawn evenly up to the strength, so small ones are as frequent as large ones.
    """

    scale: float = _strength(1.0, "both sides by 1/(1+x) to 1+x: 0.25 spans 0.8 to 1.25")
    scale_chance: float = _chance(1.0)
    stretch: float = _strength(0.5, "width alone by 1/(1+x) to 1+x")
    stretch_chance: float = _chance(0.5)
    rotation: float = _strength(15.0, "degrees to either side")
    rotation_chance: float = _chance(0.5)
    shear: float = _strength(0.5, "slant to either side, horizontal pixels a vertical pixel")
    shear_chance: float = _chance(0.5)
    margin: float = _strength(32.0, "pixels of paper put on each side, each on its own")
    margin_chance: float = _chance(1.0)
    stroke: float = _strength(2.0, "pixels that strokes grow by; they shrink by half of it at most")
    stroke_chance: float = _chance(0.5)
    resample: float = _strength(
        0.8, "share of the original resolution lost, by shrinking and enlarging again"
    )
    resample_chance: float = _chance(0.3)
    blur: float = _strength(4.0, "standard deviation in pixels")
    blur_chance: float = _chance(0.3)
    gamma: float = _strength(2.0, "octaves by which half-tones darken or lighten")
    gamma_chance: float = _chance(0.5)
    contrast: float = _strength(0.9, "share of the blackness of ink that is lost")
    contrast_chance: float = _chance(0.3)
    background: float = _strength(0.6, "share of the whiteness of paper that is lost, evenly or as a slope")
    background_chance: float = _chance(0.3)
    noise: float = _strength(64.0, "standard deviation in greys of 255")
    noise_chance: float = _chance(0.3)
    jpeg: float = _strength(90.0, "quality lost of 95")
    jpeg_chance: float = _chance(0.2)
    max_height_px: int = field(default=192, metadata={"help": "results are not made higher than this"})
    max_width_px: int = field(default=768, metadata={"help": "results are not made wider than this"})

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            most = item.metadata.get("most")
            if most is None:
                if type(value) is not int or value < 1:
                    raise AugmentSettingsError(f"{item.name} must be a whole number from 1, not {value!r}")
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
                raise AugmentSettingsError(f"{item.name} must be from 0 to {most:g}, not {value!r}")

    @classmethod
    def from_string(cls, text: str) -> AugmentSettings:
        """Read ``"standard"``, ``"rotation=2,blur=0.3"`` or ``"light,jpeg=40,jpeg_chance=0.5"``.

        A preset, if one is named, comes first; without one, all that isn't named is off.

        Raises:
            AugmentSettingsError: A name or number isn't known; the message lists what there is.
        """
        names = [item.name for item in fields(cls)]
        settings, changes = cls(), dict[str, float | int]()
        for place, part in enumerate(item.strip() for item in text.split(",")):
            name, equals, number = (piece.strip() for piece in part.partition("="))
            if not equals and place == 0 and name in AUGMENT_PRESETS:
                settings = AUGMENT_PRESETS[name]
                continue
            if not equals or name not in names:
                raise AugmentSettingsError(
                    f"augmentation {text!r}: {part!r} is unknown; give a preset ({', '.join(AUGMENT_PRESETS)}), "
                    f"name=number, or both, separated by commas. Names are {', '.join(names)}"
                )
            if name in changes:
                raise AugmentSettingsError(f"augmentation {text!r}: {name} is given twice")
            changes[name] = _read_number(text, name, number)
        try:
            return replace(settings, **changes)  # type: ignore[arg-type]  # _read_number gives each its type
        except AugmentSettingsError as error:
            raise AugmentSettingsError(f"augmentation {text!r}: {error}") from None


_WHOLE = ("max_height_px", "max_width_px")


def _read_number(text: str, name: str, number: str) -> float | int:
    try:
        value = int(number) if name in _WHOLE else float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AugmentSettingsError(f"augmentation {text!r}: {name} needs a number, not {number!r}")
    return value


_LIGHT = AugmentSettings(
    scale=0.25,
    stretch=0.04,
    stretch_chance=0.3,
    margin=4,
    stroke=0.5,
    blur=0.5,
    blur_chance=0.2,
    gamma=0.7,
    resample=0.2,
    resample_chance=0.15,
)
_STANDARD = replace(
    _LIGHT,
    rotation=1.0,
    rotation_chance=0.2,
    shear=0.06,
    shear_chance=0.2,
    margin=6,
    stroke=0.7,
    blur=0.7,
    blur_chance=0.25,
    resample=0.3,
    resample_chance=0.2,
    contrast=0.4,
    background=0.15,
    background_chance=0.15,
    noise=8.0,
    noise_chance=0.2,
    jpeg=60.0,
    jpeg_chance=0.1,
)
_HEAVY = replace(
    _STANDARD,
    scale=0.4,
    stretch=0.1,
    rotation=3.0,
    rotation_chance=0.5,
    shear=0.15,
    shear_chance=0.4,
    margin=10,
    stroke=1.0,
    blur=1.1,
    blur_chance=0.4,
    resample=0.45,
    resample_chance=0.35,
    contrast=0.7,
    contrast_chance=0.5,
    background=0.4,
    background_chance=0.5,
    noise=20.0,
    noise_chance=0.5,
    jpeg=80.0,
    jpeg_chance=0.3,
)

AUGMENT_PRESETS = {"none": AugmentSettings(), "light": _LIGHT, "standard": _STANDARD, "heavy": _HEAVY}
"""none: pictures as they are. light: other renderers and sizes. standard: also scans and re-encoded
screenshots. heavy: also photographs."""
