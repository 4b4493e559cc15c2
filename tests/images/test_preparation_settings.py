"""Settings survive storage, refuse nonsense, and say where two sets part."""

from __future__ import annotations

import json

import pytest

from im2latex_fairseq.images.preparation_settings import PreparationSettings, PreparationSettingsError


def test_json_round_trip() -> None:
    settings = PreparationSettings(margin_px=8, invert_dark=False)
    assert PreparationSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_difference_names_each_field_with_both_values() -> None:
    here, there = PreparationSettings(), PreparationSettings(margin_px=8, grey_levels=256)
    assert here.difference(here) == []
    assert here.difference(there) == ["margin_px: 4 here, 8 there", "grey_levels: 16 here, 256 there"]


WRONG = [
    ({"margin_px": 0}, "margin_px"),  # a second pass could not tell paper from ink
    ({"grey_levels": 1}, "grey_levels"),  # nothing but paper
    ({"grey_levels": 257}, "grey_levels"),
    ({"max_height_px": 8}, "max_height_px"),  # no room between the margins
    ({"min_width_px": 800}, "max_width_px"),  # least above most
    ({"min_height_px": 0}, "min_height_px"),
    ({"margin_px": 4.0}, "margin_px"),  # JSON of another language
    ({"invert_dark": 1}, "invert_dark"),
    ({"version": 2}, "version"),  # written by a later release
]


@pytest.mark.parametrize(("values", "named"), WRONG)
def test_values_out_of_range_are_refused(values: dict[str, object], named: str) -> None:
    with pytest.raises(PreparationSettingsError, match=named):
        PreparationSettings.from_dict({**PreparationSettings().to_dict(), **values})


def test_unknown_and_missing_names_are_refused() -> None:
    values: dict[str, object] = dict(PreparationSettings().to_dict())
    values["padding"] = values.pop("margin_px")
    with pytest.raises(PreparationSettingsError, match=r"unknown \['padding'\], missing \['margin_px'\]"):
        PreparationSettings.from_dict(values)
