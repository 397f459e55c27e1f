"""A document's tables as LaTeX, for papers: ``booktabs``, one ``table`` each. Charts are tables of their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.plain_text import plain
from benchmarks.report.content import Bars, Figures, Grid, Number
from benchmarks.report.markdown import bars_grid, figures_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.report.content import Cell, Document, Item

_SPECIAL = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "–": "--",
    "→": r"$\rightarrow$",
    "[": "{[}",  # after the end of a row this would begin an option, and so would a star
    "*": "{*}",
}

_MOST_COLUMNS = 8  # a wider table is scaled to the width of the text


def latex(document: Document) -> str:
    """Return the document's tables. Rows to be read, findings, histograms, curves and images are left out."""
    lines = [f"% {_comment(document.title)}: {_comment(document.subtitle)}"]
    lines += [r"% needs \usepackage[T1]{fontenc}, booktabs, graphicx"]
    lines += [f"% {_comment(line)}" for line in document.footer]
    for section in document.sections:
        for item in section.items:
            grid = _as_grid(item)
            if grid is not None:
                lines += ["", *_table(grid, section.title)]
    return "\n".join(lines) + "\n"


def _as_grid(item: Item) -> Grid | None:
    if isinstance(item, Grid):
        return item
    if isinstance(item, Bars):
        return bars_grid(item)
    return figures_grid(item) if isinstance(item, Figures) else None


def _table(grid: Grid, section: str) -> Iterator[str]:
    yield r"\begin{table}[t]"
    yield r"\centering\small"
    yield f"\\caption{{{_escape(grid.title or section)}{'. ' + _escape(grid.note) if grid.note else ''}}}"
    columns = "".join("l" if grid.holds_words(at) else "r" for at in range(len(grid.header)))
    wide = len(grid.header) > _MOST_COLUMNS
    if wide:
        yield r"\resizebox{\linewidth}{!}{%"
    yield f"\\begin{{tabular}}{{{columns}}}"
    yield r"\toprule"
    yield f"{' & '.join(map(_escape, grid.header))} \\\\"
    yield r"\midrule"
    for row in grid.rows:
        yield f"{' & '.join(map(_cell, row))} \\\\"
    yield r"\bottomrule"
    yield r"\end{tabular}" + ("}" if wide else "")
    yield r"\end{table}"


def _cell(cell: Cell) -> str:
    if isinstance(cell, Number) and cell.bounds:
        return f"{_escape(cell.text)} {{\\scriptsize [{_escape(cell.bounds)}]}}"
    return _escape(cell.text if isinstance(cell, Number) else cell)


def _escape(text: str) -> str:
    r"""Return text that LaTeX prints as it is.

    >>> _escape("50% of a_b")
    '50\\% of a\\_b'
    """
    return "".join(_SPECIAL.get(letter, letter) for letter in plain(" ".join(text.split())))


def _comment(text: str) -> str:
    return plain(" ".join(text.split()))
