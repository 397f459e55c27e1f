"""Errors of files and configurations. Model text never raises; it gets a `parsers.values.Fault`."""

from __future__ import annotations


class DataError(ValueError):
    """The gold or the file is wrong: ``predictions.jsonl:17: target[0].value 'cyna' is not a color``."""


class ConfigError(ValueError):
    """The configuration is wrong: an unknown preset, option or task."""
