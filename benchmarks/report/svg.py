"""Charts as SVG: small pure functions from numbers to text.

A chart is `WIDTH` units wide and is shown at about that many pixels, so that its words stay readable on a phone.
Colours are the page's: classes, no values. All text is escaped here.
"""

from __future__ import annotations

from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Final

from benchmarks.plain_text import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.report.content import Bar, Bars, Histogram, Line, Lines

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
    left, top, bottom = 8.0, 18.0, _HEIGHT - 34.0
    wide = (WIDTH - 2 * left) / len(bins)
    pieces = [f'<path class="axis" d="M{left} {bottom}H{WIDTH - left}"/>']
    every = max(1, ceil(len(bins) / 11))
    for place, (low, high, count) in enumerate(bins):
        x, height = left + place * wide, (bottom - top) * count / most
        name = short(low) if low == high else f"{short(low)} to {short(high)}"
        tip = f"<title>{name}: {count:,} rows ({100 * count / total:.1f} %)</title>"
        middle, thick = x + wide / 2, min(wide - 2 * min(3.0, wide / 6), _WIDEST)
        pieces.append(
            f'<g>{tip}<rect class="s0" x="{middle - thick / 2:.1f}" y="{bottom - height:.1f}" '
            f'width="{thick:.1f}" height="{max(height, 1 if count else 0):.1f}" rx="2"/></g>'
        )
        if place % every == 0:
            at = middle if low == high else x
            pieces.append(f'<text class="tick" x="{at:.1f}" y="{bottom + 15:.1f}">{short(low)}</text>')
        if len(bins) <= _MOST_VALUES and count:
            share = _share(100 * count / total)
            pieces.append(f'<text class="tick" x="{middle:.1f}" y="{bottom - height - 4:.1f}">{share}</text>')
    return _svg(_HEIGHT - 12, chart.title, pieces)


def _share(percent: float) -> str:
    """Return a share as a label: neither nothing nor everything is said of what is only nearly so."""
    if percent < 1:
        return "&lt;1 %"
    return "&gt;99 %" if 99.5 <= percent < 100 else f"{percent:.0f} %"


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
    points = [(x, y) for line in chart.lines for x, y in zip(line.x, line.y, strict=True)]
    values = [y for _, y in points] + [y for line in chart.lines for y in (*line.low, *line.high)]
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    step = tick_step(max(values) - min(0.0, *values), 4)
    low, high = floor(min(0.0, *values) / step) * step, ceil(max(values) / step - 1e-9) * step
    high = max(high, low + step)
    left, top, bottom = 46.0, 8.0, _HEIGHT - 36.0

    def x(value: float) -> float:
        return left + (WIDTH - left - 10) * ((value - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / (high - low)

    pieces = []
    for tick in ticks(low, high, step):
        pieces.append(f'<path class="grid" d="M{left} {y(tick):.1f}H{WIDTH - 10}"/>')
        pieces.append(f'<text class="label" x="{left - 6}" y="{y(tick) + 4:.1f}">{short(tick)}</text>')
    pieces += [
        f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 15:.1f}">{short(tick)}</text>'
        for tick in ticks(first, last, tick_step(last - first or 1, 6))
    ]
    pieces.append(f'<text class="tick" x="{(left + WIDTH) / 2}" y="{bottom + 30:.1f}">{escape(chart.x_label)}</text>')
    for number, line in enumerate(chart.lines):
        pieces += _line(line, x, y, number)
    return _svg(_HEIGHT, chart.title, pieces)


def _line(line: Line, x: Callable[[float], float], y: Callable[[float], float], number: int) -> Iterator[str]:
    if line.low and line.high:
        there = [f"{x(a):.1f} {y(b):.1f}" for a, b in zip(line.x, line.high, strict=True)]
        back = [f"{x(a):.1f} {y(b):.1f}" for a, b in zip(line.x, line.low, strict=True)]
        yield f'<path class="band s{number % 6}" d="M{"L".join(there + back[::-1])}Z"/>'
    path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in zip(line.x, line.y, strict=True))
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
