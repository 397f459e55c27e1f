"""One row of a file, found by its id or its line, with its columns told apart as scoring tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.files.blocks import read_block
from benchmarks.files.chunks import BadRow
from benchmarks.files.columns import MISSING, Columns, find_columns
from benchmarks.files.gold import join_key
from benchmarks.files.rows import read_chunks
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.files.chunks import Chunk
    from benchmarks.files.gold import Gold


class Row(NamedTuple):
    """A row that can be scored.

    Attributes:
        place: ``file:line``.
        id: its id, or *place* where it has none.
        values: role -> value, see `benchmarks.columns.ROLES`. ``completion`` is text.
    """

    place: str
    id: Any
    values: Mapping[str, Any]


def find_rows(
    path: str,
    *,
    row_id: str | None = None,
    line: int | None = None,
    mapping: Mapping[str, str] | None = None,
    gold: Gold | None = None,
) -> list[Row]:
    """Return the rows with an id, or those on a line, in their order; at least one.

    Args:
        path: see `benchmarks.rows.read_chunks`.
        row_id: as text; the number 7 is found by ``"7"``. A row without an id is found by ``file:line``.
        line: from 1; one line holds several rows in ms-swift's tables.
        mapping: role -> column, where the user says so.
        gold: where the gold comes from, if not from the file.

    Raises:
        DataError: if there is no such row, or it cannot be scored.
        ConfigError: for an ambiguous column or a wrong *mapping*.
    """
    needed = ("completion", "target") if gold is None else ("completion", gold.on)
    found: list[Row] = []
    columns: Columns | None = None
    for chunk in read_chunks(path):
        if columns is None and not all(isinstance(row, BadRow) for row in chunk.rows):
            columns = find_columns(chunk, needed=needed, mapping=mapping)
        wanted = _select(chunk, _places(chunk, columns, row_id, line))
        found += _read(wanted, columns, gold) if wanted.rows else []
        if line is not None and chunk.lines[-1] >= line:
            break
    if not found:
        raise DataError(f"{path}: there is no row {f'with the id {row_id!r}' if line is None else f'on line {line}'}")
    return found


def _places(chunk: Chunk, columns: Columns | None, row_id: str | None, line: int | None) -> list[int]:
    """Return which rows of a chunk are asked for."""
    if line is not None:
        return [at for at, number in enumerate(chunk.lines) if number == line]
    if columns is None or "id" not in columns.roles:
        return [at for at in range(len(chunk.rows)) if chunk.place(at) == row_id]
    key = join_key(row_id)
    rows = [{} if isinstance(row, BadRow) else row for row in chunk.rows]
    ids = columns.values("id", rows)
    return [at for at, each in enumerate(ids) if each is not MISSING and each is not None and join_key(each) == key]


def _select(chunk: Chunk, places: Sequence[int]) -> Chunk:
    return chunk._replace(
        rows=[chunk.rows[at] for at in places],
        lines=[chunk.lines[at] for at in places],
        items=None if chunk.items is None else [chunk.items[at] for at in places],
    )


def _read(chunk: Chunk, columns: Columns | None, gold: Gold | None) -> list[Row]:
    """Return the rows of a chunk; raise for the first that cannot be scored."""
    bad = {at: row.message for at, row in enumerate(chunk.rows) if isinstance(row, BadRow)}
    block = None if columns is None or bad else read_block(chunk, columns, gold=gold)
    for at, message in (bad if block is None else block.errors).items():
        raise DataError(f"{chunk.place(at)}: {message}")
    assert block is not None
    values = [{role: column[row] for role, column in block.columns.items()} for row in range(len(block))]
    return [
        Row(chunk.place(at), *each) for at, each in zip(block.at, zip(block.ids(), values, strict=True), strict=True)
    ]
