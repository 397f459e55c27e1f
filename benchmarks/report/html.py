"""A document as one HTML file: nothing outside it is loaded, no script runs, and all text is escaped."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING

from benchmarks.plain_text import CONTENT_POLICY, escape
from benchmarks.report.content import Bars, Example, Figures, Grid, Histogram, Lines, Number
from benchmarks.report.svg import bars_svg, histogram_svg, lines_svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.report.content import Cell, Document, Item, Section

_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")
_FEW_COLUMNS = 5  # a table of no more is as wide as it needs to be
_Chart = Bars | Histogram | Lines


def html(document: Document) -> str:
    """Return the document as HTML."""
    style = files("benchmarks.report").joinpath("report.css").read_text(encoding="utf-8")
    sections = [section for section in document.sections if section.items]
    links = "".join(f'<a href="#{_anchor(each)}">{escape(each.title)}</a>' for each in sections)
    footer = "".join(f"<p>{escape(line)}</p>" for line in document.footer)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(document.title)}</h1><p>{escape(document.subtitle)}</p><nav>{links}</nav></header>\n"
        f"<main>\n{''.join(map(_section, sections))}</main>\n<footer>{footer}</footer>\n</body>\n</html>\n"
    )


def _anchor(section: Section) -> str:
    return re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")


def _section(section: Section) -> str:
    pieces = []
    for kind, items in groupby(section.items, _together):
        shown = "\n".join(map(_item, items))
        pieces.append(f'<div class="{kind}">\n{shown}\n</div>\n' if kind else f"{shown}\n")
    return f'<section id="{_anchor(section)}"><h2>{escape(section.title)}</h2>\n{"".join(pieces)}</section>\n'


def _together(item: Item) -> str | None:
    """Return what neighbours are shown together as; charts and narrow tables stand side by side."""
    if isinstance(item, Grid):
        return "tables" if _is_narrow(item) else None
    return "charts" if isinstance(item, _Chart) else "examples" if isinstance(item, Example) else None


def _item(item: Item) -> str:
    match item:
        case str():
            return f"<p>{escape(item)}</p>"
        case Grid():
            return f'<div class="card">{_grid(item)}</div>'
        case Bars():
            names = [name for name, _ in item.series]
            return _card(item.title, _legend(names) + bars_svg(item))
        case Histogram():
            return _card(item.title, histogram_svg(item), item.note)
        case Lines():
            return _card(item.title, _legend([line.name for line in item.lines]) + lines_svg(item), item.note)
        case Example():
            return _example(item)
        case Figures():
            return _figures(item)


def _card(title: str, body: str, note: str = "") -> str:
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return f'<div class="card"><h3>{escape(title)}</h3>{body}{below}</div>'


def _legend(names: Sequence[str]) -> str:
    if len(names) < 2:
        return ""
    swatch = '<svg viewBox="0 0 10 10" aria-hidden="true"><rect class="s{}" width="10" height="10" rx="2"/></svg>'
    entries = "".join(f"<li>{swatch.format(at % 6)}{escape(name)}</li>" for at, name in enumerate(names))
    return f'<ul class="legend">{entries}</ul>'


def _figures(item: Figures) -> str:
    shown = [
        f'<div class="figure"><div class="name">{escape(each.name)}</div>'
        f'<div class="number">{escape(each.number.text)}</div>'
        f'<div class="bounds">{escape(each.number.bounds)}</div><div class="about">{escape(each.note)}</div></div>'
        for each in item.figures
    ]
    title = f"<h3>{escape(item.title)}</h3>" if item.title else ""
    note = f'<p class="note">{escape(item.note)}</p>' if item.note else ""
    return f'<div>{title}<div class="figures">{"".join(shown)}</div>{note}</div>'


def _grid(grid: Grid) -> str:
    title = f"<h3>{escape(grid.title)}</h3>" if grid.title else ""
    head = "".join(f"<th{_words(at, grid)}>{escape(name)}</th>" for at, name in enumerate(grid.header))
    rows = []
    for number, row in enumerate(grid.rows):
        cells = "".join(f"<td{_words(at, grid)}>{_cell(cell)}</td>" for at, cell in enumerate(row))
        rows.append(f"<tr{' class=strong' if number < grid.strong else ''}>{cells}</tr>")
    note = f'<p class="note">{escape(grid.note)}</p>' if grid.note else ""
    few = ' class="few"' if _is_narrow(grid) else ""
    table = f"<table{few}><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'{title}<div class="scroll">{table}</div>{note}'


def _is_narrow(grid: Grid) -> bool:
    return len(grid.header) <= _FEW_COLUMNS


def _words(column: int, grid: Grid) -> str:
    return ' class="w"' if grid.holds_words(column) else ""


def _cell(cell: Cell) -> str:
    if isinstance(cell, Number):
        bounds = f'<span class="bounds">{escape(cell.bounds)}</span>' if cell.bounds else ""
        return f"{escape(cell.text)}{bounds}"
    return escape(cell)


def _example(example: Example) -> str:
    is_open = " open" if example.unfolded else ""
    tone = "" if example.good is None else " good" if example.good else " bad"
    verdict = f'<span class="verdict{tone}">{escape(example.verdict)}</span>'
    images = "".join(f'<img src="{uri}" alt="">' for uri in example.images if _IMAGE.fullmatch(uri))
    passages = "".join(
        f'<div class="passage"><div class="name">{escape(each.label)}</div><pre>{escape(each.text)}</pre></div>'
        for each in example.passages
    )
    grids = "".join(f"<div>{_grid(grid)}</div>" for grid in example.grids)
    inside = f"{_inside('images', images)}{_inside('grids', grids)}{_inside('passages', passages)}"
    summary = f'<summary><span class="id">{escape(example.title)}</span>{verdict}</summary>'
    return f'<details{is_open}>{summary}<div class="inside">{inside}</div></details>'


def _inside(name: str, body: str) -> str:
    return f'<div class="{name}">{body}</div>' if body else ""
