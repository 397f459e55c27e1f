"""The scores of a few rows under one protocol: what metrics are made of, and what is written for each row."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from benchmarks.tables import Stats

    Row = Mapping[str, Any]
    Scored = tuple[dict[str, Any], dict[str, Any]]
    ScoreRows = Callable[[Sequence[Row]], "Scores"]


class Scores(NamedTuple):
    """Scores of n rows.

    Attributes:
        stats: what is kept of each row until the end, by name, each ``(n,)`` or ``(n, k)``; always with ``correct``
            (bool), ``score`` in [0, 1] and, where the protocol can tell, ``parsed`` (bool).
        faults: code of what is wrong with a row's text, or None, ``(n,)``.
        rows: makes what is written for each row.
    """

    stats: Stats
    faults: Sequence[str | None]
    rows: Callable[[], list[dict[str, Any]]]


def score_each(rows: Sequence[Row], score_row: Callable[[Row], Scored]) -> Scores:
    """Score rows one by one.

    Args:
        rows: at least one.
        score_row: returns what is written for a row, the columns `benchmarks.evaluation.benchmark.USUAL` first, and
            what is kept of it besides ``correct``, ``score`` and ``parsed``.
    """
    written, kept = zip(*(score_row(row) for row in rows), strict=True)
    names = [name for name in ("correct", "score", "parsed") if written[0][name] is not None]
    stats = {name: column([each[name] for each in written]) for name in names}
    stats |= {name: column([each[name] for each in kept]) for name in kept[0]}
    return Scores(stats, [each["fault"] for each in written], lambda: list(written))


def column(values: Sequence[Any]) -> npt.NDArray[Any]:
    """Return values as an array; text as objects, each different one kept once.

    >>> column(["left", "right"]).dtype, column([True, False]).dtype
    (dtype('O'), dtype('bool'))
    """
    if values and isinstance(values[0], str):
        return np.array([sys.intern(str(value)) for value in values], dtype=object)
    return np.array(values)


def faulty_rows(score: ScoreRows, rows: Sequence[Row]) -> dict[int, str]:
    """Return what is wrong with which rows, by halving: scoring refuses a batch for one bad row.

    >>> def strict(rows):
    ...     if any(row["answer"] is None for row in rows):
    ...         raise DataError("row 0: there is no answer")
    >>> faulty_rows(strict, [{"answer": "B"}, {"answer": None}, {"answer": "C"}])
    {1: 'there is no answer'}
    """
    try:
        score(rows)
    except DataError as error:
        if len(rows) == 1:
            return {0: str(error).removeprefix("row 0: ")}
    else:
        return {}
    middle = len(rows) // 2
    second = faulty_rows(score, rows[middle:])
    return faulty_rows(score, rows[:middle]) | {middle + row: message for row, message in second.items()}
