"""Reward functions for trainers: a batch of completions and dataset columns -> one number a completion.

They are TRL reward functions as they stand, and plain callables anywhere else. Every one takes ``completions`` (strings
or messages), settings, and dataset columns, all by name.

*Settings* are ``task``, ``preset``, ``mode``, ``think_prefilled`` and ``overrides`` (those of `TaskReward`), and every
option of the spec by its own name: ``tvr_reward(completions, target=..., preset="paper", conflicts="last")``. A keyword
that is nearly one of them is refused.

*Columns* have one entry a row:

- the target, under the first of `rewards.columns.TARGET_COLUMNS` that holds one for the row, plain or packed
  (`rewards.unpack_gold`);
- of questions, ``references`` (true names per view), ``relations`` (true triplets per view) and ``options`` (texts);
- ``task``, where a data set mixes them: each row is scored under its own task, and is None where the reward does not
  serve it (`rewards.tasks.route_task`). ``data_source="star-r1/NAME"``, ``extra_info["task"]`` and packed targets name
  it too;
- ``id``, for the completions table.

Other columns are not looked at. A data set may have a column of its own that is called like a setting: no setting is a
list, so a list is that column, and not the setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from parsers.first_time import FIRST_TIME
from rewards.batch_score import BatchScore, add_up, answer_text
from rewards.columns import check_names, column_of, in_order, is_column, row_tasks, targets_of
from rewards.errors import ConfigError, DataError
from rewards.score import check_batch, check_reading, parse_completions, resolve, score_rows
from rewards.score_table import is_tabular, score_table
from rewards.spec import QuestionSpec, TieredSpec
from rewards.targets import GIVEN_COLUMNS, Rows, unpack_rows
from rewards.tasks import load_task, route_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsers.completion import Mode, Prefilled
    from rewards.score_table import ScoreTable
    from rewards.spans import Spans
    from rewards.tasks import Task

    LogMetric = Callable[[str, float], None]
    LogExtra = Callable[[str, list[Any]], None]


@dataclass(frozen=True)
class TaskReward:
    """A configured reward function: any task, preset and part. Picklable, so that it crosses process borders.

    Attributes:
        task: a task's name, or the path of its YAML file.
        preset: a named change of its reward, see `rewards.spec.PRESETS`.
        pays: the parts that are rewarded, all of them by default.
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
            wrong = f"has no part {unknown[0]!r}" if unknown else "is to reward nothing"
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
        """Return one number a completion; None only where a row has no target (or, of R_ref alone, no labels for it).

        Args:
            completions: strings or messages, (rows,).
            log_metric: called with batch means (TRL passes it).
            log_extra: called with columns for the completions table (likewise).
            **columns: dataset columns, see the module.

        Raises:
            ConfigError: if no column holds a target.
            DataError: if a target is wrong.
        """
        rows, routes = self._read(completions, columns)
        completions = in_order(completions)
        logged = log_metric is not None or log_extra is not None
        table = self._table(completions, routes)
        if table is not None:
            settings: dict[str, Any] = {"mode": self.mode, "think_prefilled": self.think_prefilled}
            if not logged:
                return table.totals(completions, rows.targets, pays=self.pays, **settings)  # type: ignore[return-value]
            ((task, places),) = routes.items()
            batches = [(task, places, table.batch(completions, rows.targets, **settings))]
        else:
            batches = [(task, places, self._score(completions, rows, task, places)) for task, places in routes.items()]
        if logged:
            self._log(_batch_log(completions, columns, log_metric, log_extra), batches, rows.targets, columns.get("id"))
        if len(batches) == 1 and len(batches[0][1]) == len(completions):
            return self._values(batches[0][2])
        values: list[float | None] = [None] * len(completions)
        for _, places, batch in batches:
            for row, value in zip(places, self._values(batch), strict=True):
                values[row] = value
        return values

    def _table(self, completions: Sequence[Any], routes: Mapping[Task, Sequence[int]]) -> ScoreTable | None:
        """Return where the scores of a batch are looked up, if it is of one list task; None for any other."""
        if len(routes) != 1:
            return None
        ((task, places),) = routes.items()
        _, spec = resolve(task, self.preset, **self.overrides)
        if len(places) < len(completions) or task.record_format is None or not is_tabular(spec):
            return None
        return score_table([spec], task.record_format)

    def spans(self, completions: Sequence[Any], **columns: Any) -> list[Spans | None]:
        """Return where the rewards come from; None where a row has no target or is of a task that is not served.

        Arguments and errors are those of a call.

        >>> reward = TaskReward("tvr")
        >>> reward.spans(["<think>b</think><answer>2.color.cyan</answer>"], target=["2.color.cyan"])[0].records[0].tier
        'exact'
        """
        with FIRST_TIME:
            from rewards.spans import score_spans  # noqa: PLC0415  only who asks for them

        rows, routes = self._read(completions, columns)
        completions = in_order(completions)
        settings: dict[str, Any] = {"preset": self.preset, "mode": self.mode, "think_prefilled": self.think_prefilled}
        found: list[Spans | None] = [None] * len(completions)
        for task, places in routes.items():
            for row in places:
                given = {
                    name: column[row] for name, column in rows._asdict().items() if name in GIVEN_COLUMNS and column
                }
                found[row] = score_spans(
                    completions[row], rows.targets[row], task=task, **given, **settings, **self.overrides
                )
        return found

    def _read(self, completions: Sequence[Any], columns: Mapping[str, Any]) -> tuple[Rows, dict[Task, list[int]]]:
        """Return the rows of a batch, unpacked, and which of them are scored under which task."""
        check_batch(completions)
        check_names(columns, _SETTINGS, taken=True)
        length = len(completions)
        given = {name: column_of(columns, name, length) for name in GIVEN_COLUMNS if columns.get(name) is not None}
        rows = unpack_rows(targets_of(columns, length), **given)
        return rows, self._routes(rows, row_tasks(columns, length, rows.tasks))

    def _routes(self, rows: Rows, tasks: Sequence[str | None] | None) -> dict[Task, list[int]]:
        """Return which rows with a target are scored under which task."""
        mine = load_task(self.task)
        scored = [row for row, target in enumerate(rows.targets) if target is not None]
        if tasks is None:
            return {mine: scored} if scored else {}
        routes: dict[Task, list[int]] = {}
        for row in scored:
            name = tasks[row]
            try:
                task = mine if name is None else route_task(mine, name)
            except ConfigError as error:
                raise DataError(f"task: {error}", row=row) from error
            if task is not None:
                routes.setdefault(task, []).append(row)
        return routes

    def _score(self, completions: Sequence[Any], rows: Rows, task: Task, places: Sequence[int]) -> BatchScore:
        _, spec = resolve(task, self.preset, **self.overrides)
        settings: dict[str, Any] = {"mode": self.mode, "think_prefilled": self.think_prefilled}
        if len(places) == len(completions):
            return score_rows(completions, rows, task, spec, **settings)
        mine = Rows._make(None if column is None else [column[row] for row in places] for column in rows)
        try:
            return score_rows([completions[row] for row in places], mine, task, spec, **settings)
        except DataError as error:
            raise DataError(error.message, row=None if error.row is None else places[error.row]) from error

    def _log(
        self,
        log: _BatchLog,
        batches: Sequence[tuple[Task, Sequence[int], BatchScore]],
        targets: Sequence[Any],
        ids: Sequence[Any] | None,
    ) -> None:
        columns: dict[str, list[Any]] = {name: [None] * len(targets) for name in ("answer", "fault", "correct")}
        for task, places, batch in batches:
            log.means(self, task.name, batch)
            correct = batch.correct.tolist()
            for row, answer, fault, right in zip(places, batch.answers, batch.faults, correct, strict=True):
                columns["answer"][row] = answer_text(answer)
                columns["correct"][row] = right
                columns["fault"][row] = None if fault is None else fault.code
        columns["target"] = [None if target is None else str(target) for target in targets]
        if ids is not None:
            columns["id"] = list(ids)
        log.table(load_task(self.task).name, columns)

    def _values(self, batch: BatchScore) -> list[float | None]:
        if self.pays is None:
            return batch.total.tolist()  # type: ignore[no-any-return]
        paid = add_up({part: values for part, values in batch.parts.items() if part in self.pays}).tolist()
        if self.pays == ("reference",) and batch.labelled is not None:
            return [value if labelled else None for value, labelled in zip(paid, batch.labelled, strict=True)]
        return paid  # type: ignore[no-any-return]


_SETTINGS = frozenset(each.name for each in fields(TaskReward) if each.name not in ("name", "pays"))
_OPTIONS = frozenset(each.name for spec in (TieredSpec, QuestionSpec) for each in fields(spec) if each.init)
_SETTINGS |= _OPTIONS
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
        target: (rows,) true records; or None, and a column under another name.
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
    reward = _configured("tvr_reward", "tvr", columns, preset, mode, think_prefilled, overrides)
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
    reward = _configured("tvr_accuracy_reward", "tvr", columns, preset, mode, think_prefilled, overrides, _ACCURACY)
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
    """R_ans + w · R_ref of each completion (STAR-R1's multi-view reward), see `rewards.spec.QuestionSpec`.

    w is .5 where the answer is right and .25 where it is wrong. R_ref is in [-1, 1] and worth 0 to whoever does not
    look, see `rewards.references.score_informedness`; ``preset="paper"`` is R_ans + R_ref with the F1 of each view.

    Args:
        completions: strings or messages, (rows,).
        target: (rows,) targets; or None, and a column under another name.
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

    >>> completion = "<think>View 1: [sofa, ball, behind] View 2: [sofa, lamp, left]</think><answer>B</answer>"
    >>> references = [["sofa", "ball"], ["sofa", "lamp"]]
    >>> multiview_reward([completion] * 2, target=["B", "A"], references=[references] * 2)
    [1.5, 0.25]
    >>> multiview_reward([completion] * 2, target=["B", "A"], references=[references] * 2, preset="paper")
    [2.0, 1.0]
    """
    reward = _configured("multiview_reward", "multiview", columns, preset, mode, think_prefilled, overrides)
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
    reward = _configured("answer_reward", "multiview", columns, preset, mode, think_prefilled, overrides, ("answer",))
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
    """R_ref of each completion with its weight, the part ``reference`` of `multiview_reward`.

    With `answer_reward` it adds up to the total. None where a row has no references, or they tell no views apart.
    Arguments and errors are those of `multiview_reward`.

    >>> completion = "<think>View 1: [sofa, ball, behind] View 2: [sofa, lamp, left]</think><answer>B</answer>"
    >>> reference_reward([completion], target=["B"], references=[[["sofa", "ball"], ["sofa", "lamp"]]])
    [0.5]
    """
    only = ("reference",)
    reward = _configured("reference_reward", "multiview", columns, preset, mode, think_prefilled, overrides, only)
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
    check_batch(completions)
    check_names(columns, _SETTINGS, taken=False)
    prefilled = _setting(think_prefilled, "auto")
    return [
        float(each.fault is None) for each in parse_completions(completions, mode="strict", think_prefilled=prefilled)
    ]


def _configured(  # noqa: PLR0917  the settings of a reward function, in its order
    name: str,
    task: str,
    columns: dict[str, Any],
    preset: str,
    mode: Mode,
    think_prefilled: Prefilled,
    overrides: Mapping[str, Any] | None,
    pays: tuple[str, ...] | None = None,
) -> TaskReward:
    """Return the reward that settings ask for, and take those among *columns* out of them."""
    changed = _setting(overrides, None) or {}
    if not isinstance(changed, Mapping):
        raise ConfigError(f"overrides is {overrides!r:.60}; it is a mapping of options of the reward")
    changed = dict(changed)
    for option in _OPTIONS.intersection(columns):
        if not is_column(columns[option]) or (option == "table" and isinstance(columns[option], tuple)):
            changed[option] = columns.pop(option)
    if "task" in columns and not is_column(columns["task"]):
        task = columns.pop("task")
    preset, mode = _setting(preset, "default"), _setting(mode, "strict")
    reward = _plain(name, task, pays, preset, mode, _setting(think_prefilled, "auto"))
    return replace(reward, overrides=changed) if changed else reward


@lru_cache(maxsize=256)
def _plain(  # noqa: PLR0917  likewise
    name: str, task: str, pays: tuple[str, ...] | None, preset: str, mode: Mode, think_prefilled: Prefilled
) -> TaskReward:
    """Return a reward without overrides, checked once and not for every batch."""
    return TaskReward(task=task, preset=preset, pays=pays, mode=mode, think_prefilled=think_prefilled, name=name)


def _setting(value: Any, usual: Any) -> Any:
    """Return a setting; *usual* where a data set's own column has its name."""
    return value if type(value) in _PLAIN or not is_column(value) else usual


_PLAIN = frozenset({str, bool, type(None)})  # what settings nearly always are, and quick to tell


# --- logging ---------------------------------------------------------------------------------------------------------


@dataclass
class _BatchLog:
    """What has been logged of one batch. TRL calls every function with the same list of completions.

    Attributes:
        completions: of the batch.
        step: of the trainer.
        log_metric: what logs a metric, or None.
        log_extra: what logs a column of the completions table, or None.
        rewards: prefix of metrics -> the settings under which they were measured.
        done: prefixes whose metrics are logged, tasks whose answers are, and columns.
    """

    completions: Any
    step: Any
    log_metric: LogMetric | None
    log_extra: LogExtra | None
    rewards: dict[str, Any] = field(default_factory=dict)
    done: set[tuple[str, str]] = field(default_factory=set)

    def means(self, reward: TaskReward, task: str, batch: BatchScore) -> None:
        """Log the means of a batch, once: under the task's name, or under the function's where that is taken."""
        settings = (reward.task, reward.preset, dict(reward.overrides), reward.mode, reward.think_prefilled)
        usual = reward.name in _USUAL_NAMES or reward.name == f"{task}_reward"
        for prefix in (task, reward.name) if usual else (reward.name,):
            if self.rewards.setdefault(prefix, settings) != settings:
                continue  # another reward of this task has that name
            if ("metrics", prefix) not in self.done and self.log_metric is not None:
                self.done.add(("metrics", prefix))
                _log_means(batch, prefix, self.log_metric)
            return

    def table(self, task: str, columns: Mapping[str, list[Any]]) -> None:
        """Log columns of the completions table, each once; answers, faults and correctness also of a second task."""
        if self.log_extra is None or ("task", task) in self.done:
            return
        self.done.add(("task", task))
        for name, values in columns.items():
            if ("column", name) not in self.done:
                self.done.add(("column", name))
                self.log_extra(name, values)
            elif name in ("answer", "fault", "correct"):
                self.log_extra(f"{name}_{task}", values)


_USUAL_NAMES = (
    "task_reward",
    "tvr_reward",
    "tvr_accuracy_reward",
    "multiview_reward",
    "answer_reward",
    "reference_reward",
)
_last_log: list[_BatchLog] = []


def _batch_log(
    completions: Any, columns: Mapping[str, Any], log_metric: LogMetric | None, log_extra: LogExtra | None
) -> _BatchLog:
    """Return the log of the batch that is being scored: the last one, or a new one."""
    step = getattr(columns.get("trainer_state"), "global_step", None)
    last = _last_log[0] if _last_log else None
    same = last is not None and last.completions is completions
    if last is None or not same or (last.step, last.log_metric, last.log_extra) != (step, log_metric, log_extra):
        last = _BatchLog(completions, step, log_metric, log_extra)
        _last_log[:] = [last]
    return last


def _log_means(batch: BatchScore, prefix: str, log_metric: LogMetric) -> None:
    for part, values in batch.parts.items():
        # How a format is kept is told whatever it weighs.
        log_metric(f"{prefix}/{part}", float(np.mean(batch.well_formed if part == "format" else values)))
    log_metric(f"{prefix}/accuracy", float(batch.correct.mean()))
    log_metric(f"{prefix}/parsed", sum(fault is None for fault in batch.faults) / len(batch))
    log_metric(f"{prefix}/predictions", float(batch.n_pred.mean()))
    log_metric(f"{prefix}/prefilled", float(batch.prefilled.mean()))
