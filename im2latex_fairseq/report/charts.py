"""Charts as inline SVG, with a table of the same figures beneath: for eyes, screen readers and copying.

Colours come from the page's style, by class, so that charts follow the dark mode; nothing here has a `style`
attribute, which the page's content security policy wouldn't apply.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from im2latex_fairseq.report.bins import GroupScore

# User units, which are pixels at full size. Small enough to be read on a phone, where the chart is as wide as the
# screen and labels shrink with it.
_WIDTH = 420
_HEIGHT = 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 18, 10, 44
_ROW = 22
_LABELS = 150
_MOST_TICKS = 6


@dataclass(frozen=True)
class Chart:
    """What a chart shows.

    Attributes:
        key: Part of ids on the page: letters, digits, `_` and `-`.
        title: Above it.
        axis: What the groups differ in, with its unit.
        groups: At least one.
        whole: Score of all formulas together, a line for comparison.
        unit: Of the scores.
        footnote: Below it; "" for none.
    """

    key: str
    title: str
    axis: str
    groups: Sequence[GroupScore]
    whole: float
    unit: str
    footnote: str = ""


def curve(chart: Chart, edges: Sequence[str]) -> str:
    """Groups in a row, joined by a line: scores over length or width.

    Args:
        chart: The figures.
        edges: Between the groups and at both ends: one more than groups.
    """
    assert len(edges) == len(chart.groups) + 1
    axis = _Axis.around(chart)
    step = (_WIDTH - _LEFT - _RIGHT) / len(chart.groups)
    floor = _HEIGHT - _BOTTOM

    def y(value: float) -> float:
        return floor - (floor - _TOP) * axis.place(value)

    parts = []
    for tick in axis.ticks:
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        )
        parts.append(
            f'<text class="tick" x="{_LEFT - 5}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    parts.append(
        f'<line class="whole" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(chart.whole):.1f}" y2="{y(chart.whole):.1f}"/>'
    )
    for number, edge in enumerate(edges):
        x = _LEFT + number * step
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{floor}" y2="{floor + 4}"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{floor + 17}" text-anchor="middle">{html.escape(edge)}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="axis" x="{middle:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{html.escape(chart.axis)}</text>'
    )
    centres = [(_LEFT + (number + 0.5) * step, group) for number, group in enumerate(chart.groups)]
    joined = " ".join(f"{x:.1f},{y(group.score):.1f}" for x, group in centres)
    parts.append(f'<polyline class="curve" points="{joined}"/>')
    for x, group in centres:
        whisker = ""
        if group.interval is not None:
            low, high = (y(end) for end in group.interval)
            whisker = f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'
        parts.append(
            f"<g><title>{html.escape(_sentence(group))}</title>{whisker}"
            f'<circle class="dot" cx="{x:.1f}" cy="{y(group.score):.1f}" r="4"/></g>'
        )
    return _figure(chart, "".join(parts), _HEIGHT)


def rows(chart: Chart) -> str:
    """Groups under each other, which may overlap: scores by structure."""
    axis = _Axis.around(chart)
    left, right, top = _LABELS, _WIDTH - 64, 24
    floor = top + _ROW * len(chart.groups)

    def x(value: float) -> float:
        return left + (right - left) * axis.place(value)

    parts = []
    for tick in axis.ticks:
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top}" y2="{floor}"/>')
        parts.append(
            f'<text class="tick" x="{x(tick):.1f}" y="{floor + 15}" text-anchor="middle">{tick:g}</text>'
        )
    parts.append(
        f'<line class="whole" x1="{x(chart.whole):.1f}" x2="{x(chart.whole):.1f}" y1="{top}" y2="{floor}"/>'
    )
    for number, group in enumerate(chart.groups):
        y = top + (number + 0.5) * _ROW
        whisker = ""
        if group.interval is not None:
            low, high = (x(end) for end in group.interval)
            whisker = f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        parts.append(
            f"<g><title>{html.escape(_sentence(group))}</title>"
            f'<text class="tick" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{html.escape(group.title)}</text>'
            f'{whisker}<circle class="dot" cx="{x(group.score):.1f}" cy="{y:.1f}" r="4"/>'
            f'<text class="tick" x="{_WIDTH - 2}" y="{y + 4:.1f}" text-anchor="end">{group.pairs:,}</text></g>'
        )
    parts.append(f'<text class="axis" x="{_WIDTH - 2}" y="{top - 10}" text-anchor="end">formulas</text>')
    return _figure(chart, "".join(parts), floor + 24)


@dataclass(frozen=True)
class _Axis:
    """The axis of the scores.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        ticks: Round values between both.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def around(cls, chart: Chart) -> _Axis:
        """The axis from below the least to above the greatest of all that is drawn, with round ends."""
        values = [chart.whole]
        for group in chart.groups:
            values += [group.score, *(group.interval or ())]
        low, high = min(values), max(values)
        step = _round_step((high - low) / (_MOST_TICKS - 2))
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if first == last:
            first, last = first - 1, last + 1
        if chart.unit == "percent":  # nothing is beyond the perfect score, so no axis should be
            last = min(last, math.ceil(100 / step)) if high <= 100 else last
            first = max(first, 0)
        return cls(first * step, last * step, tuple(number * step for number in range(first, last + 1)))

    def place(self, value: float) -> float:
        """Where on the axis, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def _round_step(least: float) -> float:
    """The least of 1, 2, 5, 10, ... (from a tenth up) that isn't less."""
    power = 0.1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least - 1e-12:
                return factor * power
        power *= 10


def _sentence(group: GroupScore) -> str:
    interval = f" ({group.interval[0]:.1f} to {group.interval[1]:.1f})" if group.interval is not None else ""
    return f"{group.title}: {group.score:.1f}{interval}, {group.pairs:,} formulas"


def _figure(chart: Chart, drawing: str, height: float) -> str:
    title, key = html.escape(chart.title), html.escape(chart.key)
    cells = []
    for group in chart.groups:
        interval = "" if group.interval is None else f"{group.interval[0]:.2f} to {group.interval[1]:.2f}"
        cells.append(
            f'<tr><th scope="row">{html.escape(group.title)}</th><td>{group.pairs:,}</td>'
            f"<td>{group.score:.2f}</td><td>{interval}</td></tr>"
        )
    note = f'<p class="note">{html.escape(chart.footnote)}</p>' if chart.footnote else ""
    return (
        f'<figure class="chart"><figcaption id="{key}-title">{title}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img" aria-labelledby="{key}-title">{drawing}</svg>{note}'
        f'<details><summary>These figures as a table</summary><div class="scroll"><table>'
        f'<caption class="unseen">{title}</caption>'
        f'<thead><tr><th scope="col">{html.escape(chart.axis)}</th><th scope="col">formulas</th>'
        f'<th scope="col">score</th><th scope="col">interval</th></tr></thead>'
        f"<tbody>{''.join(cells)}</tbody></table></div></details></figure>"
    )
