"""The options of augmentation are parsed, and refused with what there is."""

from __future__ import annotations

import pytest

from im2latex_fairseq.images.augment_settings import (
    AUGMENT_PRESETS,
    AugmentSettings,
    AugmentSettingsError,
)

READABLE = [
    ("none", AugmentSettings()),
    ("standard", AUGMENT_PRESETS["standard"]),
    ("rotation=2,blur=0.3", AugmentSettings(rotation=2.0, blur=0.3)),
    (" light , jpeg = 40 ", None),  # spaces don't matter
    ("max_width_px=500", AugmentSettings(max_width_px=500)),
]


@pytest.mark.parametrize(("text", "expected"), READABLE)
def test_options_are_read(text: str, expected: AugmentSettings | None) -> None:
    settings = AugmentSettings.from_string(text)
    if expected is not None:
        assert settings == expected
    else:
        assert (settings.jpeg, settings.scale) == (40.0, AUGMENT_PRESETS["light"].scale)


WRONG = [
    ("", "standard"),  # the message lists the presets
    ("strong", "standard"),
    ("rotate=2", "rotation_chance"),  # and the names
    ("rotation", "name=number"),
    ("rotation=2,light", "light"),  # a preset comes first
    ("rotation=two", "'two'"),
    ("rotation=nan", "'nan'"),
    ("rotation=inf", "'inf'"),
    ("rotation=__import__('os')", "__import__"),  # parsed, never evaluated
    ("rotation=1,rotation=2", "twice"),
    ("rotation=99", "0 to 15"),
    ("blur=-1", "0 to 4"),
    ("noise_chance=2", "0 to 1"),
    ("max_width_px=0", "from 1"),
    ("max_width_px=9.5", "'9.5'"),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_wrong_options_are_refused(text: str, says: str) -> None:
    with pytest.raises(AugmentSettingsError) as caught:
        AugmentSettings.from_string(text)
    assert says in str(caught.value)
    assert "augmentation" in str(caught.value)


def test_presets_grow_in_strength() -> None:
    light, standard, heavy = (AUGMENT_PRESETS[name] for name in ("light", "standard", "heavy"))
    for name in ("scale", "rotation", "stroke", "blur", "noise", "jpeg", "background", "resample"):
        assert getattr(light, name) <= getattr(standard, name) <= getattr(heavy, name), name
    # The two faces of the benchmark are a factor of 0.88 apart, and more with the crop's rounding.
    assert light.scale >= 0.2
    assert light.stroke > 0
