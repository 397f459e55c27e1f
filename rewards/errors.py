"""Errors of files and configurations. Model text never raises; it gets a `parsers.values.Fault`."""

from __future__ import annotations


class DataError(ValueError):
    """The gold or the file is wrong: ``predictions.jsonl:17: target[0].value 'cyna' is not a color``.

    Attributes:
        row: which row of a batch it was, from 0, where it came from a batch.
    """

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row

    def __str__(self) -> str:
        message = super().__str__()
        return message if self.row is None else f"row {self.row}: {message}"


class ConfigError(ValueError):
    """The configuration is wrong: an unknown preset, option or task."""
