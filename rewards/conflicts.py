"""Predictions that contradict each other: of several values for one cell, which can earn."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewards.spec import TieredSpec

Record = tuple[int | str, ...]


def eligible(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> Sequence[Record]:
    """Return the predictions that can earn under the conflict rule, in their order."""
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
