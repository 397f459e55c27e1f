"""Reading the columns of a row that a benchmark scores, with errors that name what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping


def column(row: Mapping[str, Any], name: str) -> Any:
    """Return ``row[name]``.

    Raises:
        DataError: the row has no such column.

    >>> column({"answer": "B"}, "answer")
    'B'
    """
    if name not in row:
        raise DataError(f"column {name!r} is missing; the row has {', '.join(map(repr, row)) or 'no columns'}")
    return row[name]


def text_column(row: Mapping[str, Any], name: str) -> str:
    """Return ``row[name]`` as text; None, which stands for a model that wrote nothing, is empty text.

    Raises:
        DataError: the row has no such column.
    """
    value = column(row, name)
    return "" if value is None else str(value)


def mean(values: list[float]) -> float | None:
    """Return the mean, or None where there is nothing to average: a table never holds NaN."""
    return sum(values) / len(values) if values else None
