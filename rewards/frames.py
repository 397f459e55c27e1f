"""Results in notebooks: as pandas data frames, and as tables of HTML, which need no pandas."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_ROWS = 20
"""Rows of a table of HTML; the others are counted below it."""


def data_frame(columns: Mapping[str, Sequence[Any]], *, index: str | None = None) -> Any:
    """Return columns as a data frame.

    Args:
        columns: name -> values, (rows,) each.
        index: the column that names the rows; None numbers them.

    Raises:
        ConfigError: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415  it takes half a second, and only this needs it
    except ImportError as error:
        raise ConfigError("to_pandas needs pandas, which is not installed: pip install pandas") from error
    frame = pd.DataFrame(dict(columns))
    return frame if index is None else frame.set_index(index)


def html_table(caption: str, columns: Mapping[str, Sequence[Any]]) -> str:
    """Return columns as a table of HTML, of which the first `MOST_ROWS` rows are shown.

    >>> html_table("2 rows", {"id": ["a", "<b>"], "total": [1.0, None]})[:66]
    '<table><caption>2 rows</caption><thead><tr><th>id</th><th>total</t'
    """
    rows = list(zip(*columns.values(), strict=True))
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in islice(rows, MOST_ROWS))
    more = f"<p>... and {len(rows) - MOST_ROWS:,} more rows</p>" if len(rows) > MOST_ROWS else ""
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
    )


def _cell(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124  NaN is not itself
        return "<td></td>"
    shown = f"{value:.3f}" if isinstance(value, float) else str(value)
    return f"<td>{escape(shown)}</td>"
