"""The cases of a declaration: completions, targets, and their expected rewards; and running them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rewards.batch_score import Score
    from rewards.tasks import Task

GIVEN = ("references", "relations", "options", "preset", "mode", "think_prefilled")
"""Further arguments of `rewards.score_completion` that a case can have."""


@dataclass(frozen=True, slots=True)
class Case:
    """One completion and its expected reward.

    Attributes:
        place: where it is declared, ``"my_task.yaml:31: cases[0]"``.
        completion: the model's text.
        target: the target.
        total: what it scores.
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


def read_case(declared: Mapping[str, Any], place: str) -> Case:
    """Return a case as it is declared."""
    return Case(
        place=place,
        completion=str(declared["completion"]),
        target=declared["target"],
        total=float(declared["total"]),
        parts={name: float(value) for name, value in declared.get("parts", {}).items()},
        correct=declared.get("correct"),
        fault=None if declared.get("fault") is None else str(declared["fault"]),
        given={name: declared[name] for name in GIVEN if name in declared},
    )


def failed_cases(task: Task) -> list[str]:
    """Run the cases of a task; return one line for each that does not get its expected reward.

    >>> from rewards.tasks import load_task
    >>> failed_cases(load_task("tvr"))
    []
    """
    return [f"{case.place}: {', '.join(wrong)}" for case in task.cases if (wrong := _run(task, case))]


def warm_up(*names: str) -> None:
    """Load and build all that scoring under some tasks needs, by scoring their cases: a second or two.

    Nothing needs it: the first completion of a kind does the same, and a fork waits for it. Called before a process
    makes threads or forks, it is done once, and each child has it.

    Args:
        names: of tasks, or paths of their YAML files; ``tvr`` and ``multiview`` by default.

    Raises:
        ConfigError: for an unknown task, or a case that does not get its expected reward.

    >>> warm_up("tvr")
    """
    from rewards.tasks.load import load_task  # noqa: PLC0415  which reads cases

    for name in names or ("tvr", "multiview"):
        if failed := failed_cases(load_task(name)):
            raise ConfigError(failed[0])


def _run(task: Task, case: Case) -> list[str]:
    from rewards.score import score_completion  # noqa: PLC0415  scoring loads tasks, and tasks have cases

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
