"""A file read whole, for what needs all rows at once; scoring reads chunk by chunk instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.files.blocks import read_block
from benchmarks.files.chunks import BadRow
from benchmarks.files.columns import find_columns
from benchmarks.files.rows import read_chunks
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from benchmarks.files.columns import Columns
    from benchmarks.files.gold import Gold


class Whole(NamedTuple):
    """The rows of a file that can be scored, column by column.

    Attributes:
        columns: role -> values, (rows,). ``completion`` is text. A role that the file lacks is absent.
        groups: for each row what it shares with the rows of its group alone, (rows,).
        places: ``file:line`` of each, (rows,).
        errors: ``file:line: what is wrong`` of the other rows.
    """

    columns: Mapping[str, Sequence[Any]]
    groups: Sequence[Hashable]
    places: Sequence[str]
    errors: Sequence[str]


def read_whole(path: str, *, mapping: Mapping[str, str] | None = None, gold: Gold | None = None) -> Whole:
    """Read a file of predictions.

    Args:
        path: see `benchmarks.files.rows.read_chunks`.
        mapping: role -> column, where the user says so.
        gold: where the gold comes from, if not from the file.

    Raises:
        DataError: if the file has no rows that can be scored, or lacks a column.
        ConfigError: for an ambiguous column or a wrong *mapping*.
    """
    needed = ("completion", "target") if gold is None else ("completion", gold.on)
    values: dict[str, list[Any]] = {}
    groups: list[Hashable] = []
    places: list[str] = []
    errors: list[str] = []
    columns: Columns | None = None
    for chunk in read_chunks(path):
        if columns is None and not all(isinstance(row, BadRow) for row in chunk.rows):
            columns = find_columns(chunk, needed=needed, mapping=mapping, joined_on=None if gold is None else gold.on)
        if columns is None:
            bad = {at: row.message for at, row in enumerate(chunk.rows) if isinstance(row, BadRow)}
        else:
            block = read_block(chunk, columns, gold=gold)
            bad = dict(block.errors)
            for role, column in block.columns.items():
                values.setdefault(role, []).extend(column)
            here = [chunk.place(at) for at in block.at]
            places += here
            groups += [place if number is None else number for place, number in zip(here, block.groups(), strict=True)]
        errors += [f"{chunk.place(at)}: {message}" for at, message in sorted(bad.items())]
    if not groups:
        raise DataError(f"{path}: there are no rows{' that can be scored' if errors else ''}")
    return Whole(values, groups, places, errors)
