from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from im2latex_fairseq.report.bins import GroupScore
from im2latex_fairseq.report.charts import Chart, curve, rows

SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)


def chart(*scores: float, whole: float = 50.0, unit: str = "percent", title: str = "By length") -> Chart:
    groups = [
        GroupScore(f"group {number}", 10, score, (max(score - 5, 0), min(score + 5, 100)))
        for number, score in enumerate(scores)
    ]
    return Chart("key", title, "tokens", groups, whole, unit)


def numbers(html: str, element: str, attribute: str) -> list[float]:
    (drawing,) = SVG.findall(html)
    return [float(found.get(attribute, "nan")) for found in ElementTree.fromstring(drawing).iter(element)]


def test_a_better_group_is_higher() -> None:
    drawn = curve(chart(90.0, 60.0, 70.0), ["1", "5", "9", "20"])
    first, second, third = numbers(drawn, "circle", "cy")
    assert first < third < second, "y grows downwards"


def test_a_better_group_is_further_right() -> None:
    first, second = numbers(rows(chart(90.0, 60.0)), "circle", "cx")
    assert first > second


@pytest.mark.parametrize("scores", [(0.0,), (100.0,), (100.0, 100.0), (0.0, 100.0), (99.97, 99.99)])
@pytest.mark.parametrize("unit", ["percent", "tokens"])
def test_everything_is_on_the_chart(scores: tuple[float, ...], unit: str) -> None:
    edges = [str(number) for number in range(len(scores) + 1)]
    for drawn in (curve(chart(*scores, whole=scores[0], unit=unit), edges), rows(chart(*scores, unit=unit))):
        (drawing,) = SVG.findall(drawn)
        _, _, width, height = map(float, re.findall(r"viewBox=\"(\S+) (\S+) (\S+) (\S+)\"", drawing)[0])
        assert all(0 <= x <= width for x in numbers(drawn, "circle", "cx"))
        assert all(0 <= y <= height for y in numbers(drawn, "circle", "cy"))


def test_figures_are_there_as_a_table() -> None:
    drawn = curve(chart(90.0, 60.0), ["1", "5", "9"])
    assert '<th scope="row">group 0</th><td>10</td><td>90.00</td><td>85.00 to 95.00</td>' in drawn


def test_titles_are_escaped_and_nothing_has_a_style_attribute() -> None:
    drawn = rows(chart(90.0, title="<script>alert(1)</script>"))
    assert "<script" not in drawn and "&lt;script&gt;" in drawn
    assert "style=" not in drawn
