"""Charts as SVG text: no dependencies, no external assets, colours from CSS variables so that dark pages work."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH, HEIGHT = 360, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 30, 40
_LEGEND_ROW = 18
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "1 3", "5 2 1 2")

LIGHT = {"ink": "#1d2329", "soft": "#5d6771", "grid": "#dfe3e8", "paper": "#ffffff"}
DARK = {"ink": "#e6e9ec", "soft": "#a3adb7", "grid": "#39414a", "paper": "#15191e"}
_LINES_LIGHT = ("#0b62a4", "#b8420f", "#15795a", "#7a3e9d", "#8a6100", "#505a64")
_LINES_DARK = ("#6cb6f2", "#f29464", "#5fcfa5", "#cf9cf0", "#e2bd55", "#b4bec8")

CHART_STYLE = """\
svg.chart text{font:12px system-ui,sans-serif;fill:var(--ink)}
svg.chart .title{font-weight:600;font-size:13px}
svg.chart .soft{fill:var(--soft);font-size:11px}
svg.chart .grid{stroke:var(--grid);stroke-width:1}
svg.chart .mark{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
svg.chart .line{fill:none;stroke-width:2;stroke-linejoin:round}
svg.chart .bar{fill:var(--l0)}"""


class Line(NamedTuple):
    """One line of a chart; the points are (xs, ys)."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]


class Chart(NamedTuple):
    """What a chart shows.

    Attributes:
        title: above it.
        x_label: below it.
        lines: at most six can be told apart.
        x_range: from, to.
        y_range: from, to; by default what the lines need.
        marks: (x, label) of vertical lines.
        steps: whether the values hold until the next one.
    """

    title: str
    x_label: str
    lines: Sequence[Line]
    x_range: tuple[float, float] = (0.0, 1.0)
    y_range: tuple[float, float] | None = None
    marks: Sequence[tuple[float, str]] = ()
    steps: bool = False


def variables() -> str:
    """Return the CSS variables of all colours, light by default and dark where the reader prefers it."""
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in colours.items())
        + "".join(f"--l{at}:{colour};" for at, colour in enumerate(lines))
        for colours, lines in ((LIGHT, _LINES_LIGHT), (DARK, _LINES_DARK))
    )
    return f":root{{{light}color-scheme:light dark}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def line_chart(chart: Chart, *, standalone: bool = False) -> str:
    """Return a line chart.

    Args:
        chart: what it shows.
        standalone: whether it is a file of its own, which needs its style and background.
    """
    low, high = chart.y_range or _range([y for line in chart.lines for y in line.ys])
    height = HEIGHT + _LEGEND_ROW * ((len(chart.lines) + 1) // 2 if len(chart.lines) > 1 else 0)
    parts = [f'<text class="title" x="8" y="17">{escape(chart.title)}</text>']
    parts += _grid(chart, low, high)
    for x, label in chart.marks:
        at = _x(x, chart.x_range)
        anchor = "end" if at > WIDTH * 0.6 else "start"
        shift = -4 if anchor == "end" else 4
        parts.append(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
        parts.append(
            f'<text class="soft" x="{at + shift:.1f}" y="{_TOP + 11}" text-anchor="{anchor}">{escape(label)}</text>'
        )
    for at, line in enumerate(chart.lines):
        points = " ".join(
            f"{_x(x, chart.x_range):.1f},{_y(y, low, high):.1f}" for x, y in _points(line, steps=chart.steps)
        )
        parts.append(f'<polyline class="line" {_stroke(at)} points="{points}"/>')
    if len(chart.lines) > 1:
        parts += _legend(chart.lines)
    return _svg(chart.title, parts, height, standalone=standalone)


def bar_chart(title: str, x_label: str, bars: Sequence[tuple[str, float]]) -> str:
    """Return a chart of horizontal bars: (label, length >= 0)."""
    most = max((length for _, length in bars), default=1.0) or 1.0
    parts = [f'<text class="title" x="8" y="17">{escape(title)}</text>']
    for at, (label, length) in enumerate(bars):
        top = _TOP + 18 * at
        width = (WIDTH - 190) * length / most
        parts.append(f'<text class="soft" x="8" y="{top + 11}">{escape(label)}</text>')
        parts.append(f'<rect class="bar" x="130" y="{top + 2}" width="{width:.1f}" height="11" rx="2"/>')
        parts.append(f'<text class="soft" x="{134 + width:.1f}" y="{top + 11}">{length:.4g}</text>')
    bottom = _TOP + 18 * len(bars) + 14
    parts.append(f'<text class="soft" x="130" y="{bottom}">{escape(x_label)}</text>')
    return _svg(title, parts, bottom + 8)


def _svg(title: str, parts: Sequence[str], height: float, *, standalone: bool = False) -> str:
    style = backdrop = ""
    if standalone:
        style = f"<style>{variables()}\n{CHART_STYLE}</style>"
        backdrop = f'<rect width="{WIDTH}" height="{height}" fill="var(--paper)"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title, quote=True)}">{style}{backdrop}{"".join(parts)}</svg>'
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return limits a little beyond the values."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    spare = 0.06 * (high - low) or 1.0
    return low - spare, high + spare


def _x(value: float, limits: tuple[float, float]) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (value - limits[0]) / (limits[1] - limits[0])


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)


def _points(line: Line, *, steps: bool) -> Iterator[tuple[float, float]]:
    before = None
    for x, y in zip(line.xs, line.ys, strict=True):
        if steps and before is not None and before != y:
            yield x, before
        yield x, y
        before = y


def _grid(chart: Chart, low: float, high: float) -> Iterator[str]:
    for value in ticks(low, high):
        at = _y(value, low, high)
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text class="soft" x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>'
    for value in ticks(*chart.x_range):
        at = _x(value, chart.x_range)
        yield f'<text class="soft" x="{at:.1f}" y="{HEIGHT - _BOTTOM + 15}" text-anchor="middle">{value:g}</text>'
    middle = (WIDTH + _LEFT - _RIGHT) / 2
    yield f'<text class="soft" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(chart.x_label)}</text>'


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers within the limits, three to seven of them.

    >>> ticks(0.0, 1.0), ticks(-2.6, 11.0)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [-2.0, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    """
    step = next(
        base * 10.0**power for power in range(-6, 9) for base in (1, 2, 5) if (high - low) / (base * 10.0**power) <= 7
    )
    first = -int(-low // step)
    first = first if first * step >= low - 1e-12 else first + 1
    values = []
    while first * step <= high + 1e-9:
        values.append(round(first * step, 9) + 0.0)
        first += 1
    return values


def _stroke(at: int) -> str:
    dash = _DASHES[at % len(_DASHES)]
    return f'style="stroke:var(--l{at % len(_LINES_LIGHT)})"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _legend(lines: Sequence[Line]) -> Iterator[str]:
    for at, line in enumerate(lines):
        x = 12 + (WIDTH - 20) / 2 * (at % 2)
        y = HEIGHT + 6 + _LEGEND_ROW * (at // 2)
        yield f'<line class="line" {_stroke(at)} x1="{x:.0f}" x2="{x + 24:.0f}" y1="{y}" y2="{y}"/>'
        yield f'<text class="soft" x="{x + 30:.0f}" y="{y + 4}">{escape(line.label)}</text>'
