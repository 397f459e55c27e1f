"""The tiered core: predictions and true records -> counts of matches -> parts of the reward.

Records are compared tier by tier. Where the tiers are a chain (exact implies index and attribute, which implies
index), the best one-to-one matching needs no assignment problem: at each tier the largest number of matches is
Σ_key min(#predicted, #true), all these maxima are reached by one matching, and tier-first counting gives it. Everything
that a spec can ask for then follows from the counts, so matching and paying are apart.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rewards.conflicts import eligible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from rewards.conflicts import Record
    from rewards.spec import Level, TieredSpec

    Array = NDArray[np.int64]
    Floats = NDArray[np.float64]

SMALL_BATCH = 48
"""Rows up to which plain Python counts faster than numpy sorts (measured by ``tests/measure/speed.py``)."""


class Counts(NamedTuple):
    """How the predictions of each row matched.

    Attributes:
        matched: (rows, tiers of the table) matches whose best tier is this one.
        n_pred: (rows,) predictions, pieces that are no valid record included.
        n_gt: (rows,) true records.
        same: (rows,) whether the predicted set is the true set (with ``multiset``, also the numbers of each).
    """

    matched: NDArray[np.int64]
    n_pred: NDArray[np.int64]
    n_gt: NDArray[np.int64]
    same: NDArray[np.bool_]


def count_matches(
    spec: TieredSpec,
    predictions: Sequence[Sequence[Record]],
    invalid: Sequence[int],
    targets: Sequence[Sequence[Record]],
    answered: Sequence[bool] | None = None,
) -> Counts:
    """Match each row's predictions with its true records as *spec* says.

    Args:
        spec: the reward.
        predictions: for each row, the valid predicted records in the order written.
        invalid: for each row, how many further pieces are no valid record. Each is one incorrect prediction, unless
            no piece is valid: then the answer counts as empty.
        targets: for each row, the true records.
        answered: for each row, whether there is an answer at all; only then can it be the same as the target.
    """
    return count_under([spec], predictions, invalid, targets, answered)[0]


def count_under(
    specs: Sequence[TieredSpec],
    predictions: Sequence[Sequence[Record]],
    invalid: Sequence[int],
    targets: Sequence[Sequence[Record]],
    answered: Sequence[bool] | None = None,
) -> list[Counts]:
    """Match under each of several specs of one task, as `count_matches` does; what they share is done once."""
    n_valid, n_gt = _lengths(predictions), _lengths(targets)
    n_invalid = np.asarray(invalid, dtype=np.int64)
    n_pred = n_valid + n_invalid * (n_valid > 0)
    readable = (n_invalid == 0) & (True if answered is None else np.asarray(answered, dtype=np.bool_))
    lines: dict[Any, _Lines] = {}  # by the table: presets of one task share it
    found = []
    for spec in specs:
        if spec.nested and len(targets) > SMALL_BATCH:
            if spec.table not in lines:
                lines[spec.table] = _line_up(spec, predictions, targets)
            matched, same = _count_lines(spec, lines[spec.table]), _same_lines(spec, lines[spec.table])
        else:
            count = _row_counter(spec)
            rows = [count(spec, p, t) for p, t in zip(predictions, targets, strict=True)]
            matched = np.array(rows, dtype=np.int64).reshape(len(targets), len(spec.table))
            same = np.array([_same(spec, p, t) for p, t in zip(predictions, targets, strict=True)], dtype=np.bool_)
        found.append(Counts(matched, n_pred, n_gt, same & readable))
    return found


def _same(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> bool:
    collect = Counter if spec.multiset else frozenset
    return predicted == true or collect(predicted) == collect(true)


def _row_counter(spec: TieredSpec) -> Callable[[TieredSpec, Sequence[Record], Sequence[Record]], list[int]]:
    if spec.nested:
        return _count_row
    from rewards.assignment import count_by_assignment  # noqa: PLC0415  scipy is slow to import and rarely needed

    return count_by_assignment


def pay(spec: TieredSpec, counts: Counts) -> dict[str, Floats]:
    """Return the parts of R_acc, each (rows,): one for each tier of the table, ``incorrect``, ``underprediction``."""
    n_pred, n_gt = counts.n_pred, counts.n_gt
    names = (*spec.parts, "incorrect", "underprediction")
    if spec.rule == "binary":
        zero: Floats = np.zeros(len(n_gt))
        return dict.fromkeys(names, zero) | {"exact": counts.same.astype(np.float64)}
    paid_as, value, correct = _payment(spec.levels)
    tiers = (counts.matched @ paid_as) * value
    # `0.0 -` rather than a unary minus: there is no -0.0 in a reward.
    incorrect = 0.0 - spec.incorrect_penalty * (n_pred - counts.matched @ correct)
    short = np.maximum(n_gt - n_pred, 0)
    if spec.count == "difference":
        short = np.abs(n_pred - n_gt) + (short if spec.also_underprediction else 0)
    parts = dict(zip(names, [*tiers.T, incorrect, 0.0 - spec.underprediction_penalty * short], strict=True))
    if spec.scale == "n_gt":
        return {part: values / np.maximum(n_gt, 1.0) for part, values in parts.items()}
    return parts


@lru_cache(maxsize=256)
def _payment(levels: tuple[Level, ...]) -> tuple[Array, Floats, Array]:
    """Return at which tier a match of each tier is paid, (tiers, tiers); what each pays, and whether it is correct."""
    paid_as = np.array([[level.paid_as == at for at in range(len(levels))] for level in levels], dtype=np.int64)
    value = np.array([level.value if level.paid_as == at else 0.0 for at, level in enumerate(levels)])
    return paid_as, value, np.array([level.correct for level in levels], dtype=np.int64)


def maximum(spec: TieredSpec, n_gt: NDArray[np.int64]) -> Floats:
    """Return R_acc of the exact answer, (rows,)."""
    if spec.rule == "binary":
        return np.ones(len(n_gt))
    each: Floats = np.minimum(n_gt, 1.0) if spec.scale == "n_gt" else n_gt.astype(np.float64)
    return spec.value(0) * each


def _lengths(rows: Sequence[Sequence[Record]]) -> NDArray[np.int64]:
    return np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))


def _count_row(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> list[int]:
    """Count one row in plain Python: what `_count_lines` does, for batches too small for numpy to pay off."""
    counts = [0] * len(spec.table)
    left, free = eligible(spec, predicted, true), list(true)
    for level, (positions, *_) in enumerate(spec.levels):
        if not left or not free:
            break
        key = _key(positions)
        keys, unmatched = list(map(key, free)), []
        for record in left:
            if (found := key(record)) not in keys:
                unmatched.append(record)
                continue
            counts[level] += 1
            if spec.matching == "one_to_one":
                at = keys.index(found)
                del keys[at], free[at]
        left = unmatched
    return counts


@lru_cache(maxsize=256)
def _key(positions: tuple[int, ...]) -> Callable[[Record], Any]:
    """Return what takes from a record the fields that count."""
    return itemgetter(*positions)


class _Lines(NamedTuple):
    """The records of a batch, predicted and true, sorted such that those that agree at a tier stand together.

    Attributes:
        row: (records,) the row of each.
        place: (records,) its place among all predictions as they were written, followed by all true records.
        starts: for each tier of the table, (runs,), where each run of records that agree begins.
        n_true: likewise how many records of the run are true.
        cells: for the predictions and the true records, as written: a number shared by those of one cell of one row.
        rows: how many rows there are.
    """

    row: Array
    place: Array
    starts: Sequence[Array]
    n_true: Sequence[Array]
    cells: tuple[Array, Array]
    rows: int


def _line_up(spec: TieredSpec, predictions: Sequence[Sequence[Record]], targets: Sequence[Sequence[Record]]) -> _Lines:
    """Sort all records once for all tiers: each tier is within the one before, so the last one is the first key."""
    table: dict[Record, int] = {}
    number = table.setdefault
    codes = [number(record, len(table)) for row in chain(predictions, targets) for record in row]
    code, width = np.array(codes, dtype=np.int64), max(len(table), 1)
    lengths = np.concatenate([_lengths(predictions), _lengths(targets)])
    row = np.repeat(np.tile(np.arange(len(targets)), 2), lengths)
    cell_positions = tuple(range(max(len(spec.fields) - 1, 1)))
    by = {at: _codes(table, at) for at in {cell_positions, *(level.positions for level in spec.levels)}}
    tiers = [by[level.positions] for level in spec.levels]
    rank = np.empty(len(table), dtype=np.int64)
    rank[np.lexsort(tiers)] = np.arange(len(table))
    place = np.argsort(row * width + rank[code])
    cell = row * width + by[cell_positions][code]
    n_predicted = int(lengths[: len(predictions)].sum())
    row, code = row[place], code[place]
    starts = [_run_starts(row * width + tier[code]) for tier in tiers]
    n_true = [np.add.reduceat(place >= n_predicted, at, dtype=np.int64) for at in starts]
    return _Lines(row, place, starts, n_true, (cell[:n_predicted], cell[n_predicted:]), len(targets))


def _run_starts(keys: Array) -> Array:
    """Return where each run of equal keys begins."""
    return np.flatnonzero(np.concatenate([np.ones(min(len(keys), 1), dtype=np.bool_), keys[1:] != keys[:-1]]))


def _count_lines(spec: TieredSpec, lines: _Lines) -> Array:
    """Count all rows at once, (rows, tiers of the table)."""
    counted = np.zeros(len(lines.place), dtype=np.bool_)
    counted[: len(lines.cells[0])] = _last_of_cell(*lines.cells) if spec.has_cells else True
    counted = counted[lines.place]
    reached = np.zeros((lines.rows, len(spec.table)), dtype=np.int64)
    for level, (starts, n_true) in enumerate(zip(lines.starts, lines.n_true, strict=True)):
        n_predicted = np.add.reduceat(counted, starts, dtype=np.int64)
        matches = n_predicted * (n_true > 0) if spec.matching == "literal" else np.minimum(n_predicted, n_true)
        reached[:, level] = np.bincount(lines.row[starts], weights=matches, minlength=lines.rows)
    return np.diff(reached, axis=1, prepend=0)


def _same_lines(spec: TieredSpec, lines: _Lines) -> NDArray[np.bool_]:
    """Return which rows name exactly their true records: `_same`, for all rows at once."""
    starts, n_true = lines.starts[0], lines.n_true[0]
    n_predicted = np.diff(starts, append=len(lines.place)) - n_true
    differ = n_predicted != n_true if spec.multiset else (n_predicted > 0) != (n_true > 0)
    same: NDArray[np.bool_] = np.bincount(lines.row[starts], weights=differ, minlength=lines.rows) == 0
    return same


def _codes(table: Mapping[Record, int], positions: tuple[int, ...]) -> Array:
    """Return for each record of *table* a number below its length, shared iff two records agree at *positions*."""
    keys = list(map(_key(positions), table))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.fromiter(map(numbers.__getitem__, keys), dtype=np.int64, count=len(keys))


def _last_of_cell(predicted: Array, true: Array) -> NDArray[np.bool_]:
    """Return which predictions can earn: `eligible`, for all rows at once."""
    order = np.argsort(predicted, kind="stable")
    starts = _run_starts(predicted[order])
    keep = np.ones(len(order), dtype=np.bool_)
    if len(starts) < len(order):
        size = np.diff(starts, append=len(order))
        keys, true = predicted[order[starts]], np.sort(true)
        n_true = np.searchsorted(true, keys, "right") - np.searchsorted(true, keys)
        from_end = np.repeat(starts + size, size) - 1 - np.arange(len(order))
        keep[order] = from_end < np.repeat(np.maximum(n_true, 1), size)
    return keep
