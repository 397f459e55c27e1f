"""Errors of files and configurations. Model text never raises; it gets a `parsers.types.Fault`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsers.first_time import FIRST_TIME

if TYPE_CHECKING:
    from collections.abc import Iterable


class DataError(ValueError):
    """The target or the file is wrong: ``predictions.jsonl:17: target[0].value 'cyna' is not a color``.

    Attributes:
        row: which row of a batch it was, from 0, where it came from a batch.
    """

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row

    @property
    def message(self) -> str:
        """What is wrong, without the row."""
        return super().__str__()

    def __str__(self) -> str:
        return self.message if self.row is None else f"row {self.row}: {self.message}"


class ConfigError(ValueError):
    """The configuration is wrong: an unknown preset, option or task."""


def shown(value: Any) -> str:
    """Return a value as messages show it: short, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"``, or nothing where nothing is near.

    >>> did_you_mean("papr", ["default", "paper"]), did_you_mean("papr", ["default"])
    (" (did you mean 'paper'?)", '')
    """
    with FIRST_TIME:
        from difflib import get_close_matches  # noqa: PLC0415  `import rewards` should not wait for it

    close = get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def nearest(name: object, known: Iterable[str]) -> str:
    """Return what `did_you_mean` does, or the whole list where nothing is near.

    >>> nearest("papr", ["default", "paper"]), nearest("x", ["default", "paper"])
    (" (did you mean 'paper'?)", ' (one of default, paper)')
    """
    known = list(known)
    return did_you_mean(name, known) or f" (one of {', '.join(known)})"
