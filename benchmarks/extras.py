"""Packages that only some functions need: imported where used, or an error that says what to install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rewards.errors import ConfigError


def need(module: str, *, package: str, purpose: str) -> Any:
    """Import a module that is no dependency of the core.

    Args:
        module: dotted name, e.g. ``"pyarrow.parquet"``.
        package: what ``pip install`` calls it.
        purpose: what it is needed for, e.g. ``"reading data.h5"``.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(f"{purpose} needs {package}, which is not installed: pip install {package}") from error
