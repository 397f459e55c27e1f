"""One completion of a row as frameworks hold it: text, a target that may be packed, further columns -> its score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rewards.columns import check_row, source_task, warn_of_task
from rewards.errors import ConfigError, DataError
from rewards.score import score_completion
from rewards.targets import unpack_value
from rewards.tasks import load_task, route_task, task_names, task_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rewards.batch_score import Score

COLUMNS: Final = ("references", "relations", "options", "task")
_FACTS: Final = ("total", "correct", "parsed", "prefilled", "unit")


def score_row(completion: Any, target: Any, row: Mapping[str, Any] | None = None, **settings: Any) -> Score:
    """Score one completion of a row as frameworks hold it.

    Args:
        completion: text or messages.
        target: plain, or packed into one string by `star data export`.
        row: further columns, of which `COLUMNS` are read; a ``data_source`` ``star-r1/NAME`` names the task as well.
        **settings: of `rewards.score_completion`; ``task`` is that of rows that name none.

    Raises:
        DataError: for a target that is wrong, or a ``data_source`` of ours that names no task.
        ConfigError: for a wrong setting.
    """
    row = row or {}
    check_row(row)
    gold = {name: row[name] for name in COLUMNS if row.get(name) is not None}
    if gold.get("task") not in task_names():  # words of somebody's own, such as a category
        warn_of_task(str(gold.get("task", "")))
        gold["task"] = _source(row.get("data_source"), settings.get("task", "tvr"))
    return score_completion(completion, gold | unpack_value(target), **settings)


def _source(source: Any, task: Any) -> str | None:
    """Return the task that a ``data_source`` names, or None: a file of the user's own keeps its rows."""
    name = source_task(source)
    if name is None or name in task_names():
        return name
    mine = load_task(task) if isinstance(task, str) else task
    try:
        route_task(mine, name)
    except ConfigError as error:
        own = "; a task of your own is given by its file: task=FILE, in verl reward_kwargs.task=FILE"
        raise DataError(f"data_source {source!r}: {error}{own}") from error
    return None


def only(targets: Sequence[Any]) -> Any:
    """Return the one target of a row, of a framework that holds several.

    Raises:
        DataError: there are several: the changes of a scene stand in one text, and a question has one answer.
    """
    if len(targets) != 1:
        raise DataError(
            f"a row has {len(targets)} targets {list(targets)!r:.80}; write them as one: '2.color.cyan, ...'"
        )
    return targets[0]


def flat_names(tasks: Sequence[str], **settings: Any) -> tuple[str, ...]:
    """Return the keys of `flat_row` before a row is scored; settings are those of `score_row`."""
    declared = {name: value for name, value in settings.items() if name not in ("task", "mode", "think_prefilled")}
    return (*_FACTS, *dict.fromkeys(part for task in tasks for part in task_parts(task, **declared)))


def flat_row(score: Score, names: Sequence[str]) -> dict[str, float]:
    """Return `Score.flat` with the keys *names*: frameworks look the keys of one row up in every other.

    Raises:
        DataError: for a row of a task whose parts are not among them.
    """
    if others := [part for part in score.parts if part not in names]:
        tasks = ", ".join(part for part in names if part not in _FACTS)
        raise DataError(f"a row has the part {others[0]!r}, and this run logs {tasks}: name the tasks that it mixes")
    return dict.fromkeys(names, 0.0) | score.flat()
