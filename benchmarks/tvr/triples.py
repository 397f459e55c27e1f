"""Comparing lists of transformations where no scene is at hand to carry them out on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.tvr.codec import UNREADABLE, Steps, encode_steps
from benchmarks.tvr.world import N_OBJECTS, PAIR_COLUMN, PAIRS, POSITION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from benchmarks.tvr.world import Bools

    Keys = npt.NDArray[np.int64]

_COLUMNS: Final = POSITION + 1
_TRIPLES: Final = N_OBJECTS * len(PAIRS)


def compare_triples(predicted: Steps, true: Steps, targets: Sequence[Any]) -> tuple[Bools, Keys]:
    """Compare two lists of transformations for each of n rows, as sets and cell by cell.

    A cell is one (object, attribute). In each list the last value written to a cell counts; a cell that only
    one list writes to, or to which they write different values, is wrong. A predicted move that the
    ``options`` of a true move of the same object accept counts as that move. Otherwise moves are values as
    written: one of two steps is not two of one step.

    Args:
        predicted: the model's steps; unreadable ones make the sets differ and change no cell.
        true: the reference's steps, all readable.
        targets: the records that ``true`` was encoded from, for their ``options``.

    Returns:
        Whether the two sets of triples are equal (repeats ignored), ``(n,)``, and the number of wrong cells
        by attribute, position last, ``(n, 5)``.
    """
    n = len(true.starts) - 1
    readable = predicted.pairs != UNREADABLE
    wanted = _keys(true)
    said = _accept_options(_keys(predicted)[readable], wanted, targets)
    equal = np.bincount(predicted.rows[~readable], minlength=n) == 0
    equal[np.setxor1d(said, wanted) // _TRIPLES] = False
    said, wanted = _last_written(said), _last_written(wanted)
    touched = np.union1d(_cells(said), _cells(wanted))
    right = _cells(np.intersect1d(said, wanted))
    wrong = np.setdiff1d(touched, right, assume_unique=True)
    row_and_column = wrong // (N_OBJECTS * _COLUMNS) * _COLUMNS + wrong % _COLUMNS
    return equal, np.bincount(row_and_column, minlength=n * _COLUMNS).reshape(n, _COLUMNS)


def _keys(steps: Steps) -> Keys:
    """Number each (row, object, pair)."""
    return steps.rows * _TRIPLES + steps.objects * len(PAIRS) + steps.pairs


def _cells(keys: Keys) -> Keys:
    """Return the number of each key's (row, object, attribute)."""
    cells: Keys = keys // len(PAIRS) * _COLUMNS + PAIR_COLUMN[keys % len(PAIRS)]
    return cells


def _last_written(keys: Keys) -> Keys:
    """Keep, of the keys of one cell, the last."""
    backwards = keys[::-1]
    _, first = np.unique(_cells(backwards), return_index=True)
    return backwards[first]


def _accept_options(said: Keys, wanted: Keys, targets: Iterable[Any]) -> Keys:
    """Replace predicted moves by the true move whose options hold them; a true move itself stays."""
    owners, answers = [], []
    for row, target in enumerate(targets):
        for item in target:
            options = item.get("options") if isinstance(item, dict) else None
            if options and len(options) > 1:
                owners.append(row)
                answers.append([item, *({**item, "val": option} for option in options)])
    if not answers:
        return said
    steps = encode_steps(answers)
    keys = _keys(steps) + (np.array(owners) - np.arange(len(owners)))[steps.rows] * _TRIPLES
    own = keys[steps.starts[:-1]][steps.rows]
    others = (steps.pairs != UNREADABLE) & ~np.isin(keys, wanted)
    accepted = dict(zip(keys[others].tolist(), own[others].tolist(), strict=True))
    return np.array([accepted.get(key, key) for key in said.tolist()], dtype=np.int64)
