"""The settings that a number depends on, in one line beside it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rewards.spec import QuestionSpec, TieredSpec

_ALWAYS = ("matching", "incorrect", "conflicts", "reference_rule")


def installed_version() -> str:
    """Return the version of this distribution; ``"source"`` where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  20 ms that not all need

    try:
        return version("star-r1")
    except PackageNotFoundError:
        return "source"


def signature(
    task: str, preset: str, spec: TieredSpec | QuestionSpec, base: TieredSpec | QuestionSpec, **settings: str
) -> str:
    """Return ``task:tvr|preset:default|matching:one_to_one|...|version:0.1.0``.

    Args:
        task: its name.
        preset: its name.
        spec: the reward.
        base: the reward of the preset without changes; what differs from it is named.
        **settings: what else the numbers depend on.
    """
    names = [field.name for field in fields(spec) if field.init]
    changed = [name for name in names if name not in _ALWAYS and getattr(spec, name) != getattr(base, name)]
    shown = {name: _short(getattr(spec, name)) for name in [*(each for each in _ALWAYS if each in names), *changed]}
    signed = {"task": task, "preset": preset, **shown, **settings, "version": installed_version()}
    return "|".join(f"{name}:{value}" for name, value in signed.items())


def _short(value: Any) -> str:
    """Write a field's value; tiers as ``exact=5,attribute=1.5``-like pairs of their last fields."""
    if isinstance(value, dict):
        return ",".join(f"{'+'.join(key)}={pays:g}" for key, pays in value.items())
    if isinstance(value, tuple):
        return ",".join("+".join(each) if isinstance(each, tuple) else str(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
