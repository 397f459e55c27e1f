"""Reward functions for trainers: a batch of completions and dataset columns -> one number a completion.

They are TRL reward functions as they stand, and plain callables anywhere else. Every one takes ``completions`` (strings
or messages) and dataset columns by name, each with one entry a row:

- the gold, under the first of `TARGET_COLUMNS` that is there;
- of questions, ``references`` (true names per view), ``relations`` (true triplets per view) and ``options`` (texts);
- ``id``, for the completions table.

Other columns are not looked at. Settings are those of `TaskReward` and the options of its spec, as keywords that are
not lists: ``tvr_reward(completions, target=..., preset="paper", conflicts="last")``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError, DataError
from rewards.questions import QuestionSpec
from rewards.score import answer_text, check_reading, read_envelopes, resolve, score_batch
from rewards.scores import BatchScore, add_up
from rewards.spec import TieredSpec

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
"""Names under which the gold is looked for, in this order."""


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
        gold = {name: _column(columns, name, len(completions)) for name in _GOLD if columns.get(name) is not None}
        try:
            batch = score_batch(
                [completions[row] for row in rows],
                [targets[row] for row in rows],
                task=self.task,
                preset=self.preset,
                mode=self.mode,
                think_prefilled=self.think_prefilled,
                **{name: [column[row] for row in rows] for name, column in gold.items()},
                **self.overrides,
            )
        except DataError as error:
            row = None if error.row is None else rows[error.row]
            raise DataError(error.args[0], row=row) from error
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


_SETTINGS = [each.name for each in fields(TaskReward) if each.name not in ("name", "pays")]
_GOLD = ("references", "relations", "options")
_OVERRIDES = [each.name for spec in (TieredSpec, QuestionSpec) for each in fields(spec) if each.init]
_ACCURACY = ("exact", "attribute", "object", "incorrect", "underprediction")


def tvr_reward(completions: Sequence[Any], **columns: Any) -> list[float | None]:
    """R_format + R_acc of each completion (STAR-R1's TVR reward), meant to be used alone.

    >>> tvr_reward(["<think>b</think><answer>2.color.cyan</answer>"], target=["2.color.cyan"])
    [6.0]
    >>> twice = ["<think>b</think><answer>2.color.cyan, 2.color.cyan</answer>"]
    >>> tvr_reward(twice, target=["2.color.cyan"]), tvr_reward(twice, target=["2.color.cyan"], preset="paper")
    ([5.0], [11.0])
    """
    return _call(completions, columns)


def tvr_accuracy_reward(completions: Sequence[Any], **columns: Any) -> list[float | None]:
    """R_acc of each completion, to be used beside `format_reward`.

    >>> tvr_accuracy_reward(["<think>b</think><answer>2.color.red</answer>"], target=["2.color.cyan"])
    [0.5]
    """
    return _call(completions, columns, pays=_ACCURACY)


def multiview_reward(completions: Sequence[Any], **columns: Any) -> list[float | None]:
    """R_ans + R_ref of each completion (STAR-R1's multi-view reward).

    >>> completion = "<think>View 1: [sofa, ball, behind]</think><answer>B</answer>"
    >>> multiview_reward([completion], target=["B"], references=[[["sofa", "ball"]]])
    [2.0]
    """
    return _call(completions, columns, task="multiview")


def answer_reward(completions: Sequence[Any], **columns: Any) -> list[float | None]:
    """R_ans of each completion: 1 or 0 for a choice, yes or no, or words; mean relative accuracy for a number.

    >>> answer_reward(["<think>b</think><answer>(B) left</answer>"], target=["B"])
    [1.0]
    """
    return _call(completions, columns, task="multiview", pays=("answer",))


def reference_reward(completions: Sequence[Any], **columns: Any) -> list[float | None]:
    """R_ref of each completion: the mean over the true views of the F1 between named and true reference objects.

    None where a row has no references.

    >>> completion = "<think>View 1: [sofa, ball, behind]</think><answer>B</answer>"
    >>> reference_reward([completion], target=["A"], references=[[["sofa", "ball"]]])
    [1.0]
    """
    return _call(completions, columns, task="multiview", pays=("reference",))


def format_reward(completions: Sequence[Any], **columns: Any) -> list[float]:
    """R_format: 1 for exactly ``<think>...</think><answer>...</answer>``, otherwise 0 (STAR-R1).

    The setting ``think_prefilled`` is that of `parsers.completion.parse_completion`.

    >>> format_reward(["<think>a</think> <answer>b</answer>", "b"])
    [1.0, 0.0]
    """
    prefilled = columns.get("think_prefilled", "auto")
    envelopes = read_envelopes(
        completions, mode="strict", think_prefilled="auto" if _is_column(prefilled) else prefilled
    )
    return [float(each.fault is None) for each in envelopes]


def _call(completions: Sequence[Any], given: Mapping[str, Any], **defaults: Any) -> list[float | None]:
    """Tell settings from columns (a column is a list, a setting never) and call the configured reward."""
    scalars = {name: value for name, value in given.items() if not _is_column(value)}
    settings = {name: value for name, value in scalars.items() if name in _SETTINGS}
    overrides = {name: value for name, value in scalars.items() if name in _OVERRIDES}
    if overrides:
        settings["overrides"] = {**settings.get("overrides", {}), **overrides}
    columns = {name: value for name, value in given.items() if name not in settings and name not in overrides}
    reward = _usual(**defaults)
    return (replace(reward, **settings) if settings else reward)(completions, **columns)


@cache
def _usual(**defaults: Any) -> TaskReward:
    """Return a reward as it is without settings, checked once and not for every batch."""
    return TaskReward(**defaults)


def _is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str | Mapping)


def _target_name(columns: Mapping[str, Any]) -> str:
    """Return which column holds the gold, or say which columns there are."""
    for name in TARGET_COLUMNS:
        if columns.get(name) is not None:
            return name
    seen = ", ".join(sorted(columns)) or "none"
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
