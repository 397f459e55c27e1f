"""The targets of predictions that come without them: a second file, joined on an id or on the prompt."""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from benchmarks.files.columns import MISSING, ROLES, find_columns
from benchmarks.files.paths import find_files
from benchmarks.files.sources import BadRow, DateCell, read_chunks
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.files.columns import Columns, Names
    from benchmarks.files.sources import Chunk

On = Literal["id", "prompt"]

TARGET_ROLES = ("target", "references", "relations", "options")
"""The roles whose values are the target and what belongs to it."""

JOINED_ROLES = (*TARGET_ROLES, "scene")
"""The roles that come from a file of targets: those of the target, and the scene."""


class TargetRow(NamedTuple):
    """The targets of one key: a value for each of `TargetFile.roles`, and ``file:line``."""

    values: tuple[Any, ...]
    place: str


class TargetFile(NamedTuple):
    """A file of targets, read whole.

    Attributes:
        path: the file.
        on: the role whose values are the keys.
        roles: those of `JOINED_ROLES`, or of what was asked for, that the file has.
        rows: key (see `join_key`) -> targets.
    """

    path: str
    on: On
    roles: Sequence[str]
    rows: Mapping[str, TargetRow]


def join_key(value: Any) -> str:
    """Return what two values share iff they are the same key: 7 and ``"7"`` are, and messages with the same content.

    >>> join_key(7) == join_key(" 7 ")
    True
    """
    text = value.strip() if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
    return text if len(text) <= 64 else blake2b(text.encode(), digest_size=16).hexdigest()


def read_target_file(
    path: str,
    on: On,
    *,
    mapping: Mapping[str, str] | None = None,
    roles: Sequence[str] = JOINED_ROLES,
    required: Sequence[str] = ("target",),
    known: Mapping[str, Names] = ROLES,
) -> TargetFile:
    """Read a file of targets whole.

    Args:
        path: what `benchmarks.files.paths.find_files` finds, with a column for the key and those required.
        on: ``"id"`` or ``"prompt"``.
        mapping: role -> column, where the names are not the known ones.
        roles: those that come from this file.
        required: those of them that it must have.
        known: see `benchmarks.files.columns.find_columns`.

    Raises:
        DataError: for rows that cannot be read, and for a key that occurs twice with different targets.
        ConfigError: if two columns could be the target.
    """
    rows: dict[str, TargetRow] = {}
    there: set[str] = set()
    find = partial(find_columns, needed=(on, *required), mapping=mapping, joined_on=on, known=known)
    for file in find_files([path]):
        columns: Columns | None = None
        for chunk in map(_checked, read_chunks(file)):
            columns = columns or find(chunk)
            there |= columns.roles.keys()
            _add(rows, chunk, columns, on, roles)
    if not rows:
        raise DataError(f"{path}: there are no rows")
    kept = [at for at, role in enumerate(roles) if role in there]
    return TargetFile(
        path,
        on,
        [roles[at] for at in kept],
        {key: row._replace(values=tuple(row.values[at] for at in kept)) for key, row in rows.items()},
    )


def read_separate_targets(
    path: str | None,
    on: On,
    mapping: Mapping[str, str] | None,
    *,
    roles: Sequence[str] = JOINED_ROLES,
    required: Sequence[str] = ("target",),
    known: Mapping[str, Names] = ROLES,
) -> tuple[TargetFile | None, dict[str, str]]:
    """Read the file of targets, if there is one, and say which named columns are then looked for in the predictions.

    A column that the user has named for one of *roles* is one of the file of targets, if there is one; any other is one
    of the predictions, and one that both are joined on is one of either.

    Args:
        path: see `read_target_file`; None where the targets are in the predictions.
        on: likewise.
        mapping: role -> column, of both files.
        roles: see `read_target_file`.
        required: likewise.
        known: likewise.

    Returns:
        The targets, and the mapping for the predictions.

    Raises:
        DataError: as `read_target_file`.
        ConfigError: likewise, and where the file of targets lacks a column that is named for one of *roles*.
    """
    named = dict(mapping or {})
    if not path:
        return None, named
    theirs = {role: column for role, column in named.items() if role in (*roles, on)}
    own = {role: column for role, column in named.items() if role not in roles or role == on}
    return read_target_file(path, on, mapping=theirs, roles=roles, required=required, known=known), own


def _checked(chunk: Chunk) -> Chunk:
    for at, row in enumerate(chunk.rows):
        if isinstance(row, BadRow):
            raise DataError(f"{chunk.place(at)}: {row.message}")
    return chunk


def _add(rows: dict[str, TargetRow], chunk: Chunk, columns: Columns, on: On, roles: Sequence[str]) -> None:
    found = [row for row in chunk.rows if not isinstance(row, BadRow)]
    for at, clash in columns.clashes(found):
        raise ConfigError(f"{chunk.place(at)}: {clash}")
    for at, value in enumerate(columns.values("target", found) if "target" in columns.roles else ()):
        if type(value) is DateCell:
            raise DataError(f"{chunk.place(at)}: {date_fault('target', value)}")
    nothing = [None] * len(found)
    values_by_role = [columns.values(role, found) if role in columns.roles else nothing for role in roles]
    for at, (key, *values) in enumerate(zip(columns.values(on, found), *values_by_role, strict=True)):
        place = chunk.place(at)
        if key is MISSING or key is None:
            raise DataError(f"{place}: there is no {columns.roles[on]!r} to join on")
        new = TargetRow(tuple(None if value is MISSING else value for value in values), place)
        old = rows.setdefault(join_key(key), new)
        if old.values != new.values:
            raise DataError(f"{place}: {on} {shorten(key)} has another target than at {old.place}; keys are unique")


def date_fault(role: str, cell: str) -> str:
    """Return what is wrong with a completion or target that is a date in its workbook: nobody knows what was typed."""
    return f"the {role} is a date, {cell}, which Excel makes of 3/4 or 1:2; type it into a cell of the format Text"


def shorten(key: Any) -> str:
    """Return a key as messages show it."""
    shown = repr(key)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
