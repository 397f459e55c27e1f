"""A document as Markdown (GitHub's): tables, charts as tables of their numbers, rows to be read as lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.plain_text import plain
from benchmarks.report.content import Bars, Card, Example, Figures, Grid, Histogram, Image, Lines, Number, Passage
from benchmarks.report.svg import binned, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.report.content import Bar, Cell, Document, Item

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$@]|(?<=www)\.|:(?=//))", re.IGNORECASE)
"""What begins a mark, also GitHub's formulas and links."""
_LEADING = re.compile(r"^(\d{0,9})([-+=.)])(?=[-=]*$|\s)")
"""What makes a list, a heading or a rule at the beginning of a line."""
_MOST_POINTS = 16


def markdown(document: Document) -> str:
    """Return the document as Markdown. Text of models is escaped, or stands in fences that it cannot close."""
    lines = [f"# {_plain(document.title)}", "", _plain(document.subtitle), ""]
    for section in document.sections:
        if section.items:
            lines += [f"## {_plain(section.title)}", ""]
            for item in section.items:
                lines += [*_item(item), ""]
    lines += [f"{_plain(line)}  " for line in document.footer]
    return "\n".join(lines).rstrip() + "\n"


def _plain(text: str) -> str:
    """Return text on one line that means nothing to Markdown or HTML."""
    return _LEADING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", plain(" ".join(text.split()))))


def _item(item: Item) -> Iterable[str]:
    match item:
        case str():
            return [_plain(item)]
        case Grid():
            return _grid(item)
        case Bars():
            return _grid(bars_grid(item))
        case Histogram():
            return _grid(histogram_grid(item))
        case Lines():
            return _grid(lines_grid(item))
        case Example():
            return _example(item)
        case Figures():
            return _grid(figures_grid(item))
        case Card():
            return _card(item)
        case Image():
            return [f"({_plain(item.alt)})"]


def figures_grid(item: Figures) -> Grid:
    """Return figures as a table."""
    return Grid(item.title, ("", "value"), tuple((each.name, each.number) for each in item.figures), note=item.note)


def bars_grid(chart: Bars) -> Grid:
    """Return the numbers of a chart as a table: a row for each group of bars."""
    names = tuple(name for name, _ in chart.series)
    rows = [(label, *(_number(bars[at]) for _, bars in chart.series)) for at, label in enumerate(chart.labels)]
    return Grid(chart.title, ("", *names), tuple(rows))


def _number(bar: Bar | None) -> Cell:
    return "–" if bar is None else bar.number


def histogram_grid(chart: Histogram) -> Grid:
    """Return a histogram as a table."""
    total = sum(count for _, count in chart.counts) or 1
    rows = [
        (short(low) if low == high else f"{short(low)} to {short(high)}", f"{count:,}", f"{100 * count / total:.1f}%")
        for low, high, count in binned(chart.counts)
    ]
    return Grid(chart.title, ("value", "rows", "share"), tuple(rows), note=chart.note)


def lines_grid(chart: Lines) -> Grid:
    """Return curves as a table: their points, thinned out to at most sixteen."""
    every = sorted({x for line in chart.lines for x in line.x})
    kept = every[:: max(1, -(-len(every) // _MOST_POINTS))]
    at = [dict(zip(line.x, line.y, strict=True)) for line in chart.lines]
    rows = [(short(x), *(short(round(line[x], 3)) if x in line else "–" for line in at)) for x in kept]
    return Grid(chart.title, (chart.x_label, *(line.name for line in chart.lines)), tuple(rows), note=chart.note)


def _grid(grid: Grid) -> Iterator[str]:
    if grid.title:
        yield from (f"**{_plain(grid.title)}**", "")
    yield _row(grid.header)
    yield _row_of("---" if grid.holds_words(at) else "--:" for at in range(len(grid.header)))
    yield from map(_row, grid.rows)
    if grid.note:
        yield from ("", _plain(grid.note))


def _row(cells: Sequence[Cell]) -> str:
    return _row_of(
        _plain(f"{cell.text} ({cell.bounds})" if isinstance(cell, Number) and cell.bounds else _text(cell))
        for cell in cells
    )


def _text(cell: Cell) -> str:
    return cell.text if isinstance(cell, Number) else cell


def _row_of(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _example(example: Example) -> Iterator[str]:
    yield f"### {_plain(example.title)}: {_plain(example.verdict)}"
    for grid in example.grids:
        yield ""
        yield from _grid(grid)
    for passage in example.passages:
        yield from _passage(passage)


def _passage(passage: Passage) -> Iterator[str]:
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", passage.text)), default=0))
    yield from ("", f"{_plain(passage.label)}:", "", f"{fence}text", plain(passage.text), fence)


def _card(card: Card) -> Iterator[str]:
    yield f"### {_plain(card.title)}"
    for item in card.items:
        yield ""
        yield from _passage(item) if isinstance(item, Passage) else _item(item)
