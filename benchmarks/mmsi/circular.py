"""Circular evaluation of MMSI-Bench: a question counts if it is right under every rotation of its options.

Source: OpenRobotLab/MMSI-Bench 4e28bff ``vlmeval/dataset/mmsi_bench.py`` (``MMSIBenchCircular``). Rotation
*i* of the question with index *k* has the index k + i · 10⁶.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.tables import Measure
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from benchmarks.tables import Bools

STRIDE = 1_000_000
ROTATIONS = ("ABCD", "BCDA", "CDAB", "DABC")
"""Rotation *i* puts the option that was ``ROTATIONS[i][j]`` at the letter ``"ABCD"[j]``."""


def rotations(options: Mapping[str, str], answer: str) -> list[tuple[dict[str, str], str]]:
    """Return the four rotations of a question's options, each with the letter that is then right.

    Args:
        options: letter A-D -> text; letters may be missing.
        answer: the letter that is right for ``options``.

    >>> rotations({"A": "left", "B": "right", "C": "up", "D": "down"}, "A")[1]
    ({'A': 'right', 'B': 'up', 'C': 'down', 'D': 'left'}, 'D')
    """
    return [
        (
            {letter: options[old] for letter, old in zip("ABCD", order, strict=True) if old in options},
            "ABCD"[order.index(answer)] if answer in order else answer,
        )
        for order in ROTATIONS
    ]


def circular_measures(index: npt.NDArray[np.int64], correct: Bools) -> dict[str, Measure]:
    """Return circular and plain accuracy over questions, each counted at the row of a question with the lowest index.

    Args:
        index: ``(n,)``, of each row.
        correct: ``(n,)``, whether the row is right.

    Returns:
        ``circular`` (right under every rotation) and ``vanilla`` (right under the first).

    >>> found = circular_measures(np.array([7, 1000007]), np.array([True, False]))
    >>> [(name, measure.values[measure.counts].tolist()) for name, measure in found.items()]
    [('circular', [False]), ('vanilla', [True])]
    """
    in_order = np.argsort(index, kind="stable")
    _, first, question = np.unique(index[in_order] % STRIDE, return_index=True, return_inverse=True)
    wrong = np.bincount(question, weights=~correct[in_order])
    counts, circular = np.zeros(len(index), dtype=bool), np.zeros(len(index), dtype=bool)
    counts[in_order[first]] = True
    circular[in_order[first]] = wrong == 0
    return {"circular": Measure(circular, counts), "vanilla": Measure(correct, counts)}


def read_index(value: Any) -> int:
    """Return the index of a row.

    Raises:
        DataError: it is no whole number.
    """
    try:
        return int(value)
    except (ValueError, TypeError) as error:
        raise DataError(f"index {value!r} is not a whole number") from error
