"""Matching by optimal assignment, for specs whose tiers are no chain. Agrees with counting wherever both apply."""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from rewards.conflicts import eligible
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewards.conflicts import Record
    from rewards.spec import TieredSpec


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
    the most at each next tier. Literal takes each prediction's best tier over all true records.
    """
    levels = _levels(spec, predicted, true)
    if not levels.size:
        return []
    rank = _rank(spec, min(levels.shape))
    if spec.matching == "literal":
        rows, columns = np.arange(len(levels)), np.argmax(rank[levels], axis=1)
    else:
        rows, columns = linear_sum_assignment(rank[levels], maximize=True)
    found = zip(rows.tolist(), columns.tolist(), levels[rows, columns].tolist(), strict=True)
    return [match for match in found if match[2] < len(spec.table)]


def _levels(
    spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return the best tier of each pair as its place in the table, (predicted, true); its length where none agrees.

    The best is the tier that earns most; of several, the first in the table.
    """
    value = [spec.value(level) for level in range(len(spec.table))]
    order = sorted(range(len(spec.table)), key=lambda level: (-value[level], level))
    levels = np.full((len(predicted), len(true)), len(spec.table), dtype=np.int64)
    for level in reversed(order):
        positions = [spec.fields.index(name) for name in spec.table[level]]
        mine = [tuple([record[at] for at in positions]) for record in predicted]
        theirs = [tuple([record[at] for at in positions]) for record in true]
        for row, key in enumerate(mine):
            levels[row, [column for column, other in enumerate(theirs) if key == other]] = level
    return levels


def _rank(spec: TieredSpec, matches: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a score for each tier (and 0 for none) whose sums compare as (total value, matches per tier).

    Values become whole multiples of their smallest common step, and each count a digit below them, so that sums of up
    to *matches* scores are exact in a float.

    Raises:
        ConfigError: for tiers whose values cannot be compared so.
    """
    from fractions import Fraction  # noqa: PLC0415

    values = [Fraction(spec.value(level)).limit_denominator(10_000) for level in range(len(spec.table))]
    inexact = [spec.value(level) for level, value in enumerate(values) if float(value) != spec.value(level)]
    step = lcm(*(value.denominator for value in values))
    base = matches + 1
    digits = [base ** (len(values) - 1 - level) for level in range(len(values))]
    scores = [int(value * step) * base ** len(values) + digit for value, digit in zip(values, digits, strict=True)]
    if inexact or max(scores) * base > 2**53:
        raise ConfigError(
            f"{matches} matches over {len(values)} tiers of {[float(v) for v in values]} cannot be compared exactly; "
            "use tiers that are a chain, or values with few decimals"
        )
    return np.array([*scores, 0], dtype=np.float64)
