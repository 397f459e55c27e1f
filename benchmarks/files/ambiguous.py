"""Lines of JSON that could mean two things, of which one would be taken in silence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping


def refuse_key_twice(path: str, line: bytes) -> None:
    """Refuse a file whose first row has two values under one key: decoders take the last.

    Args:
        path: the file as it was named.
        line: its first row; what is wrong with it otherwise is told where it is decoded.

    Raises:
        DataError: a key of the row itself, and not of what is in it, is there twice.
    """
    try:
        names = [name for name, _ in json.loads(line, object_pairs_hook=list)] if line[:1] == b"{" else []
    except (ValueError, RecursionError):
        return
    if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
        raise DataError(f"{path}: the key {twice!r} is there twice in the first row")


def table_fault(row: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a row that may be a table on one line: a list of as many values in each column.

    As one row its completions would be attempts, and its targets one of several items.

    >>> table_fault({"completion": ["x"], "target": ["a"]}), table_fault({"id": 1, "resps": ["x", "y"]})
    (None, None)
    """
    if len(row) < 2 or any(type(column) is not list for column in row.values()) or "step" in row or "gen_step" in row:
        return None
    count, *others = {*map(len, row.values())}
    if others or count < 2 or any(type(value) in (dict, list) for column in row.values() for value in column):
        return None
    what = f"each of its columns is a list of {count} values, as of a table on one line"
    return f"{what}; write a row on each line, or, where these are attempts at one prompt, give it an id"
