"""Columns in, flat columns out: the rewards for engines that map over tables, which no single bad row may stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rewards.batch_score import answer_text
from rewards.columns import target_name
from rewards.errors import ConfigError, DataError
from rewards.score import check_reading, is_null, resolve, score_batch, spoken, wrong_targets
from rewards.targets import GIVEN_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.completion import Mode, Prefilled
    from rewards.batch_score import BatchScore
    from rewards.tasks import Task


def score_columns(
    columns: Any,
    *,
    task: str | Task = "tvr",
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    completion: str = "completion",
    target: str | None = None,
    prefix: str = "",
    **overrides: Any,
) -> dict[str, Any]:
    """Score a table: what ``datasets.map(batched=True)``, Ray Data's ``map_batches`` and polars take as it stands.

    Args:
        columns: a mapping of columns (lists, or arrays of numpy, Arrow or polars), or a table of Arrow, polars or
            pandas. Of questions the columns ``options``, ``references`` and ``relations`` count, where they are there.
        task: a task's name, the path of its YAML file, or the task.
        preset: a named change of its reward.
        mode: see `parsers.completion.parse_completion`.
        think_prefilled: likewise.
        completion: the column of completions: text or messages.
        target: the column of targets; None for the first of `rewards.columns.TARGET_COLUMNS`.
        prefix: of the names of the new columns.
        **overrides: fields of `TieredSpec` (or `QuestionSpec`) to change on top of the preset.

    Returns:
        Numbers as arrays of float64, (rows,): ``total``, ``unit``, ``correct``, ``parsed`` (no fault) and ``prefilled``
        as 1 or 0, and the parts; see `rewards.batch_score.Score`. Texts as lists, (rows,), empty for none:
        ``answer_text`` (what was read), ``fault`` (its code) and ``error``: why a row cannot be scored, whose numbers
        are then NaN.

    Raises:
        ConfigError: for a column that is not there or would be replaced, and wrong settings; never for a single row.

    >>> good = "<think>It turned.</think><answer>2.color.cyan</answer>"
    >>> found = score_columns({"completion": [good, None], "target": ["2.color.cyan"] * 2})
    >>> found["total"].tolist(), found["error"]
    ([6.0, nan], ['', 'the completion is null'])
    """
    found, spec = resolve(task, preset, **overrides)
    check_reading(mode, think_prefilled)
    names = _column_names(columns)
    if clash := [name for name in _new_names(found, prefix) if name in names]:
        raise ConfigError(f"the column {clash[0]!r} would be replaced; give a prefix, as in prefix='reward_'")
    if completion not in names:
        raise ConfigError(f"there is no column {completion!r}; the columns are {', '.join(names)}")
    chosen = target_name({name: columns[name] for name in names}) if target is None else target
    if chosen not in names:
        raise ConfigError(f"there is no column {chosen!r}; the columns are {', '.join(names)}")
    completions, targets = _values(columns[completion]), _values(columns[chosen])
    given = {name: _values(columns[name]) for name in GIVEN_COLUMNS if name in names}
    if lengths := {len(each) for each in (targets, *given.values())} - {len(completions)}:
        raise ConfigError(f"there are {len(completions)} completions and {lengths.pop()} values of another column")
    texts, errors = _texts(completions)
    settings: dict[str, Any] = {
        "task": found,
        "preset": preset,
        "mode": mode,
        "think_prefilled": think_prefilled,
        **overrides,
    }

    def score() -> tuple[list[int], BatchScore]:
        rows = [row for row in range(len(texts)) if row not in errors]
        some: dict[str, Any] = {name: [column[row] for row in rows] for name, column in given.items()}
        return rows, score_batch([texts[row] for row in rows], [targets[row] for row in rows], **some, **settings)

    try:
        rows, batch = score()
    except DataError:
        errors = wrong_targets(found, targets, **given, spec=spec) | errors
        rows, batch = score()
    return _flat(batch, rows, [errors.get(row, "") for row in range(len(texts))], prefix)


def _flat(batch: BatchScore, rows: Sequence[int], errors: list[str], prefix: str) -> dict[str, Any]:
    """Return a column for each number and text; *rows* are those of the table that the batch scores."""
    correct, parsed = batch.correct, [fault is None for fault in batch.faults]
    facts = {"correct": correct, "parsed": parsed, "prefilled": batch.prefilled}
    numbers = {"total": batch.total, "unit": batch.unit, **facts, **batch.parts}
    texts = {
        "answer_text": [answer_text(answer) or "" for answer in batch.answers],
        "fault": ["" if fault is None else fault.code for fault in batch.faults],
    }
    new: dict[str, Any] = {}
    for name, values in numbers.items():
        new[f"{prefix}{name}"] = np.full(len(errors), np.nan)
        new[f"{prefix}{name}"][list(rows)] = values
    for name, written in texts.items():
        by_row = dict(zip(rows, written, strict=True))
        new[f"{prefix}{name}"] = [by_row.get(row, "") for row in range(len(errors))]
    return new | {f"{prefix}error": errors}


def _new_names(task: Task, prefix: str) -> list[str]:
    names = ("total", "unit", "correct", "parsed", "prefilled", *task.parts, "answer_text", "fault", "error")
    return [f"{prefix}{name}" for name in names]


def _texts(completions: Sequence[Any]) -> tuple[list[str], dict[int, str]]:
    """Return the text of each completion, and what is wrong with those that have none."""
    texts, errors = [], {}
    for row, completion in enumerate(completions):
        try:
            texts.append(spoken(completion, row))
        except DataError as error:
            texts.append("")
            errors[row] = error.message
        if is_null(completion):
            errors[row] = "the completion is null"
    return texts, errors


def _column_names(columns: Any) -> list[str]:
    for attribute in ("column_names", "columns"):  # of Arrow; of polars and pandas
        if hasattr(columns, attribute) and not callable(getattr(columns, attribute)):
            return [name for name in getattr(columns, attribute) if isinstance(name, str)]
    if hasattr(columns, "schema"):
        return list(columns.schema.names)  # a batch of Arrow
    return list(columns)


def _values(column: Any) -> list[Any]:
    """Return the values of a column as Python has them."""
    for convert in ("to_pylist", "to_list", "tolist"):  # of Arrow; of polars and pandas; of numpy
        if hasattr(column, convert):
            column = getattr(column, convert)()
            break
    return [_plain(value) for value in column]


def _plain(value: Any) -> Any:
    if value is None or type(value) is str:
        return value
    if hasattr(value, "as_py"):
        return value.as_py()
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if type(value) is list:
        return [_plain(each) for each in value]
    if type(value) is dict:
        return {name: _plain(each) for name, each in value.items()}
    return value
