"""SPAR-Bench's tasks and tables, and its two protocols: `score_official`, decision for decision, and `score_strict`.

Source: fudan-zvg/spar 1679885 ``lmms-eval/lmms_eval/tasks/sparbench/utils.py`` (EvolvingLMMs-Lab/lmms-eval
75571cf scores each row the same). Known quirks, kept on purpose: a choice is right where it is a part of the
truth, so an empty answer is right; nothing is stripped; numbers have no sign; ``view_change_infer`` divides
by the model's value instead of the true one and is left out of the mean of its level.

Apart from what is read, `score_strict` differs in that numbers have signs and thousands separators and must be
unique, and that camera moves (`score_moves`) are divided by the true values.
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.benchmark import (
    Benchmark,
    Rules,
    column,
    common_fields,
    identity,
    mean,
    of_rows,
    score_each,
    text_column,
)
from benchmarks.strict import score_completion, score_section
from benchmarks.tables import Cell, Measure, cross, macro, masks
from parsers.types import Fault
from rewards.answers import AnswerScore, mra
from rewards.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchmarks.benchmark import Row
    from benchmarks.tables import Stats

LOW = (
    "depth_prediction_oc",
    "depth_prediction_oo",
    "distance_prediction_oc",
    "distance_prediction_oo",
    "depth_prediction_oc_mv",
    "depth_prediction_oo_mv",
    "distance_prediction_oo_mv",
    "distance_prediction_oc_mv",
)
"""Perception: the answer is a number of meters."""

VIEW_CHANGE = "view_change_infer"
"""The one task whose answer is a list of camera moves, ``move_right:0.4,rotate_left:30``."""

MIDDLE = (VIEW_CHANGE, "position_matching", "camera_motion_infer")
"""Cross-view perception."""

HIGH = (
    "obj_spatial_relation_oo",
    "obj_spatial_relation_oc_mv",
    "obj_spatial_relation_oo_mv",
    "spatial_imagination_oc",
    "spatial_imagination_oo",
    "spatial_imagination_oc_mv",
    "spatial_imagination_oo_mv",
    "distance_infer_center_oo",
    "distance_infer_center_oo_mv",
)
"""Reasoning: multiple choice."""

LEVELS = {"Low": LOW, "Middle": MIDDLE, "High": HIGH}
TASKS = (*LOW, *MIDDLE, *HIGH)

NUMERIC = frozenset(LOW)
CHOICE = frozenset(TASKS) - NUMERIC - {VIEW_CHANGE}

AXES = (
    ("move_right", "move_left"),
    ("move_up", "move_down"),
    ("move_forward", "move_backward"),
    ("rotate_right", "rotate_left"),
    ("rotate_up", "rotate_down"),
)
"""The five signed axes of `VIEW_CHANGE`: (positive, negative) action; meters, then degrees."""

MRA = "MRA:.5:.95:.05"
_NUMBER = re.compile(r"(?<!\^)\d+\.\d+|(?<!\^)\d+")
_ACTIONS = frozenset(action for axis in AXES for action in axis)
_MOVE = re.compile(
    r"([a-z]+)[ _]([a-z]+)\s*[:=]\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))\s*(?:m|meters?|metres?|°|deg|degrees?)?",
    re.IGNORECASE,
)
_MAX_LENGTH = 1_000  # characters; ten moves need fewer than 300


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
    hint = did_you_mean(task, TASKS) or f" ({TASKS[0]}, ..., {TASKS[-1]})"
    raise DataError(f"task {task!r} is not one of SPAR-Bench's twenty{hint}")


# The official protocol


def score_official(row: Mapping[str, Any]) -> dict[str, Any]:
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
    """Return the mean relative accuracy of a number; 0 where the ground truth is not finite (a move may be ``nan``).

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
        rows: input columns together with those of `score_official`.

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


# The strict protocol


def score_strict(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one prediction.

    Args:
        row: columns ``task``, ``prediction`` and ``answer`` (a letter, yes or no, a number, or camera moves),
            optionally ``options`` (texts in order, or by letter), with which an option's text is an answer
            too.

    Returns:
        The columns of `benchmarks.strict.score_section`. ``score`` of a number is its MRA; a number or camera
        moves are ``correct`` where every value is within 5% of the ground truth.

    Raises:
        DataError: a column is missing, there is no such task, or the target is not of its kind.
    """
    task, prediction, truth = column(row, "task"), text_column(row, "prediction"), text_column(row, "answer")
    metric_of(task)
    if task == VIEW_CHANGE:
        return score_section(prediction, lambda text: score_moves(text, truth))
    if task in NUMERIC:
        return score_completion(prediction, truth, kind="number")
    if truth.strip().lower() in {"yes", "no"}:
        return score_completion(prediction, truth, kind="yes_no")
    return score_completion(prediction, truth, kind="choice", options=row.get("options"))


class Moves(NamedTuple):
    """The signed value on each of the five `AXES` (meters, then degrees), or None and the reason."""

    axes: tuple[float, ...] | None
    fault: Fault | None = None


def parse_moves(text: str) -> Moves:
    """Read camera moves. Never raises on any text.

    Moves are separated by commas, semicolons or line ends; white space, case, a final full stop and units do
    no harm. An unknown action, or one action with two values, makes the whole answer unparsed.

    >>> parse_moves("move_right: 0.4 m, rotate_left: 30°.").axes
    (0.4, 0.0, 0.0, -30.0, 0.0)
    >>> parse_moves("jump_up:1").fault.code
    'unknown_action'
    """
    if len(text) > _MAX_LENGTH:
        return Moves(None, Fault("too_long", f"the answer has {len(text):,} characters; {_MAX_LENGTH:,} are read"))
    if not text.strip():
        return Moves(None, Fault("empty", "the answer is empty", 0))
    values: dict[str, float] = {}
    for piece in re.split(r"[,;\n]", text.strip().rstrip(".")):
        match = _MOVE.fullmatch(piece.strip())
        if match is None:
            return Moves(None, Fault("no_move", f"{piece.strip()!r} is no move such as move_right:0.4"))
        action, value = f"{match[1]}_{match[2]}".lower(), float(match[3])
        if action not in _ACTIONS:
            return Moves(None, Fault("unknown_action", f"there is no move {action!r}"))
        if values.setdefault(action, value) != value:
            return Moves(None, Fault("ambiguous", f"{action} has two values"))
    return Moves(tuple(values.get(plus, 0.0) - values.get(minus, 0.0) for plus, minus in AXES))


def score_moves(text: str, truth: str) -> AnswerScore:
    """Score camera moves by the axes that are touched.

    An axis that the ground truth moves scores the MRA of the model's value, divided by the *true* one. An axis that
    only the model moves scores 0: no error is relative to nothing. An axis that neither moves does not count,
    so leaving axes alone scores nothing. The score is the mean over the axes that count; 1 where there is
    none.

    Raises:
        DataError: the ground truth cannot be read.

    >>> score_moves("move_right:0.4", "move_right:0.4,rotate_left:30").value
    0.5
    >>> score_moves("rotate_left:30", "move_right:0.4").value
    0.0
    """
    said, true = parse_moves(text), parse_moves(truth)
    if true.axes is None:
        raise DataError(f"the target {truth!r} cannot be used: {true.fault.message if true.fault else ''}")
    if said.axes is None:
        return AnswerScore(0.0, correct=False, answer=None, fault=said.fault)
    pairs = [(value, right) for value, right in zip(said.axes, true.axes, strict=True) if value or right]
    scores = [mra(value, right) if right else 0.0 for value, right in pairs]
    score = sum(scores) / len(scores) if scores else 1.0
    return AnswerScore(score, correct=math.isclose(score, 1.0), answer=text.strip())


# The tables of both protocols


def cells(stats: Stats, *, middle_has_view_change: bool) -> Iterator[Cell]:
    """Yield scores overall, by level and by task.

    Overall and levels are means over tasks of their mean scores. ``accuracy`` is the share of right rows: of numbers
    and camera moves those within 5%. ``unparsed`` is the share of rows in which nothing could be read.

    Args:
        stats: ``score``, ``correct``, ``task`` and, where the protocol knows it, ``parsed``.
        middle_has_view_change: whether ``view_change_infer`` counts in its level; the official scorer forgets it.
    """
    task = stats["task"]
    every = np.ones(len(task), dtype=bool)
    columns = {"score": stats["score"], "accuracy": stats["correct"]}
    columns |= {"unparsed": ~stats["parsed"]} if "parsed" in stats else {}
    names = task.astype(str)
    levels = {level: np.isin(names, members) for level, members in LEVELS.items()}
    if not middle_has_view_change:
        levels["Middle"] &= names != VIEW_CHANGE
    for group, rows in {"overall": every, **levels}.items():
        for metric, values in columns.items():
            yield Cell(group, metric, macro(values, task, rows))
    yield from cross(masks(task, TASKS), {metric: Measure(values, every) for metric, values in columns.items()})


# What `star score --benchmark sparbench` takes of it


def _official_row(row: Row) -> dict[str, Any]:
    """Score as SPAR-Bench does; it never says what it has read."""
    found = score_official(row)
    correct = math.isclose(found["score"], 1.0)
    return common_fields(correct=correct, score=found["score"], parsed=None) | found


def _kept(row: Row, _: Any) -> dict[str, Any]:
    return {"task": row["task"]}


SPARBENCH: Final = Benchmark(
    name="sparbench",
    title="SPAR-Bench",
    reads={"completion": "prediction", "target": "answer", "kind": "task", **identity("options")},
    required=("target", "kind"),
    rules={
        "official": Rules(
            partial(score_each, score_row=_official_row, keep=_kept),
            partial(cells, middle_has_view_change=False),
            {"metric": str},
            of_rows(aggregate, identity("task", "score")),
        ),
        "strict": Rules(
            partial(score_each, score_row=score_strict, keep=_kept), partial(cells, middle_has_view_change=True), {}
        ),
    },
    headline="score",
    shown=("score", "accuracy", "unparsed"),
    columns={"kind": ("category", "task")},  # rows to train on keep SPAR's task as category, and name ours
    tasks={
        "spar_choice": {"task": "obj_spatial_relation_oo"},
        "spar_number": {"task": "distance_prediction_oo"},
    },
)
