"""Running a task's cases: does each completion earn what its declaration says?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewards.errors import ConfigError, DataError
from rewards.score import score_completion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rewards.scores import Score
    from rewards.tasks import Task
    from rewards.tasks.cases import Case


def failed_cases(task: Task) -> list[str]:
    """Run the cases of a task; return one line for each that does not earn what it is to earn.

    >>> from rewards.tasks import load_task
    >>> failed_cases(load_task("tvr"))
    []
    """
    return [f"{case.place}: {', '.join(wrong)}" for case in task.cases if (wrong := _run(task, case))]


def _run(task: Task, case: Case) -> list[str]:
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
