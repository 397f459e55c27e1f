"""The cases of a declaration: completions, targets, and what they are to earn. A task is checked by running them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError, DataError
from rewards.spec import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rewards.score import Score
    from rewards.tasks import Task
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


def failed_cases(task: Task) -> list[str]:
    """Run the cases of a task; return one line for each that does not earn what it is to earn.

    >>> from rewards.tasks import load_task
    >>> failed_cases(load_task("tvr"))
    []
    """
    return [f"{case.place}: {', '.join(wrong)}" for case in task.cases if (wrong := _run(task, case))]


def _run(task: Task, case: Case) -> list[str]:
    from rewards.score import score_completion  # noqa: PLC0415  it needs tasks, and tasks hold cases

    try:
        score = score_completion(case.completion, case.target, task=task, **case.given)
    except (ConfigError, DataError) as error:
        return [str(error.args[0])]
    return list(_differences(case, score))


def _differences(case: Case, score: Score) -> Iterator[str]:
    if abs(score.total - case.total) > 1e-9:
        parts = ", ".join(f"{part} {value:g}" for part, value in score.parts.items() if value)
        yield f"the total is {score.total:g} ({parts or 'nothing'}), not {case.total:g}"
    for part, value in case.parts.items():
        if abs(score.parts[part] - value) > 1e-9:
            yield f"{part} is {score.parts[part]:g}, not {value:g}"
    if case.correct is not None and score.correct != case.correct:
        yield f"it is {'' if score.correct else 'not '}correct"
    code = None if score.fault is None else score.fault.code
    if code != case.fault:
        said = "" if score.fault is None else f" ({score.fault.message})"
        yield f"the fault is {code or 'none'}{said}, not {case.fault or 'none'}"
