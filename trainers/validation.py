"""Validation by pydantic, whose errors are said as everything here says them: one line, ``key: what is wrong``.

Settings are `CheckedSettings` (`ConfigError`); records from outside are models of `trainers.scenes.records`
(`DataError`, with file and line from who reads them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from rewards.errors import ConfigError


def first_fault(error: ValidationError) -> str:
    """Return the first thing that is wrong, e.g. ``lamps.Lamp_Key[0]: should be a finite number, not nan``."""
    found = error.errors(include_url=False, include_context=False)[0]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in found["loc"]).lstrip(".")
    message = found["msg"].removeprefix("Value error, ").removeprefix("Input ").partition(" or instance of ")[0]
    if found["type"] not in ("value_error", "missing", "extra_forbidden"):
        message += f", not {found['input']!r:.60}"
    return f"{key}: {message}" if key else message


class CheckedSettings(BaseModel):
    """Settings that are right once they exist: immutable, and unknown names are refused.

    Raises:
        ConfigError: a value is wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    if not TYPE_CHECKING:  # type checkers derive the signature from the fields

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise ConfigError(first_fault(error)) from None
