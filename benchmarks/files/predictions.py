"""Predictions read apart from scoring: a file whole, or one row of it by its id or line; columns are told as there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.files.blocks import read_block, spread_attempts
from benchmarks.files.columns import MISSING, find_columns
from benchmarks.files.paths import find_files
from benchmarks.files.sources import BadRow, read_chunks
from benchmarks.files.targets import join_key
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from benchmarks.files.columns import Columns
    from benchmarks.files.sources import Chunk
    from benchmarks.files.targets import TargetFile


class Predictions(NamedTuple):
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


class FoundRow(NamedTuple):
    """A row that can be scored.

    Attributes:
        place: ``file:line``.
        id: its id, or *place* where it has none.
        values: role -> value, see `benchmarks.files.columns.ROLES`. ``completion`` is text.
    """

    place: str
    id: Any
    values: Mapping[str, Any]


def read_predictions(
    path: str, *, mapping: Mapping[str, str] | None = None, targets: TargetFile | None = None
) -> Predictions:
    """Read a file of predictions whole.

    Args:
        path: see `benchmarks.files.paths.find_files`.
        mapping: role -> column, where the user says so.
        targets: where the targets come from, if not from the file.

    Raises:
        DataError: if the file has no rows that can be scored, or lacks a column.
        ConfigError: for an ambiguous column or a wrong *mapping*.
    """
    values: dict[str, list[Any]] = {}
    groups: list[Hashable] = []
    places: list[str] = []
    errors: list[str] = []
    for chunk, columns in _chunks_with_columns(path, mapping, targets):
        if columns is None:
            bad = chunk.bad_rows()
        else:
            block = read_block(chunk, columns, targets=targets)
            bad = dict(block.errors)
            for role, column in block.columns.items():
                values.setdefault(role, []).extend(column)
            here = [chunk.place(at) for at in block.at]
            places += here
            groups += [place if number is None else number for place, number in zip(here, block.groups(), strict=True)]
        errors += [f"{chunk.place(at)}: {message}" for at, message in sorted(bad.items())]
    if not groups:
        raise DataError(f"{path}: there are no rows{' that can be scored' if errors else ''}")
    return Predictions(values, groups, places, errors)


def find_rows(
    path: str,
    *,
    row_id: str | None = None,
    line: int | None = None,
    mapping: Mapping[str, str] | None = None,
    targets: TargetFile | None = None,
) -> list[FoundRow]:
    """Return the rows with an id, or those on a line, in their order; at least one.

    Args:
        path: see `benchmarks.files.paths.find_files`.
        row_id: as text; the number 7 is found by ``"7"``. Every row is found by its place, ``file:line``, too.
        line: from 1; one line holds several rows in ms-swift's tables.
        mapping: role -> column, where the user says so.
        targets: where the targets come from, if not from the file.

    Raises:
        DataError: if there is no such row, or it cannot be scored.
        ConfigError: for an ambiguous column or a wrong *mapping*.
    """
    found: list[FoundRow] = []
    for chunk, columns in _chunks_with_columns(path, mapping, targets, line=line):
        wanted = _select(chunk, _wanted_places(chunk, columns, row_id, line))
        found += _scorable_rows(wanted, columns, targets) if wanted.rows else []
    if not found:
        raise DataError(f"{path}: there is no row {f'with the id {row_id!r}' if line is None else f'on line {line}'}")
    return found


def _chunks_with_columns(
    path: str, mapping: Mapping[str, str] | None, targets: TargetFile | None, *, line: int | None = None
) -> Iterator[tuple[Chunk, Columns | None]]:
    """Yield the chunks of all files, up to a line of each, with its columns, None as long as no row could be read."""
    joined_on = None if targets is None else targets.on
    for file in find_files([path]):
        columns: Columns | None = None
        for chunk in read_chunks(file):
            if columns is None and len(chunk.bad_rows()) < len(chunk.rows):
                needed = ("completion", joined_on or "target")
                columns = find_columns(chunk, needed=needed, mapping=mapping, joined_on=joined_on)
            yield chunk if columns is None else spread_attempts(chunk, columns), columns
            if line is not None and chunk.lines[-1] >= line:
                break


def _wanted_places(chunk: Chunk, columns: Columns | None, row_id: str | None, line: int | None) -> list[int]:
    """Return which rows of a chunk are asked for."""
    if line is not None:
        return [at for at, number in enumerate(chunk.lines) if number == line]
    placed = [at for at in range(len(chunk.rows)) if _is_place(chunk.place(at), str(row_id))]
    if placed or columns is None or "id" not in columns.roles:
        return placed
    key = join_key(row_id)
    rows = [{} if isinstance(row, BadRow) else row for row in chunk.rows]
    ids = columns.values("id", rows)
    return [at for at, each in enumerate(ids) if each is not MISSING and each is not None and join_key(each) == key]


def _is_place(place: str, label: str) -> bool:
    """Return whether a label means a place: ``runs/a.jsonl:3``, ``a.jsonl:3``, or ``line 3`` as tables have it."""
    if label.startswith("line "):
        return place.endswith(f":{label.removeprefix('line ')}")
    return ":" in label and (place == label or place.endswith(f"/{label}"))


def _select(chunk: Chunk, places: Sequence[int]) -> Chunk:
    return chunk._replace(
        rows=[chunk.rows[at] for at in places],
        lines=[chunk.lines[at] for at in places],
        items=None if chunk.items is None else [chunk.items[at] for at in places],
    )


def _scorable_rows(chunk: Chunk, columns: Columns | None, targets: TargetFile | None) -> list[FoundRow]:
    """Return the rows of a chunk; raise for the first that cannot be scored."""
    bad = chunk.bad_rows()
    block = None if columns is None or bad else read_block(chunk, columns, targets=targets)
    for at, message in (bad if block is None else block.errors).items():
        raise DataError(f"{chunk.place(at)}: {message}")
    assert block is not None
    values = [{role: column[row] for role, column in block.columns.items()} for row in range(len(block))]
    return [FoundRow(chunk.place(at), id_, each) for at, id_, each in zip(block.at, block.ids(), values, strict=True)]
