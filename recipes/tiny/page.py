"""The study's report: one HTML file with its curves, its figures and its pictures inside."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, MARGIN = 560, 240, 44
COLORS: Final = ("#1668b5", "#c2571a", "#2a8a4a")
STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.25rem .9rem;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}svg{margin-right:1rem}img{max-width:100%}"
)


def curve(title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return a chart as SVG.

    Args:
        title: over the chart.
        lines: name -> points (step, value).

    >>> curve("loss", {"loss": [(0, 1.0), (10, 0.5)]})[:4]
    '<svg'
    """
    points = [point for line in lines.values() for point in line]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low_x, high_x, low_y, high_y = min(xs), max(xs), min(0.0, *ys), max(ys)
    wide, high = (high_x - low_x) or 1.0, (high_y - low_y) or 1.0

    def place(x: float, y: float) -> str:
        across = MARGIN + (x - low_x) / wide * (WIDTH - MARGIN - 10)
        return f"{across:.1f},{HEIGHT - MARGIN - (y - low_y) / high * (HEIGHT - 2 * MARGIN):.1f}"

    parts = [f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(title)}">']
    parts.append(f'<text x="{MARGIN}" y="20" font-weight="600">{escape(title)}</text>')
    for number in range(5):
        value = low_y + high * number / 4
        x, y = place(low_x, value).split(",")
        parts.append(f'<line x1="{x}" y1="{y}" x2="{WIDTH - 10}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y}" font-size="12" text-anchor="end">{value:.2g}</text>')
    parts.append(f'<text x="{WIDTH - 10}" y="{HEIGHT - 20}" font-size="12" text-anchor="end">step {high_x:g}</text>')
    for (name, line), color in zip(lines.items(), COLORS, strict=False):
        path = " ".join(place(x, y) for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        at = MARGIN + 10 + 150 * list(lines).index(name)
        parts.append(f'<text x="{at}" y="{HEIGHT - 20}" font-size="12" fill="{color}">{escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def page(title: str, about: str, sections: Sequence[tuple[str, str]], sheet: Any) -> str:
    """Return the page.

    Args:
        title: of the page.
        about: what is learnt.
        sections: headings and their HTML.
        sheet: a PIL image that ends it.
    """
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    body = "".join(f"<h2>{escape(heading)}</h2>{content}" for heading, content in sections)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f"<h1>{escape(title)}</h1><p>{escape(about)}</p>{body}"
        f'<h2>Held-out scenes</h2><img alt="Pictures, true changes and answers" src="data:image/png;base64,{picture}">'
        "</html>\n"
    )
