"""SPAR-Bench's own scorer, decision for decision, and the variant of lmms-eval.

Source: fudan-zvg/spar 1679885 ``lmms-eval/lmms_eval/tasks/sparbench/utils.py`` (EvolvingLMMs-Lab/lmms-eval
75571cf scores each row the same). Known quirks, kept on purpose: a choice is right where it is a part of the
truth, so an empty answer is right; nothing is stripped; numbers have no sign; ``view_change_infer`` divides
by the model's value instead of the true one and is left out of the mean of its level.
"""

from __future__ import annotations

import math
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from benchmarks.columns import column, mean, text_column
from benchmarks.sparbench.tasks import AXES, CHOICE, HIGH, LEVELS, LOW, MIDDLE, NUMERIC, TASKS, VIEW_CHANGE
from rewards.answers import mra
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MRA = "MRA:.5:.95:.05"
_NUMBER = re.compile(r"(?<!\^)\d+\.\d+|(?<!\^)\d+")


def metric_of(task: str) -> str:
    """Return the official name of a task's metric.

    Raises:
        DataError: SPAR-Bench has no such task.
    """
    if task in NUMERIC:
        return MRA
    if task in CHOICE:
        return "accuracy"
    if task == VIEW_CHANGE:
        return "vci_metric"
    near = get_close_matches(str(task), TASKS, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"{TASKS[0]}, ..., {TASKS[-1]}"
    raise DataError(f"task {task!r} is not one of SPAR-Bench's twenty ({hint})")


def score_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one prediction as SPAR-Bench does.

    Args:
        row: columns ``task``, ``prediction`` and ``answer`` (a letter, a number or camera moves, as text).

    Returns:
        ``metric`` (`metric_of`) and ``score`` in [0, 1].

    Raises:
        DataError: a column is missing, or there is no such task.
    """
    task, prediction, answer = column(row, "task"), text_column(row, "prediction"), text_column(row, "answer")
    metric = metric_of(task)
    if metric == "accuracy":
        score = match_choice(prediction, answer)
    elif metric == MRA:
        score = match_number(prediction, answer, last=task.endswith("_mv"))
    else:
        score = match_view_change(prediction, answer)
    return {"metric": metric, "score": score}


def match_choice(prediction: str, answer: str) -> float:
    """Return 1 where the prediction is a part of the answer, or begins with it (an answer of one letter).

    >>> match_choice("", "B"), match_choice("because", "B"), match_choice(" B", "B")
    (1.0, 1.0, 0.0)
    """
    prediction, answer = prediction.lower(), answer.lower()
    return float(prediction in answer or prediction[0] == answer)


def match_number(prediction: str, answer: str, *, last: bool) -> float:
    """Return the MRA of the first number in the text, or of the last one; -1 stands for a missing last one.

    >>> match_number("1,200 m", "1.2", last=False), match_number("between 3 and 1.2", "1.2", last=True)
    (0.7, 1.0)
    """
    try:
        numbers = [float(piece) if "." in piece else int(piece) for piece in _NUMBER.findall(prediction)]
        if last and not numbers:
            numbers = [-1]
        value, truth = float(numbers[-1 if last else 0]), float(answer)
    except (ValueError, OverflowError, IndexError):  # too many digits, a truth that is no number, or no number at all
        return 0.0
    return relative_accuracy(value, truth)


def relative_accuracy(value: float, truth: float) -> float:
    """Return the mean relative accuracy of a number; 0 where the truth is not finite (a move may be ``nan``).

    >>> relative_accuracy(1.1, 1.0), relative_accuracy(1.0, float("inf"))
    (0.9, 0.0)
    """
    return mra(value, truth) if math.isfinite(truth) else 0.0


def match_view_change(prediction: str, answer: str) -> float:
    """Return the mean over five axes of the MRA of the *true* value against the *model's*; 0 if malformed.

    >>> match_view_change("move_right:0.4", "rotate_left:30")
    0.6
    """
    try:
        said, true = _axes(prediction), _axes(answer)
    except (ValueError, OverflowError):
        return 0.0
    return sum(relative_accuracy(right, guess) for guess, right in zip(said, true, strict=True)) / len(AXES)


def _axes(text: str) -> list[float]:
    """Return the signed value on each axis; unknown actions (a space before a name makes one) are dropped."""
    moves = {name: float(value) for name, value in (item.split(":") for item in text.split(","))}
    return [moves.get(plus, 0.0) - moves.get(minus, 0.0) for plus, minus in AXES]


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the official tables under their own names; None where upstream would print NaN.

    Args:
        rows: input columns together with those of `score_row`.

    Returns:
        ``official`` and ``lmms_eval_upstream``: the overall mean over tasks (x 100) and the table of task
        means and of Low, Middle (without ``view_change_infer``, see above) and High, all in [0, 1].
    """
    by_task: dict[str, list[float]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(float(row["score"]))
    means = {task: sum(scores) / len(scores) for task, scores in sorted(by_task.items())}
    overall = mean(list(means.values())) or 0.0
    levels = {
        name: mean([means[task] for task in tasks if task in means and task != VIEW_CHANGE])
        for name, tasks in LEVELS.items()
    }
    table = {f"{task}_{metric_of(task)}": value for task, value in means.items()} | {"overall": overall}
    lowered = {name.lower(): value or 0.0 for name, value in levels.items()}
    functions = {task: means.get(task, 0.0) for task in (*HIGH, *MIDDLE, *LOW)} | lowered
    return {
        "official": {"returned_overall_x100": overall * 100.0, "output": table | levels},
        "lmms_eval_upstream": {
            "returned": overall * 100.0,
            "output": table | lowered,
            "per_metric_functions": {f"sparbench_aggregate_{name}": functions[name] for name in sorted(functions)},
        },
    }
