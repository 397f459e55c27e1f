"""Reward functions as a configuration names them, watched while they run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import rewards
from rewards import ConfigError, TaskReward
from rewards.columns import TARGET_COLUMNS, column_of, row_tasks, target_name
from rewards.errors import DataError
from rewards.named import named_object
from rewards.score import resolve
from rewards.targets import read_targets, unpack_rows
from trainers.config import prefilled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rewards.tasks import Task
    from trainers.config import StarArguments

OURS: Final = tuple(name for name in rewards.__all__ if name.endswith("_reward"))
TABLE: Final = ("id", "images_file_names")
"""Columns of the data that the tables of completions carry, so that rollouts can be looked at with their images."""


@dataclass(frozen=True)
class WatchedReward:
    """A reward function that says by name what is wrong with it, and logs its time and the accuracy per view.

    Attributes:
        function: any TRL reward function.
        name: what trainers log it as.
        ours: whether it is of this package: it says which completions are right, and knows wrong targets.
        first: whether it is the first of its run, which fills the tables of completions and logs accuracies.
        task: the list task that it rewards, whose true number of records is logged.
    """

    function: Callable[..., Any]
    name: str
    ours: bool = False
    first: bool = False
    task: Task | None = None

    @property
    def __name__(self) -> str:  # trainers name a reward by it
        return self.name

    def __call__(
        self, completions: Sequence[Any], log_metric: Any = None, log_extra: Any = None, **columns: Any
    ) -> Any:
        """Return what the function returns.

        Raises:
            ConfigError: it raises, or does not return one number or None a completion.
            DataError: the target of a row is wrong.
        """
        began = time.perf_counter()
        step = getattr(columns.get("trainer_state"), "global_step", None)
        where = "" if step is None else f"step {step}: "
        told: dict[str, list[Any]] = {}
        logs = {"log_metric": log_metric, "log_extra": told.__setitem__ if self.ours else log_extra}
        try:
            values = self.function(completions=completions, **logs, **columns)
        except DataError as error:
            raise DataError(f"{where}{_row(columns, error.row)}{error.args[0]}") from error
        except ConfigError:
            raise
        except Exception as error:
            raise self._raised(error, where, completions, columns) from error
        self._check(values, len(completions), where, columns)
        if log_metric is not None:
            log_metric("reward_seconds", time.perf_counter() - began)
            if self.first and "correct" in told:
                _log_views(told["correct"], columns.get("view"), log_metric)
                if self.task is not None and self.task.record_format is not None:
                    with suppress(DataError):  # a function of another task than the run's
                        _log_true_number(self.task, columns, told["correct"], log_metric)
        if log_extra is not None and self.first:
            told |= {name: list(columns[name]) for name in TABLE if columns.get(name) is not None}
            target = next((name for name in TARGET_COLUMNS if columns.get(name) is not None), None)
            if target is not None:  # where a user's own functions are the only ones
                told.setdefault("target", [None if each is None else str(each) for each in columns[target]])
            for name, column in told.items():
                log_extra(name, column)
        return values

    def _raised(self, error: Exception, where: str, completions: Sequence[Any], columns: dict[str, Any]) -> ConfigError:
        """Return what to say of a function that raised: also of which row, if it raises on that alone."""
        frame = extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        row = next((at for at in range(len(completions)) if self._raises(completions, columns, at)), None)
        return ConfigError(
            f"{where}{_row(columns, row)}reward function {self.name!r} raised {type(error).__name__}: {error} ({place})"
        )

    def _raises(self, completions: Sequence[Any], columns: dict[str, Any], row: int) -> bool:
        count = len(completions)
        one = {name: [value[row]] if _is_column(value, count) else value for name, value in columns.items()}
        try:
            self.function(completions=[completions[row]], log_metric=None, log_extra=None, **one)
        except Exception:  # noqa: BLE001  that it raises is the answer
            return True
        return False

    def _check(self, values: Any, rows: int, where: str, columns: dict[str, Any]) -> None:
        """Raise a ConfigError unless these are as many numbers, or None, as there are completions."""
        try:
            found = len(values)
        except TypeError:
            raise ConfigError(
                f"{where}reward function {self.name!r} returned {type(values).__name__}, not a list"
            ) from None
        if found != rows:
            raise ConfigError(
                f"{where}reward function {self.name!r} returned {found} values for {rows} completions; "
                f"it must return one number, or None, for each{_first(columns)}"
            )
        bad = next((at for at, value in enumerate(values) if value is not None and not np.isfinite(value)), None)
        if bad is not None:
            raise ConfigError(
                f"{where}reward function {self.name!r} returned {values[bad]} for completion {bad}"
                f"{', ' + _row(columns, bad).removesuffix(': ') if columns.get('id') is not None else ''}"
            )


def _is_column(value: Any, rows: int) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) == rows


def _row(columns: dict[str, Any], row: int | None) -> str:
    """Return how messages name a row of a batch: by its id, or by its place."""
    if row is None:
        return ""
    names = columns.get("id")
    return f"row {row} of the batch: " if names is None else f"row {names[row]!r}: "


def _first(columns: dict[str, Any]) -> str:
    names = columns.get("id")
    return f"; the batch begins with row {names[0]!r}" if names else ""


def _log_views(correct: Sequence[bool | None], views: Sequence[Any] | None, log_metric: Any) -> None:
    """Log the share of right completions of each view."""
    if views is None:
        return
    known = [(str(view), right) for view, right in zip(views, correct, strict=True) if None not in (view, right)]
    for view in sorted({view for view, _ in known}):
        log_metric(f"accuracy/{view}", float(np.mean([right for each, right in known if each == view])))


def _log_true_number(task: Task, columns: dict[str, Any], correct: Sequence[bool | None], log_metric: Any) -> None:
    """Log the mean number of true records of a completion, to hold the number of predictions against."""
    assert task.record_format is not None
    targets = unpack_rows(columns[target_name(columns)]).targets
    scored = [target for target, right in zip(targets, correct, strict=True) if right is not None]
    counts = [len(each) for each in read_targets(scored, task.record_format)]
    if counts:
        log_metric(f"{task.name}/true_predictions", float(np.mean(counts)))


def reward_functions(star: StarArguments) -> list[Any]:
    """Return the reward functions of a configuration.

    Raises:
        ConfigError: an unknown one, or one name twice (trainers would mix up their numbers).
    """
    settings: dict[str, Any] = {"preset": star.preset, "overrides": star.reward_overrides or {}, "mode": star.mode}
    settings["think_prefilled"] = prefilled(star)
    task, _ = resolve(star.task, star.preset, **settings["overrides"])
    found: list[tuple[str, Any]] = []
    for name in star.reward_funcs or ["task_reward"]:
        if name == "task_reward":
            short = f"{task.name}_reward"
            found.append((short, TaskReward(task=star.task, name=short, **settings)))
        elif name in OURS:
            known = {"think_prefilled": settings["think_prefilled"]} if name == "format_reward" else settings
            found.append((name, partial(getattr(rewards, name), **known)))
        elif "." in name or ":" in name:
            function = named_object(name, "reward_funcs")
            found.append((getattr(function, "__name__", type(function).__name__), function))
        else:
            from rewards.errors import nearest

            raise ConfigError(f"unknown reward function {name!r}{nearest(name, ['task_reward', *OURS])}")
    names = [name for name, _ in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two reward functions are called {twice!r}; each needs a name of its own")
    ours = [isinstance(each, TaskReward) or (name in OURS and isinstance(each, partial)) for name, each in found]
    # R_format knows no right answers: the first other one of ours tells which completions are right
    first = next((at for at, name in enumerate(names) if ours[at] and name != "format_reward"), 0)
    return [
        _watched_coroutine(function, name)
        if iscoroutinefunction(function)
        else WatchedReward(function, name, ours=ours[at], first=at == first, task=task if ours[at] else None)
        for at, (name, function) in enumerate(found)
    ]


def _watched_coroutine(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a coroutine function that says by name what is wrong with another: trainers gather them themselves."""
    watched = WatchedReward(function, name)

    async def awaited(completions: Sequence[Any], **columns: Any) -> Any:
        try:
            values = await function(completions=completions, **columns)
        except (ConfigError, DataError):
            raise
        except Exception as error:
            frame = extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            raise ConfigError(f"reward function {name!r} raised {type(error).__name__}: {error} ({place})") from error
        watched._check(values, len(completions), "", columns)  # noqa: SLF001  the same check
        return values

    awaited.__name__ = name
    return awaited


def check_targets(functions: Sequence[Any], rows: int, columns: dict[str, Any]) -> None:
    """Let our functions read the target of every row.

    Raises:
        DataError: one is wrong, or the row names a task that no function serves; its ``row`` says which.
        ConfigError: no column holds targets.
    """
    ours = [each for each in functions if isinstance(each, WatchedReward) and each.ours]
    served = np.zeros(rows, dtype=np.bool_)
    for function in ours:
        values = function.function(completions=[""] * rows, **columns)
        if function.name == "reference_reward":  # of a row without labels it has nothing to say
            values = rewards.answer_reward(completions=[""] * rows, **columns)
        if function.name != "format_reward":
            served |= [value is not None for value in values]
    if not served.any() and all(each.name == "format_reward" for each in ours):
        return
    if len(ours) == len(functions) and not served.all():
        _refuse_unserved(ours, served, rows, columns)


def _refuse_unserved(functions: Sequence[Any], served: NDArray[np.bool_], rows: int, columns: dict[str, Any]) -> None:
    """Raise a DataError for the first row that has a target, and names a task that no function serves."""
    unpacked = unpack_rows(column_of(columns, target_name(columns), rows))
    tasks = row_tasks(columns, rows, unpacked.tasks) or [None] * rows
    for row in np.flatnonzero(~served).tolist():
        if unpacked.targets[row] is not None and tasks[row] is not None:
            names = ", ".join(each.name for each in functions)
            raise DataError(
                f"its task is {tasks[row]!r}, which {names} cannot reward: name a function that does "
                "(reward_funcs: [tvr_reward, multiview_reward]), or leave such rows out",
                row=row,
            )
