"""A slow twin of `rewards.tiered`: it tries every matching, and pays by the formulas as they are written down."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rewards.spec import TieredSpec

    Record = tuple[int | str, ...]


def tier_values(spec: TieredSpec) -> list[Fraction]:
    """Return what each tier of the table earns: its own value, or that of the next paid tier which it contains."""
    values = []
    for number, key in enumerate(spec.table):
        paid = [other for other in spec.table[number:] if set(other) <= set(key) and other in spec.tiers]
        values.append(Fraction(spec.tiers[paid[0]]) if paid else Fraction(0))
    return values


def best_tier(spec: TieredSpec, predicted: Record, true: Record) -> int | None:
    """Return the tier of the table that earns most among those whose fields agree; None where none agrees."""
    values = tier_values(spec)
    agreeing = [
        number
        for number, key in enumerate(spec.table)
        if all(predicted[spec.fields.index(name)] == true[spec.fields.index(name)] for name in key)
    ]
    return min(agreeing, key=lambda number: (-values[number], number), default=None)


def can_earn(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> list[Record]:
    """Return the predictions that no later ones for the same cell take the place of."""
    if spec.conflicts == "each" or len(spec.fields) == 1:
        return list(predicted)
    kept = []
    for number, record in enumerate(predicted):
        later = sum(other[:-1] == record[:-1] for other in predicted[number + 1 :])
        if later < max(1, sum(other[:-1] == record[:-1] for other in true)):
            kept.append(record)
    return kept


def matchings(rows: int, columns: int) -> Iterator[list[int | None]]:
    """Yield every way to give each row one column or none, no column twice."""
    if rows == 0:
        yield []
        return
    for rest in matchings(rows - 1, columns):
        yield [*rest, None]
        yield from ([*rest, column] for column in range(columns) if column not in rest)


def counts(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> list[int]:
    """Return how many matches have each tier of the table as their best."""
    earning = can_earn(spec, predicted, true)
    tiers = [[best_tier(spec, record, other) for other in true] for record in earning]
    values = tier_values(spec)

    def tally(found: list[int | None]) -> list[int]:
        return [found.count(number) for number in range(len(spec.table))]

    def order(tallied: list[int]) -> tuple[Fraction, list[int]]:
        return sum((value * number for value, number in zip(values, tallied, strict=True)), Fraction(0)), tallied

    if spec.matching == "literal":
        best = [min((t for t in row if t is not None), key=lambda t: (-values[t], t), default=None) for row in tiers]
        return tally(best)
    return max(
        (
            tally([None if column is None else tiers[row][column] for row, column in enumerate(matching)])
            for matching in matchings(len(earning), len(true))
        ),
        key=order,
    )


def counted_items(valid: int, invalid: int, n_gt: int) -> int:
    """Return how many of the items that are no records count: one after the other, until there is one a true record."""
    if n_gt == 0:  # nothing can be right: without a record it is silence, with one every item is wrong
        return invalid if valid else 0
    counted = 0
    while counted < invalid and counted < n_gt:
        counted += 1
    return counted


def parts(
    spec: TieredSpec, predicted: Sequence[Record], invalid: int, true: Sequence[Record], *, answered: bool = True
) -> dict[str, float]:
    """Return the parts of R_acc, exactly but for one rounding each."""
    names = dict(zip(spec.parts, spec.table, strict=True))
    paid = dict.fromkeys([*names, "incorrect", "underprediction"], Fraction(0))
    if spec.rule == "binary":
        same = sorted(predicted) == sorted(true) if spec.multiset else set(predicted) == set(true)
        return {part: float(part == "exact" and same and not invalid and answered) for part in paid}
    values, correct = tier_values(spec), 0
    for number, matched in enumerate(counts(spec, predicted, true)):
        key = spec.table[number]
        within = [part for part, other in names.items() if set(other) <= set(key) and other in spec.tiers]
        within = [part for part in within if spec.table.index(names[part]) >= number]
        if within:
            paid[within[0]] += values[number] * matched
        if spec.incorrect == "no_tier":
            good = spec.miss_table == "full" or values[number] > 0
        else:
            good = set(names[spec.incorrect.removeprefix("not_")]) <= set(key)
        correct += matched if good else 0
    n_pred = len(predicted) + counted_items(len(predicted), invalid, len(true))
    n_gt = len(true)
    short = max(0, n_gt - n_pred)
    if spec.count == "difference":
        short = abs(n_pred - n_gt) + (short if spec.also_underprediction else 0)
    paid["incorrect"] = -Fraction(spec.incorrect_penalty) * (n_pred - correct)
    paid["underprediction"] = -Fraction(spec.underprediction_penalty) * short
    scale = max(n_gt, 1) if spec.scale == "n_gt" else 1
    return {part: float(value / scale) for part, value in paid.items()}
