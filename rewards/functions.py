"""Reward functions for trainers: a batch of completions and dataset columns -> one number a completion.

They are TRL reward functions as they stand, and plain callables anywhere else. Every one takes ``completions`` (strings
or messages), settings, and dataset columns, all by name.

*Settings* are ``task``, ``preset``, ``mode``, ``think_prefilled`` and ``overrides`` (those of `TaskReward`), and every
option of the spec by its own name: ``tvr_reward(completions, target=..., preset="paper", conflicts="last")``.

*Columns* have one entry a row:

- the target, under the first of `TARGET_COLUMNS` that is there;
- of questions, ``references`` (true names per view), ``relations`` (true triplets per view) and ``options`` (texts);
- ``id``, for the completions table.

Other columns are not looked at. A data set may have a column of its own that is called like a setting: no setting is a
list, so a list is that column, and not the setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError, DataError
from rewards.score import BatchScore, add_up, answer_text, check_reading, parse_completions, resolve, score_batch
from rewards.spec import QuestionSpec, TieredSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.completion import Mode, Prefilled

    LogMetric = Callable[[str, float], None]
    LogExtra = Callable[[str, list[Any]], None]

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


@dataclass(frozen=True)
class TaskReward:
    """A configured reward function: any task, preset and part. Picklable, so that it crosses process borders.

    Attributes:
        task: a task's name, or the path of its YAML file.
        preset: a named change of its reward, see `rewards.spec.PRESETS`.
        pays: the parts that are paid, all of them by default.
        overrides: fields of `TieredSpec` or `QuestionSpec` to change on top of the preset.
        mode: see `parsers.completion.parse_completion`.
        think_prefilled: likewise.
        name: what trainers log it as.

    >>> reward = TaskReward("tvr", preset="paper", overrides={"scale": "n_gt"}, name="tvr_paper")
    >>> reward(["<think>b</think><answer>2.color.cyan</answer>"], target=["2.color.cyan"])
    [6.0]
    """

    task: str = "tvr"
    preset: str = "default"
    pays: tuple[str, ...] | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = "strict"
    think_prefilled: Prefilled = "auto"
    name: str = "task_reward"

    def __post_init__(self) -> None:
        task, _ = resolve(self.task, self.preset, **self.overrides)
        check_reading(self.mode, self.think_prefilled)
        unknown = [part for part in self.pays or () if part not in task.parts]
        if unknown or (self.pays is not None and not self.pays):
            wrong = f"has no part {unknown[0]!r}" if unknown else "is to pay for nothing"
            raise ConfigError(f"task {task.name!r} {wrong}; its parts are {', '.join(task.parts)}")

    @property
    def __name__(self) -> str:  # trainers name a reward by it
        return self.name

    def __call__(
        self,
        completions: Sequence[Any],
        *,
        log_metric: LogMetric | None = None,
        log_extra: LogExtra | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """Return one number a completion; None only where a row has no target (or, of R_ref alone, no references).

        Args:
            completions: strings or messages, (rows,).
            log_metric: called with batch means (TRL passes it).
            log_extra: called with columns for the completions table (likewise).
            **columns: dataset columns, see the module.

        Raises:
            ConfigError: if no column holds a target.
            DataError: if a target is wrong.
        """
        targets = _column(columns, _target_name(columns), len(completions))
        needed = _column(columns, "references", len(completions)) if self.pays == ("reference",) else targets
        rows = [row for row in range(len(completions)) if targets[row] is not None and needed[row] is not None]
        given = {name: _column(columns, name, len(completions)) for name in _GIVEN if columns.get(name) is not None}
        try:
            batch = score_batch(
                [completions[row] for row in rows],
                [targets[row] for row in rows],
                task=self.task,
                preset=self.preset,
                mode=self.mode,
                think_prefilled=self.think_prefilled,
                **{name: [column[row] for row in rows] for name, column in given.items()},
                **self.overrides,
            )
        except DataError as error:
            row = None if error.row is None else rows[error.row]
            raise DataError(error.message, row=row) from error
        if log_metric is not None and rows:
            _log_means(batch, resolve(self.task)[0].name, log_metric)
        if log_extra is not None:
            log_extra("answer", _spread(map(answer_text, batch.answers), rows, len(completions)))
            log_extra("target", [None if target is None else str(target) for target in targets])
            if columns.get("id") is not None:
                log_extra("id", list(columns["id"]))
        paid = batch.total
        if self.pays is not None:
            paid = add_up({part: values for part, values in batch.parts.items() if part in self.pays})
        return _spread(paid.tolist(), rows, len(completions))


_GIVEN = ("references", "relations", "options")
_OPTIONS = frozenset(each.name for spec in (TieredSpec, QuestionSpec) for each in fields(spec) if each.init)
_ACCURACY = ("exact", "attribute", "object", "incorrect", "underprediction")


def tvr_reward(
    completions: Sequence[Any],
    *,
    target: Any = None,
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    overrides: Mapping[str, Any] | None = None,
    **columns: Any,
) -> list[float | None]:
    """R_format + R_acc of each completion (STAR-R1's TVR reward), meant to be used alone.

    Args:
        completions: strings or messages, (rows,).
        target: (rows,) true records; or None, and a column under another of `TARGET_COLUMNS`.
        preset: a named change of the reward, see `rewards.spec.PRESETS`.
        mode: ``"strict"`` or ``"lenient"``, see `parsers.completion.parse_completion`.
        think_prefilled: whether the chat template wrote ``<think>``: ``True``, ``False`` or ``"auto"``; likewise.
        overrides: fields of `TieredSpec` to change on top of the preset.
        **columns: other dataset columns, and fields of `TieredSpec` by their own names, see the module.

    Returns:
        One number a completion; None where a row has no target.

    Raises:
        ConfigError: for a wrong setting, or if no column holds a target.
        DataError: for a target that is wrong; its ``row`` says where.

    >>> tvr_reward(["<think>b</think><answer>2.color.cyan</answer>"], target=["2.color.cyan"])
    [6.0]
    >>> twice = ["<think>b</think><answer>2.color.cyan, 2.color.cyan</answer>"]
    >>> tvr_reward(twice, target=["2.color.cyan"]), tvr_reward(twice, target=["2.color.cyan"], preset="paper")
    ([5.0], [11.0])
    """
    reward = _configured("tvr", columns, preset, mode, think_prefilled, overrides)
    return reward(completions, target=target, **columns)


def tvr_accuracy_reward(
    completions: Sequence[Any],
    *,
    target: Any = None,
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    overrides: Mapping[str, Any] | None = None,
    **columns: Any,
) -> list[float | None]:
    """R_acc of each completion, to be used beside `format_reward`.

    Arguments, errors and rows without a target are those of `tvr_reward`.

    >>> tvr_accuracy_reward(["<think>b</think><answer>2.color.red</answer>"], target=["2.color.cyan"])
    [0.5]
    """
    reward = _configured("tvr", columns, preset, mode, think_prefilled, overrides, _ACCURACY)
    return reward(completions, target=target, **columns)


def multiview_reward(
    completions: Sequence[Any],
    *,
    target: Any = None,
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    overrides: Mapping[str, Any] | None = None,
    **columns: Any,
) -> list[float | None]:
    """R_ans + R_ref of each completion (STAR-R1's multi-view reward).

    Args:
        completions: strings or messages, (rows,).
        target: (rows,) true answers; or None, and a column under another of `TARGET_COLUMNS`.
        preset: a named change of the reward, see `rewards.spec.PRESETS`.
        mode: ``"strict"`` or ``"lenient"``, see `parsers.completion.parse_completion`.
        think_prefilled: whether the chat template wrote ``<think>``: ``True``, ``False`` or ``"auto"``; likewise.
        overrides: fields of `QuestionSpec` to change on top of the preset.
        **columns: ``references``, ``relations``, ``options``, other dataset columns, and fields of `QuestionSpec` by
            their own names, see the module.

    Returns:
        One number a completion; None where a row has no target.

    Raises:
        ConfigError: for a wrong setting, or if no column holds a target.
        DataError: for a target that is wrong; its ``row`` says where.

    >>> completion = "<think>View 1: [sofa, ball, behind]</think><answer>B</answer>"
    >>> multiview_reward([completion], target=["B"], references=[[["sofa", "ball"]]])
    [2.0]
    """
    reward = _configured("multiview", columns, preset, mode, think_prefilled, overrides)
    return reward(completions, target=target, **columns)


def answer_reward(
    completions: Sequence[Any],
    *,
    target: Any = None,
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    overrides: Mapping[str, Any] | None = None,
    **columns: Any,
) -> list[float | None]:
    """R_ans of each completion: 1 or 0 for a choice, yes or no, or words; mean relative accuracy for a number.

    Arguments, errors and rows without a target are those of `multiview_reward`.

    >>> answer_reward(["<think>b</think><answer>(B) left</answer>"], target=["B"])
    [1.0]
    """
    reward = _configured("multiview", columns, preset, mode, think_prefilled, overrides, ("answer",))
    return reward(completions, target=target, **columns)


def reference_reward(
    completions: Sequence[Any],
    *,
    target: Any = None,
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    overrides: Mapping[str, Any] | None = None,
    **columns: Any,
) -> list[float | None]:
    """R_ref of each completion: the mean over the true views of the F1 between named and true reference objects.

    None where a row has no references. Arguments and errors are those of `multiview_reward`.

    >>> completion = "<think>View 1: [sofa, ball, behind]</think><answer>B</answer>"
    >>> reference_reward([completion], target=["A"], references=[[["sofa", "ball"]]])
    [1.0]
    """
    reward = _configured("multiview", columns, preset, mode, think_prefilled, overrides, ("reference",))
    return reward(completions, target=target, **columns)


def format_reward(completions: Sequence[Any], *, think_prefilled: Prefilled = "auto", **columns: Any) -> list[float]:
    """R_format: 1 for exactly ``<think>...</think><answer>...</answer>``, otherwise 0 (STAR-R1).

    Args:
        completions: strings or messages, (rows,).
        think_prefilled: see `parsers.completion.parse_completion`.
        **columns: dataset columns and settings of the other functions; none is looked at.

    >>> format_reward(["<think>a</think> <answer>b</answer>", "b"])
    [1.0, 0.0]
    """
    del columns
    prefilled = _setting(think_prefilled, "auto")
    return [
        float(each.fault is None) for each in parse_completions(completions, mode="strict", think_prefilled=prefilled)
    ]


def _configured(  # noqa: PLR0917  the settings of a reward function, in its order
    task: str,
    columns: dict[str, Any],
    preset: str,
    mode: Mode,
    think_prefilled: Prefilled,
    overrides: Mapping[str, Any] | None,
    pays: tuple[str, ...] | None = None,
) -> TaskReward:
    """Return the reward that settings ask for, and take those among *columns* out of them."""
    changed = dict(_setting(overrides, None) or {})
    for name in _OPTIONS.intersection(columns):
        if not _is_column(columns[name]) or (name == "table" and isinstance(columns[name], tuple)):
            changed[name] = columns.pop(name)
    if "task" in columns and not _is_column(columns["task"]):
        task = columns.pop("task")
    preset, mode = _setting(preset, "default"), _setting(mode, "strict")
    reward = _plain(task, pays, preset, mode, _setting(think_prefilled, "auto"))
    return replace(reward, overrides=changed) if changed else reward


@lru_cache(maxsize=256)
def _plain(task: str, pays: tuple[str, ...] | None, preset: str, mode: Mode, think_prefilled: Prefilled) -> TaskReward:
    """Return a reward without overrides, checked once and not for every batch."""
    return TaskReward(task=task, preset=preset, pays=pays, mode=mode, think_prefilled=think_prefilled)


def _is_column(value: Any) -> bool:
    """Return whether a value is a list with one entry a row, of whatever library."""
    return hasattr(value, "__len__") and not isinstance(value, str | Mapping)


def _setting(value: Any, usual: Any) -> Any:
    """Return a setting; *usual* where a data set's own column has its name."""
    return usual if _is_column(value) else value


def _target_name(columns: Mapping[str, Any]) -> str:
    """Return which column holds the target, or say which columns there are."""
    for name in TARGET_COLUMNS:
        if columns.get(name) is not None:
            return name
    seen = ", ".join(sorted(name for name, column in columns.items() if column is not None)) or "none"
    raise ConfigError(
        f"no column holds the target: expected one of {', '.join(TARGET_COLUMNS)}; the columns are {seen}"
    )


def _column(columns: Mapping[str, Any], name: str, rows: int) -> Sequence[Any]:
    """Return a column, or as many None."""
    column = columns.get(name)
    if column is None:
        return [None] * rows
    if isinstance(column, str) or len(column) != rows:
        raise ConfigError(f"column {name!r} must have one entry for each of the {rows} completions")
    return column  # type: ignore[no-any-return]


def _spread(values: Any, rows: Sequence[int], length: int) -> list[Any]:
    """Put the values at their rows; the other rows get None."""
    spread: list[Any] = [None] * length
    for row, value in zip(rows, values, strict=True):
        spread[row] = value
    return spread


def _log_means(batch: BatchScore, task: str, log_metric: LogMetric) -> None:
    for part, values in batch.parts.items():
        log_metric(f"{task}/{part}", float(values.mean()))
    log_metric(f"{task}/accuracy", float(batch.correct.mean()))
    log_metric(f"{task}/parsed", sum(fault is None for fault in batch.faults) / len(batch))
    log_metric(f"{task}/predictions", float(batch.n_pred.mean()))
    log_metric(f"{task}/prefilled", float(batch.prefilled.mean()))
