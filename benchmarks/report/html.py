"""A document as one HTML file: nothing outside it is loaded, no script runs, and all text is escaped."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from benchmarks.page import CONTENT_POLICY, render, theme
from benchmarks.report.content import Bars, Card, Example, Grid, Histogram, Lines
from benchmarks.report.svg import chart_style, chart_svg

if TYPE_CHECKING:
    from benchmarks.report.content import Document, Item, Section

_IMAGE: Final = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")
_FEW_COLUMNS: Final = 5  # a table of no more is as wide as it needs to be


def html(document: Document) -> str:
    """Return the document as HTML; ``report.html`` says how each item looks."""
    sections = [section for section in document.sections if section.items]
    style = files("benchmarks.report").joinpath("report.css").read_text(encoding="utf-8")
    return render(
        "benchmarks.report",
        "report.html",
        policy=CONTENT_POLICY,
        title=document.title,
        document=document,
        sections=[(_anchor(each), each.title, _runs(each)) for each in sections],
        style=f"{theme()}{style}{chart_style()}",
        kind=lambda item: type(item).__name__.lower(),
        is_narrow=_is_narrow,
        is_image=_IMAGE.fullmatch,
        chart=chart_svg,
    )


def _anchor(section: Section) -> str:
    return re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")


def _runs(section: Section) -> list[tuple[str | None, list[Any]]]:
    """Return the items of a section, neighbors that are shown together in one list with what they are shown as."""
    return [(kind, list(items)) for kind, items in groupby(section.items, _together)]


def _together(item: Item) -> str | None:
    match item:
        case Grid():
            return "tables" if _is_narrow(item) else None
        case Bars() | Histogram() | Lines():
            return "charts"
        case Example():
            return "examples"
        case Card():
            return "cards"
        case _:
            return None


def _is_narrow(grid: Grid) -> bool:
    """Whether two of a table fit side by side: few columns; remarks take all the width there is."""
    return len(grid.header) <= _FEW_COLUMNS and not grid.remarks
