"""The columns that trainers pass: which holds the target, which task a row is of, and which words are nearly ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from parsers.first_time import FIRST_TIME
from rewards.errors import ConfigError
from rewards.targets import ALSO, ROW_KEYS, misspelt, plain_value
from rewards.tasks import task_names

TARGET_COLUMNS = (
    "target",
    "ground_truth",
    "gt_answer",
    "gts",
    "solution",
    "answer",
    "label",
    "transformations",
)
"""Names under which the target is looked for, in this order."""


def is_column(value: Any) -> bool:
    """Return whether a value is a list with one entry a row, of whatever library."""
    return hasattr(value, "__len__") and not isinstance(value, str | Mapping)


def target_name(columns: Mapping[str, Any]) -> str:
    """Return which column holds the target, or say which columns there are."""
    for name in TARGET_COLUMNS:
        if columns.get(name) is not None:
            return name
    seen = ", ".join(sorted(name for name, column in columns.items() if column is not None)) or "none"
    raise ConfigError(
        f"no column holds the target: expected one of {', '.join(TARGET_COLUMNS)}; the columns are {seen}"
    )


def targets_of(columns: Mapping[str, Any], rows: int) -> Sequence[Any]:
    """Return the target of each row: that of the first column that holds one for it, or None.

    Data sets that were put together may hold it under two names, each empty in the other's rows.
    """
    first, *others = [name for name in TARGET_COLUMNS if columns.get(name) is not None] or [target_name(columns)]
    found = column_of(columns, first, rows)
    for name in others:
        if not any(target is None for target in found):
            break
        more = column_of(columns, name, rows)
        found = [new if old is None else old for old, new in zip(found, more, strict=True)]
    return found


def column_of(columns: Mapping[str, Any], name: str, rows: int) -> Sequence[Any]:
    """Return a column, or as many None."""
    column = columns.get(name)
    if column is None:
        return [None] * rows
    if not is_column(column) or len(column) != rows:
        raise ConfigError(f"column {name!r} must have one entry for each of the {rows} completions")
    return in_order(column)


def in_order(column: Any) -> Sequence[Any]:
    """Return a column of whatever library as a list; in pandas a number finds an entry by its label, not its place."""
    if isinstance(column, list | tuple):
        return column
    return column.to_pylist() if hasattr(column, "to_pylist") else list(column)


# --- which task a row is of ------------------------------------------------------------------------------------------

_SOURCE = "star-r1/"


def source_task(source: Any) -> str | None:
    """Return what stands behind ``star-r1/`` in a ``data_source``; None for a source of other people's.

    >>> source_task("star-r1/multiview"), source_task("hub/multiview")
    ('multiview', None)
    """
    return source.removeprefix(_SOURCE) if isinstance(source, str) and source.startswith(_SOURCE) else None


def row_tasks(
    columns: Mapping[str, Any], length: int, packed: Sequence[str | None] | None
) -> Sequence[str | None] | None:
    """Return the task that each row names, in a packed target or a column; None where no row names one.

    A column ``task`` whose words are no tasks' names is the data set's own. One that holds both is wrong somewhere, and
    so is a ``data_source`` of ours that names no task; the row is named where it is routed.
    """
    if packed is None and not ("task" in columns or "data_source" in columns or "extra_info" in columns):
        return None
    found: list[str | None] = [None] * length if packed is None else list(packed)
    for name, task_of in _NAMED_BY.items():
        if columns.get(name) is None or not is_column(columns[name]):
            continue
        said = [task_of(plain_value(value)) for value in column_of(columns, name, length)]
        words = set(said)
        if name != "data_source" and not any(map(_is_task, words)):
            for word in words:
                warn_of_task(word)
        else:
            found = [old if old is not None else new for old, new in zip(found, said, strict=True)]
    return found if any(task is not None for task in found) else None


_NAMED_BY: Mapping[str, Callable[[Any], str | None]] = {
    "task": lambda value: value if isinstance(value, str) else None,
    "data_source": source_task,
    "extra_info": lambda value: (
        value["task"] if isinstance(value, Mapping) and isinstance(value.get("task"), str) else None
    ),
}


@lru_cache(maxsize=1024)
def _is_task(name: str | None) -> bool:
    return name is not None and name in task_names()


@lru_cache(maxsize=1024)
def warn_of_task(name: str | None) -> None:
    """Warn of a word in a column ``task`` that is no task of ours, but nearly: the row is scored as if it had none."""
    if not isinstance(name, str) or _is_task(name):
        return
    with FIRST_TIME:
        from difflib import get_close_matches  # noqa: PLC0415  as in `rewards.errors.nearest`

    if near := get_close_matches(name.lower(), task_names(), n=1, cutoff=0.8):
        _warn_once(f"the task {name!r:.60} of a row is none of ours, and not read (did you mean {near[0]!r}?)")


# --- words that are nearly ours --------------------------------------------------------------------------------------

_KNOWN = frozenset(
    [
        "prompts",
        "prompt",
        "completions",
        "completion",
        "completion_ids",
        "completion_mask",
        "trainer_state",
        "environments",
        "images",
        "image",
        "videos",
        "messages",
        "finish_reason",
        "is_truncated",
        "response_token_ids",
        "prompt_id",
        "request_id",
        "rollout_infos",
        "trajectory_inputs",
        "log_extra",
        "log_metric",
        "data_source",
        "extra_info",
        "reward_model",
        "ability",
        "id",
        "uid",
        "index",
        "view",
        "category",
        "group",
        "question",
        "idx",
    ]
).union(TARGET_COLUMNS)
"""What TRL, ms-swift and verl pass beside the columns of a data set, and what their rows are made of."""


def check_names(columns: Mapping[str, Any], settings: frozenset[str], *, taken: bool) -> None:
    """Refuse a keyword that is nearly a setting, and warn once of another, or of a column that is nearly one of ours.

    Args:
        columns: the keywords of a reward function.
        settings: the names of its settings; ``task`` is one, and a column.
        taken: whether the settings among the keywords have been taken out, so that one that is left is ignored.

    Raises:
        ConfigError: for such a keyword, whose value would otherwise be ignored.
    """
    for name, meant in _doubtful(tuple(columns), settings):
        value = columns[name]
        scalar = isinstance(value, str | bool | int | float | Mapping)
        if name == meant:
            if taken and value is not None and not is_column(value):
                raise ConfigError(f"{name} is set when the reward is made: TaskReward({name}={value!r:.40})")
        elif scalar and meant in settings:
            raise ConfigError(f"unknown setting {name!r} (did you mean {meant!r}?)")
        elif scalar and not isinstance(value, int):  # flags and counts are trainers' own
            _warn_once(f"keyword {name!r} is not read: it is no setting of a reward, and no column with a value a row")
        elif meant in ROW_KEYS and columns.get(meant) is None and value is not None and is_column(value):
            _warn_once(f"column {name!r} is not read (did you mean {meant!r}?)")


def check_row(row: Mapping[str, Any]) -> None:
    """Warn once of a column of one row that is nearly one of ours, as `check_names` does of those of a batch."""
    for name, meant in misspelt(tuple(map(str, row))):
        if row.get(name) is not None:
            _warn_once(f"{name!r} of a row is not read (did you mean {meant!r}?)")


@lru_cache(maxsize=256)
def _doubtful(names: tuple[str, ...], settings: frozenset[str]) -> tuple[tuple[str, str | None], ...]:
    """Return the names that are settings, and those that are unknown with what they may mean."""
    with FIRST_TIME:
        from difflib import get_close_matches  # noqa: PLC0415  as in `rewards.errors.nearest`

    known = sorted(settings.union(ROW_KEYS))
    unknown = sorted({*names} - _KNOWN - settings.union(ROW_KEYS))
    near = [(name, get_close_matches(name.lower(), known, n=1, cutoff=0.8)) for name in unknown]
    return tuple((name, name) for name in sorted({*names} & settings)) + tuple(
        (name, ALSO.get(name) or (found[0] if found else None)) for name, found in near
    )


@lru_cache(maxsize=256)
def _warn_once(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=5)
