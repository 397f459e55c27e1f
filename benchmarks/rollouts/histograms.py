"""How often each value occurred: of rewards there are few different ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MOST = 1000
"""Different values beyond which they are rounded to fewer digits: the bound of the memory that a histogram can take."""


def count_values(counts: Mapping[str, int], values: NDArray[np.float64]) -> dict[str, int]:
    """Return counts with those of some values added. A value is its text, which JSON can have as a key.

    >>> count_values({"5": 1}, np.array([5.0, -1.0, 5.0]))
    {'5': 3, '-1': 1}
    """
    new = dict(counts)
    for value, count in zip(*np.unique(values, return_counts=True), strict=True):
        _add(new, float(value), int(count), digits=6)
    for digits in (3, 2, 1):
        if len(new) > MOST:
            fine, new = new, {}
            for text, count in fine.items():
                _add(new, float(text), count, digits=digits)
    return new


def _add(counts: dict[str, int], value: float, count: int, *, digits: int) -> None:
    text = f"{value:.{digits}g}"
    text = "0" if text == "-0" else text
    counts[text] = counts.get(text, 0) + count


def in_order(counts: Mapping[str, int]) -> list[tuple[float, int]]:
    """Return the values from the least, each with its count.

    >>> in_order({"5": 3, "-1": 1})
    [(-1.0, 1), (5.0, 3)]
    """
    return sorted((float(text), count) for text, count in counts.items())
