"""The tiered core: predictions and true records -> counts of matches -> parts of the reward.

Records are compared tier by tier. Where the tiers are a chain (exact implies index and attribute, which implies
index), the best one-to-one matching needs no assignment problem: at each tier the largest number of matches is
Σ_key min(#predicted, #true), all these maxima are reached by one matching, and tier-first counting gives it. Everything
that a spec can ask for then follows from the counts, so matching and paying are apart.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from rewards.spec import TieredSpec

    Array = NDArray[np.int64]
    Floats = NDArray[np.float64]

Record = tuple[int | str, ...]

SMALL_BATCH = 48
"""Rows up to which plain Python counts faster than numpy sorts (measured by ``benchmarks/speed``)."""


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
    if spec.nested and len(targets) > SMALL_BATCH:
        matched = _count_batch(spec, predictions, targets)
    else:
        count = _row_counter(spec)
        rows = [count(spec, p, t) for p, t in zip(predictions, targets, strict=True)]
        matched = np.array(rows, dtype=np.int64).reshape(len(targets), len(spec.table))
    n_valid = _lengths(predictions)
    n_invalid = np.asarray(invalid, dtype=np.int64)
    collect = Counter if spec.multiset else frozenset
    same = [collect(p) == collect(t) for p, t in zip(predictions, targets, strict=True)]
    return Counts(
        matched,
        n_valid + np.where(n_valid > 0, n_invalid, 0),
        _lengths(targets),
        np.array(same, dtype=np.bool_)
        & (n_invalid == 0)
        & (True if answered is None else np.asarray(answered, dtype=np.bool_)),
    )


def _row_counter(spec: TieredSpec) -> Callable[[TieredSpec, Sequence[Record], Sequence[Record]], list[int]]:
    if spec.nested:
        return _count_row
    from rewards.assignment import count_by_assignment  # noqa: PLC0415  scipy is slow to import and rarely needed

    return count_by_assignment


def pay(spec: TieredSpec, counts: Counts) -> dict[str, Floats]:
    """Return the parts of R_acc, each (rows,): one for each tier of the table, ``incorrect``, ``underprediction``."""
    n_pred, n_gt = counts.n_pred, counts.n_gt
    zero: Floats = np.zeros(len(n_gt))
    parts: dict[str, Floats] = dict.fromkeys((*spec.parts, "incorrect", "underprediction"), zero)
    if spec.rule == "binary":
        return parts | {"exact": counts.same.astype(np.float64)}
    right = np.zeros_like(n_pred)
    paid_matches = np.zeros_like(counts.matched)
    for level, matched in zip(spec.levels, counts.matched.T, strict=True):
        if level.paid_as is not None:
            paid_matches[:, level.paid_as] += matched
        if level.correct:
            right = right + matched
    for tier, part, matches in zip(spec.table, spec.parts, paid_matches.T, strict=True):
        parts[part] = spec.tiers.get(tier, 0.0) * matches.astype(np.float64)
    # `0.0 -` rather than a unary minus: there is no -0.0 in a reward.
    parts["incorrect"] = 0.0 - spec.incorrect_penalty * (n_pred - right).astype(np.float64)
    short = np.maximum(n_gt - n_pred, 0)
    if spec.count == "difference":
        short = np.abs(n_pred - n_gt) + (short if spec.also_underprediction else 0)
    parts["underprediction"] = 0.0 - spec.underprediction_penalty * short
    if spec.scale == "n_gt":
        return {part: value / np.maximum(n_gt, 1.0) for part, value in parts.items()}
    return parts


def maximum(spec: TieredSpec, n_gt: NDArray[np.int64]) -> Floats:
    """Return R_acc of the exact answer, (rows,)."""
    if spec.rule == "binary":
        return np.ones(len(n_gt))
    each: Floats = np.minimum(n_gt, 1.0) if spec.scale == "n_gt" else n_gt.astype(np.float64)
    return spec.value(0) * each


def eligible(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> Sequence[Record]:
    """Return the predictions that can earn under the conflict rule, in their order."""
    if not spec.has_cells or len(predicted) < 2 or len({record[:-1] for record in predicted}) == len(predicted):
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


def _lengths(rows: Sequence[Sequence[Record]]) -> NDArray[np.int64]:
    return np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))


def _count_row(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> list[int]:
    """Count one row in plain Python: what `_count_batch` does, for batches too small for numpy to pay off."""
    earning = eligible(spec, predicted, true)
    reached = []
    for positions, *_ in spec.levels:
        wanted = [tuple([record[at] for at in positions]) for record in true]
        matches = 0
        for record in earning:
            key = tuple([record[at] for at in positions])
            if key in wanted:
                matches += 1
                if spec.matching == "one_to_one":
                    wanted.remove(key)
        reached.append(matches)
    return [reached[0], *(deep - deeper for deeper, deep in pairwise(reached))]


def _count_batch(
    spec: TieredSpec, predictions: Sequence[Sequence[Record]], targets: Sequence[Sequence[Record]]
) -> NDArray[np.int64]:
    """Count all rows at once, by sorting (row, key) pairs."""
    table: dict[Record, int] = {}
    predicted = np.array([table.setdefault(r, len(table)) for row in predictions for r in row], dtype=np.int64)
    true = np.array([table.setdefault(r, len(table)) for row in targets for r in row], dtype=np.int64)
    rows, width = len(targets), max(len(table), 1)
    predicted_row = np.repeat(np.arange(rows) * width, _lengths(predictions))
    true_row = np.repeat(np.arange(rows) * width, _lengths(targets))
    if spec.has_cells:
        cell = _codes(table, range(len(spec.fields) - 1))
        keep = _last_of_cell(predicted_row + cell[predicted], true_row + cell[true])
        predicted, predicted_row = predicted[keep], predicted_row[keep]
    reached = np.zeros((rows, len(spec.table)), dtype=np.int64)
    for level, (positions, *_) in enumerate(spec.levels):
        code = _codes(table, positions)
        keys, _, n_predicted, n_true = _tally(predicted_row + code[predicted], true_row + code[true])
        matches = n_predicted * (n_true > 0) if spec.matching == "literal" else np.minimum(n_predicted, n_true)
        reached[:, level] = np.bincount(keys // width, weights=matches, minlength=rows)
    return np.diff(reached, axis=1, prepend=0)


def _codes(table: dict[Record, int], positions: Sequence[int]) -> NDArray[np.int64]:
    """Return for each record of *table* a number below its length, shared iff two records agree at *positions*."""
    found: dict[Record, int] = {}
    keys: Iterator[Record] = (tuple([record[at] for at in positions]) for record in table)
    return np.fromiter((found.setdefault(key, len(found)) for key in keys), dtype=np.int64, count=len(table))


def _tally(predicted: Array, true: Array) -> tuple[Array, Array, Array, Array]:
    """Return the distinct keys, where each predicted key is among them, and how often each is predicted and true."""
    keys, place = np.unique(np.concatenate([predicted, true]), return_inverse=True)
    n_predicted = np.bincount(place[: len(predicted)], minlength=len(keys))
    n_true = np.bincount(place[len(predicted) :], minlength=len(keys))
    return keys, place[: len(predicted)], n_predicted, n_true


def _last_of_cell(predicted: Array, true: Array) -> NDArray[np.bool_]:
    """Return which predictions can earn: `eligible`, for all rows at once."""
    _, place, n_predicted, n_true = _tally(predicted, true)
    order = np.argsort(place, kind="stable")
    cell = place[order]
    from_end = np.cumsum(n_predicted)[cell] - 1 - np.arange(len(cell))
    keep = np.empty(len(cell), dtype=np.bool_)
    keep[order] = from_end < np.maximum(n_true, 1)[cell]
    return keep
