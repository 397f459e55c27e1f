"""The cases of a declaration: completions, targets, and what they are to earn. `rewards.tasks.check` runs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rewards.spec import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewards.tasks.declared import Declared

_GIVEN = ("references", "relations", "options", "preset", "mode", "think_prefilled")
_KEYS = ("completion", "target", *_GIVEN, "total", "parts", "correct", "fault")


@dataclass(frozen=True, slots=True)
class Case:
    """One completion and what it is to earn.

    Attributes:
        place: where it is declared, ``"my_task.yaml:31: cases[0]"``.
        completion: the model's text.
        target: the gold.
        total: what it earns.
        parts: some of the parts; the others are not looked at.
        correct: whether it is correct; None is not looked at.
        fault: code of the first fault; None: there is none.
        given: further arguments of `rewards.score_completion`: ``options``, ``references``, ``preset``, ...
    """

    place: str
    completion: str
    target: Any
    total: float
    parts: Mapping[str, float] = field(default_factory=dict)
    correct: bool | None = None
    fault: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)


def read_case(declared: Declared, parts: tuple[str, ...]) -> Case:
    """Read one case of a task whose parts are *parts*.

    Raises:
        ConfigError: if it is none.
    """
    given = declared.fields(_KEYS, needed=("completion", "target", "total"))
    named = given["parts"].entries() if "parts" in given else {}
    for name, value in named.items():
        if name not in parts:
            raise value.error(f"unknown part {name!r}{nearest(name, list(parts))}")
    correct = given["correct"].value if "correct" in given else None
    if correct not in (None, True, False):
        raise given["correct"].error(f"this is {correct!r}; it is true or false")
    fault = given["fault"].value if "fault" in given else None
    return Case(
        place=str(declared.error("")).removesuffix(": "),
        completion=given["completion"].text(),
        target=given["target"].value,
        total=given["total"].number(),
        parts={name: value.number() for name, value in named.items()},
        correct=correct,
        fault=None if fault is None else str(fault),
        given={name: given[name].value for name in _GIVEN if name in given},
    )
