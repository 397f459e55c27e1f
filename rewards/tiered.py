"""R_acc of a list of records (STAR-R1): items, conflicts, matching, formula.

    R_pos = Σ over matches of the value of their best tier         5 exact, 1.5 index and attribute, .5 index
    R_pun = − n_miss − max(0, n_gt − n_pred)                        n_miss: incorrect predictions
    R_acc = R_pos + R_pun

1. *Items.* An item of the answer that is no valid record is an incorrect prediction, up to n_gt of them
   (`count_unparseable`).
2. *Conflicts.* Of several predictions for one cell, only the last ones can score (`eligible`).
3. *Matching.* Records are compared tier by tier. Where the tiers are a chain (exact implies index and attribute, which
   implies index), the best one-to-one matching needs no assignment problem: at each tier the largest number of matches
   is Σ_key min(#predicted, #true), all these maxima are reached by one matching, and counting the best tier first gives
   it. Few rows are counted in plain Python, many at once in numpy. Other tiers are matched by solving the assignment
   problem, and both agree wherever both apply. Where order counts, records are aligned instead (`align`): the best set
   of matches that increase on both sides, Σ (value + penalty spared) being the largest.
4. *Formula.* `reward_parts` needs nothing but the counts.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import chain
from math import lcm
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parsers.first_time import FIRST_TIME
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from rewards.spec import Level, TieredSpec

    Array = NDArray[np.int64]
    Floats = NDArray[np.float64]

Record = tuple[int | str, ...]
"""One record of a list task: the values of its fields, in their order."""

SMALL_BATCH = 48
"""Rows up to which plain Python counts faster than numpy sorts (measured by ``tests/measure/speed.py``)."""


class Counts(NamedTuple):
    """How the predictions of each row matched.

    Attributes:
        matched: (rows, tiers of the table) matches whose best tier is this one.
        n_pred: (rows,) predictions, items that are no valid record included as far as they count.
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
        invalid: for each row, how many further items are no valid record, see `count_unparseable`.
        targets: for each row, the true records.
        answered: for each row, whether there is an answer at all; only then can it be the same as the target.
    """
    return count_for_specs([spec], predictions, invalid, targets, answered)[0]


def count_for_specs(
    specs: Sequence[TieredSpec],
    predictions: Sequence[Sequence[Record]],
    invalid: Sequence[int],
    targets: Sequence[Sequence[Record]],
    answered: Sequence[bool] | None = None,
) -> list[Counts]:
    """Match under each of several specs of one task, as `count_matches` does; what they share is done once."""
    n_valid, n_gt = _lengths(predictions), _lengths(targets)
    n_invalid = np.asarray(invalid, dtype=np.int64)
    n_pred = n_valid + count_unparseable(n_invalid, n_valid, n_gt) if any(invalid) else n_valid
    readable = (n_invalid == 0) & (True if answered is None else np.asarray(answered, dtype=np.bool_))
    sorted_by: dict[Any, SortedRecords] = {}  # by the table: presets of one task share it
    found = []
    for spec in specs:
        if spec.nested and len(targets) > SMALL_BATCH:
            if spec.table not in sorted_by:
                sorted_by[spec.table] = _sort_records(spec, number_records(predictions, targets))
            matched, same = _count_sorted(spec, sorted_by[spec.table]), _same_sorted(spec, sorted_by[spec.table])
        else:
            count = count_row if spec.nested else count_by_assignment
            rows = [count(spec, p, t) for p, t in zip(predictions, targets, strict=True)]
            matched = np.array(rows, dtype=np.int64).reshape(len(targets), len(spec.table))
            same = np.array([_same(spec, p, t) for p, t in zip(predictions, targets, strict=True)], dtype=np.bool_)
        found.append(Counts(matched, n_pred, n_gt, same & readable))
    return found


def count_numbered(
    specs: Sequence[TieredSpec], records: NumberedRecords, invalid: Array, answered: NDArray[np.bool_]
) -> list[Counts]:
    """Match as `count_for_specs` does, under specs whose tiers are chains, records that are numbered already.

    Args:
        specs: the rewards.
        records: the predictions and the true records.
        invalid: (rows,) how many further items are no valid record.
        answered: (rows,) whether there is an answer at all.
    """
    n_pred = records.n_valid + count_unparseable(invalid, records.n_valid, records.n_gt)
    sorted_by: dict[Any, SortedRecords] = {}
    found: dict[Any, Counts] = {}
    for spec in specs:
        how = (spec.table, spec.matching, spec.has_cells, spec.multiset)
        if spec.table not in sorted_by:
            sorted_by[spec.table] = _sort_records(spec, records)
        if how not in found:
            same = _same_sorted(spec, sorted_by[spec.table]) & (invalid == 0) & answered
            found[how] = Counts(_count_sorted(spec, sorted_by[spec.table]), n_pred, records.n_gt, same)
    return [found[spec.table, spec.matching, spec.has_cells, spec.multiset] for spec in specs]


def count_unparseable(n_invalid: Array, n_valid: Array, n_gt: Array) -> Array:
    """Return how many of the items that are no valid record count as predictions, (rows,).

        min(n_invalid, n_gt)

    Each is one incorrect prediction; those beyond n_gt are none. So an answer of nothing valid costs
    −k − (n_gt − k) = −n_gt, what silence costs (where both penalties are the same); a wrong record in place of such an
    item costs one incorrect prediction more at most; and how many of them count does not depend on the valid records,
    so that a right one more never costs. Where nothing is true, they count like wrong records if there is a valid one,
    and an answer of nothing valid is an empty one.
    """
    return np.where(n_gt > 0, np.minimum(n_invalid, n_gt), n_invalid * (n_valid > 0))


def _lengths(rows: Sequence[Sequence[Record]]) -> Array:
    return np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))


def _same(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> bool:
    collect: Callable[[Sequence[Record]], Any] = tuple if spec.ordered else Counter if spec.multiset else frozenset
    return predicted == true or collect(predicted) == collect(true)


# --- the formula -----------------------------------------------------------------------------------------------------


def reward_parts(spec: TieredSpec, counts: Counts) -> dict[str, Floats]:
    """Return the parts of R_acc, each (rows,): one for each tier of the table, ``incorrect``, ``underprediction``."""
    n_pred, n_gt = counts.n_pred, counts.n_gt
    names = (*spec.parts, "incorrect", "underprediction")
    if spec.rule == "binary":  # R = 1 for the right set, else 0 (the ablation "naive GRPO")
        zero: Floats = np.zeros(len(n_gt))
        return dict.fromkeys(names, zero) | {"exact": counts.same.astype(np.float64)}
    paid_as, value, correct = _payment(spec.levels)
    # R_pos = Σ over tiers of value(tier) · matches(tier); one part a tier
    tiers = (counts.matched @ paid_as) * value
    # R_pun, first term: − n_miss, with n_miss = n_pred − (matches that are good enough).
    # `0.0 -` rather than a unary minus: there is no -0.0 in a reward.
    incorrect = 0.0 - spec.incorrect_penalty * (n_pred - counts.matched @ correct)
    # R_pun, second term: − (n_gt − n_pred) if n_pred < n_gt, otherwise nothing
    short = np.maximum(n_gt - n_pred, 0)
    if spec.count == "difference":  # the ablation: |n_pred − n_gt| takes the place of the penalties
        short = np.abs(n_pred - n_gt) + (short if spec.also_underprediction else 0)
    parts = dict(zip(names, [*tiers.T, incorrect, 0.0 - spec.underprediction_penalty * short], strict=True))
    if spec.scale == "n_gt":
        return {part: values / np.maximum(n_gt, 1.0) for part, values in parts.items()}
    return parts


@lru_cache(maxsize=256)
def _payment(levels: tuple[Level, ...]) -> tuple[Array, Floats, Array]:
    """Return at which tier a match of each is rewarded, (tiers, tiers); the reward of each; whether it is correct."""
    paid_as = np.array([[level.paid_as == at for at in range(len(levels))] for level in levels], dtype=np.int64)
    value = np.array([level.value if level.paid_as == at else 0.0 for at, level in enumerate(levels)])
    return paid_as, value, np.array([level.correct for level in levels], dtype=np.int64)


def maximum(spec: TieredSpec, n_gt: NDArray[np.int64]) -> Floats:
    """Return R_acc of the exact answer, (rows,): n_gt times the value of an exact match."""
    if spec.rule == "binary":
        return np.ones(len(n_gt))
    each: Floats = np.minimum(n_gt, 1.0) if spec.scale == "n_gt" else n_gt.astype(np.float64)
    return spec.value(0) * each


# --- conflicts, and one row in plain Python --------------------------------------------------------------------------


def eligible(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> Sequence[Record]:
    """Return the predictions that can score under the conflict rule, in their order.

    Of several predictions for one cell (all fields but the last) these are the last ones: as many as the cell has true
    records, and at least one.
    """
    if len(predicted) < 2 or not spec.has_cells or len({record[:-1] for record in predicted}) == len(predicted):
        return predicted
    left = Counter(record[:-1] for record in true)
    kept: list[Record] = []
    seen: set[Record] = set()
    for record in reversed(predicted):
        cell = record[:-1]
        if cell not in seen or left[cell] > 0:
            kept.append(record)
            left[cell] -= 1
            seen.add(cell)
    return kept[::-1]


def count_row(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> list[int]:
    """Count one row in plain Python: what `_count_sorted` does, for batches too small for numpy to be worth it."""
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


# --- many rows at once, in numpy -------------------------------------------------------------------------------------


class SortedRecords(NamedTuple):
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


class NumberedRecords(NamedTuple):
    """The records of a batch as whole numbers, their codes.

    Attributes:
        code: (records,) of all predictions, row after row as they were written, followed by all true records.
        n_valid: (rows,) predictions of each row.
        n_gt: (rows,) true records.
        codes: how many codes there are, which may be more than occur.
        by: for some positions of a record, a number below that for each code, shared iff two records agree there.
    """

    code: Array
    n_valid: Array
    n_gt: Array
    codes: int
    by: Callable[[tuple[int, ...]], Array]


def number_records(predictions: Sequence[Sequence[Record]], targets: Sequence[Sequence[Record]]) -> NumberedRecords:
    """Number the distinct records of a batch."""
    table: dict[Record, int] = {}
    number = table.setdefault
    codes = [number(record, len(table)) for row in chain(predictions, targets) for record in row]
    numbers = (np.array(codes, dtype=np.int64), _lengths(predictions), _lengths(targets), len(table))
    return NumberedRecords(*numbers, lambda positions: _codes(table, positions))


def _sort_records(spec: TieredSpec, records: NumberedRecords) -> SortedRecords:
    """Sort all records once for all tiers: each tier is within the one before, so the last one is the first key."""
    code, distinct = records.code, np.arange(records.codes)
    if len(code) < records.codes:  # of a long table only what occurs counts from here on
        distinct, code = np.unique(code, return_inverse=True)
    # The row of each record: rows 0, 1, ... of the predictions, then again of the true ones.
    lengths, rows = np.concatenate([records.n_valid, records.n_gt]), len(records.n_gt)
    row = np.repeat(np.tile(np.arange(rows), 2), lengths)
    # For each tier, and for cells: which distinct records agree in its fields (by code).
    cell_positions = tuple(range(max(len(spec.fields) - 1, 1)))
    by = {at: records.by(at)[distinct] for at in {cell_positions, *(level.positions for level in spec.levels)}}
    tiers = [by[level.positions] for level in spec.levels]
    width = max(records.codes, 1)
    # Rank the distinct records such that those that agree at the last tier are neighbors, within them those that agree
    # at the tier before, and so on; then one sort of row · width + rank puts the batch into that order, row by row.
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[np.lexsort(tiers)] = np.arange(len(distinct))
    place = np.argsort(row * width + rank[code])
    cell = row * width + by[cell_positions][code]
    n_predicted = int(records.n_valid.sum())
    row, code = row[place], code[place]
    # Runs of records of one row that agree at a tier, and how many of each run are true (their place comes after the
    # predictions').
    starts = [_run_starts(row * width + tier[code]) for tier in tiers]
    n_true = [np.add.reduceat(place >= n_predicted, at, dtype=np.int64) for at in starts]
    return SortedRecords(row, place, starts, n_true, (cell[:n_predicted], cell[n_predicted:]), rows)


def _codes(table: Mapping[Record, int], positions: tuple[int, ...]) -> Array:
    """Return for each record of *table* a number below its length, shared iff two records agree at *positions*."""
    keys = list(map(_key(positions), table))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.fromiter(map(numbers.__getitem__, keys), dtype=np.int64, count=len(keys))


def _run_starts(keys: Array) -> Array:
    """Return where each run of equal keys begins."""
    return np.flatnonzero(np.concatenate([np.ones(min(len(keys), 1), dtype=np.bool_), keys[1:] != keys[:-1]]))


def _count_sorted(spec: TieredSpec, records: SortedRecords) -> Array:
    """Count all rows at once, (rows, tiers of the table)."""
    # Which records are predictions that can score: first in the order written, then in the sorted order.
    counted = np.zeros(len(records.place), dtype=np.bool_)
    counted[: len(records.cells[0])] = _last_of_cell(*records.cells) if spec.has_cells else True
    counted = counted[records.place]
    # At each tier, Σ over runs of min(#predicted, #true): how many matches reach this tier or a better one.
    reached = np.zeros((records.rows, len(spec.table)), dtype=np.int64)
    for level, (starts, n_true) in enumerate(zip(records.starts, records.n_true, strict=True)):
        n_predicted = np.add.reduceat(counted, starts, dtype=np.int64)
        matches = n_predicted * (n_true > 0) if spec.matching == "literal" else np.minimum(n_predicted, n_true)
        reached[:, level] = np.bincount(records.row[starts], weights=matches, minlength=records.rows)
    # What a tier adds to the one before are the matches whose best tier it is.
    return np.diff(reached, axis=1, prepend=0)


def _same_sorted(spec: TieredSpec, records: SortedRecords) -> NDArray[np.bool_]:
    """Return which rows name exactly their true records: `_same`, for all rows at once."""
    starts, n_true = records.starts[0], records.n_true[0]  # of the exact tier: a run is one record
    n_predicted = np.diff(starts, append=len(records.place)) - n_true
    differ = n_predicted != n_true if spec.multiset else (n_predicted > 0) != (n_true > 0)
    same: NDArray[np.bool_] = np.bincount(records.row[starts], weights=differ, minlength=records.rows) == 0
    return same


def _last_of_cell(predicted: Array, true: Array) -> NDArray[np.bool_]:
    """Return which predictions can score: `eligible`, for all rows at once."""
    # Sort by cell; a stable sort leaves those of one cell in the order written.
    order = np.argsort(predicted, kind="stable")
    starts = _run_starts(predicted[order])
    keep = np.ones(len(order), dtype=np.bool_)
    if len(starts) < len(order):  # otherwise no cell is named twice
        size = np.diff(starts, append=len(order))
        # How many true records each named cell has: the stretch of the sorted true cells that equals it.
        keys, true = predicted[order[starts]], np.sort(true)
        n_true = np.searchsorted(true, keys, "right") - np.searchsorted(true, keys)
        # Places counted from the end of each run; the last max(n_true, 1) of it can score.
        from_end = np.repeat(starts + size, size) - 1 - np.arange(len(order))
        keep[order] = from_end < np.repeat(np.maximum(n_true, 1), size)
    return keep


# --- tiers that are no chain: optimal assignment; records in order: optimal alignment -------------------------------


def count_by_assignment(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> list[int]:
    """Return how many matches have each tier of the table as their best, (tiers,)."""
    counts = [0] * len(spec.table)
    for _, _, level in match_by_assignment(spec, eligible(spec, predicted, true), true):
        counts[level] += 1
    return counts


def match_by_assignment(
    spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]
) -> list[tuple[int, int, int]]:
    """Return the matches as (place among the predicted, place among the true, best tier).

    One-to-one takes the matching of the largest total value and, among those, the one with the most exact matches, then
    the most at each next tier. Literal takes each prediction's best tier over all true records. Aligned takes matches
    that increase on both sides, of the largest total value with the penalties that they spare; ties go as for
    one-to-one, and then to the earliest predictions and the earliest true records.
    """
    # Where order counts, a match may spare the charge for an incorrect prediction: the alignment maximizes R_acc.
    spared = spec.incorrect_penalty if spec.ordered else 0.0
    worth = [level.value + spared * level.correct for level in spec.levels]
    levels = _pair_levels(spec, worth, predicted, true)
    if not levels.size:
        return []
    rank = _rank(worth, min(levels.shape))
    if spec.matching == "literal":
        rows, columns = np.arange(len(levels)), np.argmax(rank[levels], axis=1)
    elif spec.ordered:
        rows, columns = align(rank[levels])
    else:
        with FIRST_TIME:
            from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  slow to import and rarely needed

        rows, columns = linear_sum_assignment(rank[levels], maximize=True)
    found = zip(rows.tolist(), columns.tolist(), levels[rows, columns].tolist(), strict=True)
    return [match for match in found if match[2] < len(spec.table)]


def align(score: Floats) -> tuple[Array, Array]:
    """Return the matches of an alignment of the largest total score: rows and columns, both strictly increasing.

        best[i, j] = max(best[i + 1, j], best[i, j + 1], score[i, j] + best[i + 1, j + 1])

    is what rows from i on and columns from j on can reach, 0 where there are none (Needleman and Wunsch 1970, gaps at
    no cost). Of equals each row in turn, from the first, is matched if it can be, with the first column that it can
    have.

    Args:
        score: (rows, columns), whole numbers >= 0 whose sums are exact in a float; 0 for what does not match.

    >>> rows, columns = align(np.array([[0.0, 2.0, 0.0], [3.0, 0.0, 0.0], [0.0, 2.0, 2.0]]))
    >>> rows.tolist(), columns.tolist()
    ([1, 2], [0, 1])
    """
    rows, columns = score.shape
    best = np.zeros((rows + 1, columns + 1))
    for i in reversed(range(rows)):
        here = np.maximum(best[i + 1, :-1], score[i] + best[i + 1, 1:])
        best[i, :-1] = np.maximum.accumulate(here[::-1])[::-1]  # columns that are passed over
    matches: list[tuple[int, int]] = []
    j = 0
    for i in range(rows):
        at = np.flatnonzero((score[i, j:] > 0) & (score[i, j:] + best[i + 1, j + 1 :] == best[i, j]))
        if len(at):
            matches.append((i, j + int(at[0])))
            j += int(at[0]) + 1
    found = np.array(matches, dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _pair_levels(
    spec: TieredSpec, worth: Sequence[float], predicted: Sequence[Record], true: Sequence[Record]
) -> Array:
    """Return the best tier of each pair as its place in the table, (predicted, true); its length where none agrees.

    The best is the tier that is worth most; of several, the first in the table.
    """
    order = sorted(range(len(spec.table)), key=lambda level: (-worth[level], level))
    levels = np.full((len(predicted), len(true)), len(spec.table), dtype=np.int64)
    for level in reversed(order):  # the best tier last, so that it stays
        positions = [spec.fields.index(name) for name in spec.table[level]]
        mine = [tuple([record[at] for at in positions]) for record in predicted]
        theirs = [tuple([record[at] for at in positions]) for record in true]
        for row, key in enumerate(mine):
            levels[row, [column for column, other in enumerate(theirs) if key == other]] = level
    return levels


def _rank(worth: Sequence[float], matches: int) -> Floats:
    """Return a score for each tier (and 0 for none) whose sums compare as (total worth, matches per tier).

    Values become whole multiples of their smallest common step, and each count a digit below them, so that sums of up
    to *matches* scores are exact in a float.

    Raises:
        ConfigError: for tiers whose values cannot be compared so.
    """
    with FIRST_TIME:
        from fractions import Fraction  # noqa: PLC0415

    values = [Fraction(each).limit_denominator(10_000) for each in worth]
    inexact = [each for each, value in zip(worth, values, strict=True) if float(value) != each]
    step = lcm(*(value.denominator for value in values))
    base = matches + 1  # no count reaches it, so that counts are digits
    digits = [base ** (len(values) - 1 - level) for level in range(len(values))]
    scores = [int(value * step) * base ** len(values) + digit for value, digit in zip(values, digits, strict=True)]
    if inexact or max(scores) * base > 2**53:
        raise ConfigError(
            f"{matches} matches over {len(values)} tiers of {[float(v) for v in values]} cannot be compared exactly; "
            "use tiers that are a chain, or values with few decimals"
        )
    return np.array([*scores, 0], dtype=np.float64)
