"""Circular evaluation of MMSI-Bench: a question counts if it is right under every rotation of its options.

Source: OpenRobotLab/MMSI-Bench 4e28bff ``vlmeval/dataset/mmsi_bench.py`` (``MMSIBenchCircular``). Rotation
*i* of the question with index *k* has the index k + i · 10⁶.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.columns import column, mean
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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


def circular_accuracy(rows: Iterable[Mapping[str, Any]], *, correct: str = "correct") -> dict[str, dict[str, Any]]:
    """Return circular and plain accuracy, overall and by type.

    Args:
        rows: columns ``index`` (int), the one that ``correct`` names, and optionally ``category``.
        correct: column that says whether a row is right: a bool, or a score of 0 or 1 such as
            ``official_score``.

    Returns:
        ``Overall`` and each category -> ``Circular`` (all rotations right), ``Vanilla`` (the unrotated
        question right; both in [0, 1], None where there are no rows) and ``n`` (number of questions).

    Raises:
        DataError: a column is missing or an index is no whole number.

    >>> table = circular_accuracy([{"index": 7, "correct": True}, {"index": 1000007, "correct": False}])
    >>> table["Overall"]
    {'Circular': 0.0, 'Vanilla': 1.0, 'n': 1}
    """
    groups: dict[int, list[tuple[int, bool, Any]]] = {}
    for row in rows:
        index = _index(row)
        groups.setdefault(index % STRIDE, []).append((index, column(row, correct) == 1, row.get("category")))
    questions = [sorted(group, key=lambda member: member[0]) for group in groups.values()]
    categories = list(dict.fromkeys(group[0][2] for group in questions if group[0][2] is not None))
    return {
        "Overall": _accuracies(questions),
        **{name: _accuracies([group for group in questions if group[0][2] == name]) for name in categories},
    }


def _index(row: Mapping[str, Any]) -> int:
    value = column(row, "index")
    try:
        return int(value)
    except (ValueError, TypeError) as error:
        raise DataError(f"index {value!r} is not a whole number") from error


def _accuracies(questions: Sequence[Sequence[tuple[int, bool, Any]]]) -> dict[str, Any]:
    return {
        "Circular": mean([float(all(right for _, right, _ in group)) for group in questions]),
        "Vanilla": mean([float(group[0][1]) for group in questions]),
        "n": len(questions),
    }
