"""Reading one field of a record, with errors that say what was expected, where, and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.datasets.files import shown
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping


def field(record: Mapping[str, Any], key: str, where: str) -> Any:
    """Return ``record[key]``.

    Raises:
        DataError: the key is missing or null.
    """
    if record.get(key) is None:
        has = ", ".join(map(str, record))
        raise DataError(f"{where}: key {key!r} is {'null' if key in record else 'missing'}; the record has {has}")
    return record[key]


def text(record: Mapping[str, Any], key: str, where: str) -> str:
    """Return a field that is text.

    Raises:
        DataError: it is missing or something else.
    """
    value = field(record, key, where)
    if not isinstance(value, str):
        raise wrong(key, where, "text", value)
    return value


def list_of(kind: type, record: Mapping[str, Any], key: str, where: str) -> list[Any]:
    """Return a field that is a list of values of one type.

    Raises:
        DataError: it is missing or something else.
    """
    value = field(record, key, where)
    if not isinstance(value, list):
        raise wrong(key, where, "a list", value)
    for place, item in enumerate(value):
        if not isinstance(item, kind):
            raise wrong(f"{key}[{place}]", where, _NAMES[kind], item)
    return value


def letter(record: Mapping[str, Any], key: str, where: str, *, options: tuple[str, ...] | None) -> str:
    """Return a field that is the letter of an option, in upper case.

    Args:
        record: the record.
        key: its key.
        where: place of the record.
        options: the options that were read from the question, or None where they could not be.

    Raises:
        DataError: it is no letter, or one beyond the last option.
    """
    value = text(record, key, where).strip().upper()
    letters = "ABCDEFGH"[: len(options) if options else None]
    if len(value) != 1 or value not in letters:
        raise wrong(key, where, f"a letter A-{letters[-1]}, one of the question's options", record[key])
    return value


def wrong(key: str, where: str, expected: str, found: Any) -> DataError:
    """Return the error for a field that holds the wrong thing."""
    return DataError(f"{where}: key {key!r}: expected {expected}, found {shown(found)}")


_NAMES = {str: "text", int: "a whole number", list: "a list", dict: "an object"}
