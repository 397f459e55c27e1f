"""Charts as SVG: small pure functions from numbers to text.

A chart is `WIDTH` units wide and is shown at about that many pixels, so that its words stay readable on a phone.
Colors are the page's: classes of ``chart.css``, no values; `chart_file` brings them along. All text is escaped here.
Libraries of charts either run scripts in the page or fix the colors when they draw, light or dark.
"""

from __future__ import annotations

from importlib.resources import files
from itertools import pairwise
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Final

from benchmarks.page import theme
from benchmarks.plain_text import escape
from benchmarks.report.content import Bars, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.report.content import Bar, Line, Lines

WIDTH: Final = 380
_LABELS: Final = 116  # room for the labels of bars
_VALUES: Final = 40  # room for their numbers
_THICK: Final = 13  # of a bar
_APART: Final = 9  # between groups of bars
_HEIGHT: Final = 190  # of upright charts
_MOST_VALUES: Final = 12  # of a histogram with a bar for each; more values are put into bins of equal width
_MOST_BINS: Final = 24
_WIDEST: Final = 64.0  # of an upright bar
_BESIDE: Final = 16  # letters of a label that still fit beside its bars
_LINE: Final = 15  # room for a label above its bars
_ENTRY: Final = 18  # of a legend in the image


def chart_svg(chart: Bars | Histogram | Lines) -> str:
    """Draw a chart."""
    if isinstance(chart, Bars):
        return bars_svg(chart)
    return histogram_svg(chart) if isinstance(chart, Histogram) else lines_svg(chart)


def chart_style() -> str:
    """Return the style of charts; the colors are those of `benchmarks.page.theme`."""
    return files("benchmarks.report").joinpath("chart.css").read_text(encoding="utf-8")


def bars_svg(chart: Bars) -> str:
    """Draw horizontal bars with error bars, a group for each label; long labels stand above their bars."""
    shown = [bar for _, bars in chart.series for bar in bars if bar is not None]
    top = max([chart.limit, *(bar.length for bar in shown), *(bar.high for bar in shown if bar.high is not None)])
    step = tick_step(top, 4)
    end = max(step, ceil(top / step - 1e-9) * step)
    above = max(map(len, chart.labels)) > _BESIDE
    left, over = (2, _LINE) if above else (_LABELS, 0)

    def x(value: float) -> float:
        return left + (WIDTH - left - _VALUES) * min(max(value, 0.0), end) / end

    group = over + _THICK * len(chart.series) + _APART
    bottom = group * len(chart.labels) + 4
    pieces = [_grid_line(x(tick), bottom, short(tick)) for tick in ticks(0, end, step)]
    for place, label in enumerate(chart.labels):
        y = place * group + over + _APART / 2
        if above:
            pieces.append(f'<text x="{left}" y="{y - 4:.1f}">{escape(label)}</text>')
        else:
            middle = y + _THICK * len(chart.series) / 2 + 4
            pieces.append(f'<text class="label" x="{left - 8}" y="{middle:.1f}">{escape(label)}</text>')
        for number, (_, bars) in enumerate(chart.series):
            bar = bars[place]
            if bar is not None:
                pieces.append(_bar(bar, x, y + number * _THICK, number))
    return _svg(bottom + 20, chart.title, pieces)


def _bar(bar: Bar, x: Callable[[float], float], y: float, number: int) -> str:
    tip = f"<title>{escape(bar.tooltip)}</title>" if bar.tooltip else ""
    left, right, middle = x(0), x(bar.length), y + _THICK / 2
    wide = max(right - left, 1.0)
    drawn = f'<rect class="s{number % 6}" x="{left}" y="{y + 1:.1f}" width="{wide:.1f}" height="{_THICK - 2}" rx="2"/>'
    whisker = ""
    if bar.low is not None and bar.high is not None:
        low, high = x(bar.low), x(bar.high)
        whisker = (
            f'<path class="error" d="M{low:.1f} {middle:.1f}H{high:.1f}'
            f'M{low:.1f} {middle - 3:.1f}v6M{high:.1f} {middle - 3:.1f}v6"/>'
        )
    value = f'<text class="value" x="{WIDTH}" y="{middle + 4:.1f}">{escape(bar.number.text)}</text>'
    return f"<g>{tip}{drawn}{whisker}{value}</g>"


def _grid_line(x: float, bottom: float, text: str) -> str:
    return (
        f'<path class="grid" d="M{x:.1f} 0V{bottom:.1f}"/>'
        f'<text class="tick" x="{x:.1f}" y="{bottom + 14:.1f}">{escape(text)}</text>'
    )


def histogram_svg(chart: Histogram) -> str:
    """Draw how often each value occurs; values that are many are put into bins of equal width."""
    bins = binned(chart.counts)
    total = sum(count for _, count in chart.counts) or 1
    most = max(count for _, _, count in bins)
    left, right, top, bottom = 46.0, 10.0, 18.0, _HEIGHT - 40.0
    wide = (WIDTH - left - right) / len(bins)
    step = max(tick_step(most, 3), 1.0)
    high = max(most, step)
    pieces = [_level(bottom - (bottom - top) * tick / high, tick, left) for tick in ticks(0, high, step)]
    every = max(1, ceil(len(bins) / 11))
    for place, (low, end, count) in enumerate(bins):
        x, height = left + place * wide, (bottom - top) * count / high
        name = short(low) if low == end else f"{short(low)} to {short(end)}"
        tip = f"<title>{name}: {count:,} rows ({100 * count / total:.1f}%)</title>"
        middle, thick = x + wide / 2, min(wide - 2 * min(3.0, wide / 6), _WIDEST)
        pieces.append(
            f'<g>{tip}<rect class="s0" x="{middle - thick / 2:.1f}" y="{bottom - height:.1f}" '
            f'width="{thick:.1f}" height="{max(height, 1 if count else 0):.1f}" rx="2"/></g>'
        )
        if place % every == 0:
            at = middle if low == end else x
            pieces.append(f'<text class="tick" x="{at:.1f}" y="{bottom + 15:.1f}">{short(low)}</text>')
        if len(bins) <= _MOST_VALUES and count:
            share = _share(100 * count / total)
            pieces.append(f'<text class="tick" x="{middle:.1f}" y="{bottom - height - 4:.1f}">{share}</text>')
    pieces.append(f'<path class="axis" d="M{left} {bottom}H{WIDTH - right}"/>')
    pieces.append(_below(chart.x_label, bottom, left))
    return _svg(_HEIGHT, chart.title, pieces)


def _level(y: float, tick: float, left: float) -> str:
    """Return a level line with its number to the left."""
    line = f'<path class="grid" d="M{left} {y:.1f}H{WIDTH - 10}"/>'
    return f'{line}<text class="side" x="{left - 6}" y="{y + 4:.1f}">{short(tick)}</text>'


def _below(label: str, bottom: float, left: float) -> str:
    """Return the name of the axis below."""
    return f'<text class="tick" x="{(left + WIDTH - 10) / 2}" y="{bottom + 31:.1f}">{escape(label)}</text>'


def _share(percent: float) -> str:
    """Return a share as a label: neither nothing nor everything is said of what is only nearly so."""
    if percent < 1:
        return "&lt;1%"
    return "&gt;99%" if 99.5 <= percent < 100 else f"{percent:.0f}%"


def binned(counts: Sequence[tuple[float, int]], most: int = _MOST_VALUES) -> list[tuple[float, float, int]]:
    """Return the bars of a histogram: least and greatest value, number of rows.

    One for each value; or, of more values than *most*, bins of one round width, a value on an edge in the upper one.

    >>> binned([(0.0, 3), (1.0, 2)])
    [(0.0, 0.0, 3), (1.0, 1.0, 2)]
    >>> binned([(0.0, 1), (0.3, 1), (21.5, 4)], 2)[:2]
    [(0.0, 1.0, 2), (1.0, 2.0, 0)]
    """
    if len(counts) <= most:
        return [(value, value, count) for value, count in counts]
    low, high = counts[0][0], counts[-1][0]
    wide = tick_step(high - low, _MOST_BINS)
    first = floor(low / wide + 1e-9)
    heights = [0] * (floor(high / wide + 1e-9) - first + 1)
    for value, count in counts:
        heights[floor(value / wide + 1e-9) - first] += count
    return [((first + at) * wide, (first + at + 1) * wide, count) for at, count in enumerate(heights)]


def lines_svg(chart: Lines) -> str:
    """Draw curves with their bands."""
    return _svg(_HEIGHT, chart.title, _lines(chart))


def chart_file(chart: Lines) -> str:
    """Draw curves as a file of their own: with title, legend, background and the colors, light and dark."""
    top, rows = 26, ceil(len(chart.lines) / 2) if len(chart.lines) > 1 else 0
    height = top + _HEIGHT + _ENTRY * rows
    pieces = [f"<style>{theme()}{chart_style()}</style>"]
    pieces.append(f'<rect width="{WIDTH}" height="{height}" style="fill:var(--card)"/>')
    pieces.append(f'<text class="title" x="8" y="17">{escape(chart.title)}</text>')
    pieces.append(f'<g transform="translate(0 {top})">{"".join(_lines(chart))}</g>')
    for number, line in enumerate(chart.lines if rows else ()):
        x, y = 12 + (WIDTH - 20) / 2 * (number % 2), top + _HEIGHT + 6 + _ENTRY * (number // 2)
        pieces.append(f'<path class="line t{number % 6}" d="M{x:.0f} {y}h24"/>')
        pieces.append(f'<text class="entry" x="{x + 30:.0f}" y="{y + 4}">{escape(line.name)}</text>')
    return _svg(height, chart.title, pieces).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)


def _lines(chart: Lines) -> list[str]:
    points = [(x, y) for line in chart.lines for x, y in zip(line.x, line.y, strict=True)]
    values = [y for _, y in points] + [y for line in chart.lines for y in (*line.low, *line.high)]
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    step = tick_step(max(values) - min(0.0, *values), 4)
    low, high = floor(min(0.0, *values) / step) * step, ceil(max(values) / step - 1e-9) * step
    high = max(high, low + step)
    left, top, bottom = 46.0, 8.0, _HEIGHT - 40.0

    def x(value: float) -> float:
        return left + (WIDTH - left - 10) * ((value - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / (high - low)

    pieces = [_level(y(tick), tick, left) for tick in ticks(low, high, step)]
    pieces += [
        f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 15:.1f}">{short(tick)}</text>'
        for tick in ticks(first, last, tick_step(last - first or 1, 6))
    ]
    pieces.append(_below(chart.x_label, bottom, left))
    for at, label in chart.marks:
        side, shift = ("label", -4) if x(at) > 0.6 * WIDTH else ("", 4)
        pieces.append(f'<path class="mark" d="M{x(at):.1f} {top}V{bottom}"/>')
        pieces.append(f'<text class="{side} entry" x="{x(at) + shift:.1f}" y="{top + 10}">{escape(label)}</text>')
    for number, line in enumerate(chart.lines):
        pieces += _line(line, x, y, number, steps=chart.steps)
    return pieces


def _line(
    line: Line, x: Callable[[float], float], y: Callable[[float], float], number: int, *, steps: bool
) -> Iterator[str]:
    if line.low and line.high:
        there = [f"{x(a):.1f} {y(b):.1f}" for a, b in zip(line.x, line.high, strict=True)]
        back = [f"{x(a):.1f} {y(b):.1f}" for a, b in zip(line.x, line.low, strict=True)]
        yield f'<path class="band s{number % 6}" d="M{"L".join(there + back[::-1])}Z"/>'
    points = list(zip(line.x, line.y, strict=True))
    if steps:
        turns = [[(b[0], a[1]), b] if a[1] != b[1] else [b] for a, b in pairwise(points)]
        points = [points[0], *(point for turn in turns for point in turn)]
    path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in points)
    tip = f"<title>{escape(line.name)}: {short(line.y[0])} to {short(line.y[-1])}</title>"
    yield f'<path class="line t{number % 6}" d="M{path}">{tip}</path>'
    if len(line.x) == 1:
        yield f'<circle class="s{number % 6}" cx="{x(line.x[0]):.1f}" cy="{y(line.y[0]):.1f}" r="3"/>'


def tick_step(span: float, most: int) -> float:
    """Return a round distance between ticks: 1, 2 or 5 times a power of ten, about *most* in the span.

    >>> tick_step(100, 4), tick_step(0.7, 4), tick_step(0, 4)
    (20.0, 0.2, 1.0)
    """
    if span <= 0 or not isfinite(span):
        return 1.0
    power = 10.0 ** floor(log10(span / most))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if span / (factor * power) <= most + 1)


def ticks(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of a step between two values.

    >>> ticks(0, 1, 0.5), ticks(3, 12, 5)
    ([0.0, 0.5, 1.0], [5, 10])
    """
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def short(value: float) -> str:
    """Return a number in few letters.

    >>> short(1200), short(0.30000000000000004), short(12000), short(-1.0)
    ('1,200', '0.3', '12k', '−1')
    """
    if abs(value) >= 10_000:
        text = f"{value / 1000:,.4g}k"
    else:
        text = f"{value:,.0f}" if value == round(value) else f"{value:.3g}"
    return text.replace("-", "−")


def _svg(height: float, title: str, pieces: Sequence[str]) -> str:
    drawn = "".join(pieces)
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">{drawn}</svg>'
