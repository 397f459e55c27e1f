"""TVR's two protocols and the paper's metrics.

*official* is TVR's own scorer, decision for decision: ``evaluator.py`` and ``recorder.py`` of hughplay/TVR. The
predicted transformations are carried out on the initial scene and the final states are compared; the list
itself is not. So repeats and changes that cancel each other cost nothing, while an overlap or a place outside
the world on the way makes a row incorrect for good, though not "loosely" incorrect.

Where the official code raises, wraps or divides by zero, this one is defined:

* A step that cannot be carried out is left out and marks its row: ``invalid_steps`` counts such steps,
  ``pred_step`` counts them too, ``loose_correct`` looks at the state alone, ``correct`` needs that there are
  none. It is one with an index below 0 (which upstream takes from the end) or of no object, with an unknown
  attribute or value, with an attribute that the row's ``attributes`` exclude, or no triplet at all.
* With a reference of no steps ``norm_dist`` is ``dist``.
* A view, a number of steps or a pair of both that no row has is left out of the aggregate.

Cells are integers here; upstream compares float32 places with a tolerance of 1e-4, which is the same for all
places within 1,200 grid units of the world.

*strict* differs in two things: nothing unparsed is right, not even where the reference changes nothing in the end; and
of a text without an answer block, what follows the reasoning is the answer.

STAR-R1 reports eleven metrics and defines few of them; what is ours is said at `measures`. Each is the mean of a
per-row number over some of the rows, and `benchmarks.tables` averages them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.benchmark import Benchmark, Rules, Scores, common_fields, identity
from benchmarks.strict import answer_section, tagged_answer
from benchmarks.tables import Cell, Measure, cross
from benchmarks.tvr.codec import UNREADABLE, encode_steps
from benchmarks.tvr.row_stats import COLUMNS, RowStats, row_stats
from benchmarks.tvr.world import VIEWS
from parsers.formats import TRANCE
from parsers.records import parse_transformations
from parsers.types import Records
from rewards.targets import read_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.benchmark import Row, ScoreRows
    from benchmarks.strict import Section
    from benchmarks.tables import Stats
    from benchmarks.tvr.world import Bools

ROW_SCORES: Final = (
    "dist",
    "norm_dist",
    "loose_correct",
    "correct",
    "err_overlap",
    "err_invalid_position",
    "pred_step",
    "target_step",
    "invalid_steps",
)
FIELDS: Final[dict[str, type]] = {
    **dict.fromkeys(("dist", "norm_dist"), float),
    **dict.fromkeys(("loose_correct", "correct", "err_overlap", "err_invalid_position"), bool),
    **dict.fromkeys(("pred_step", "target_step", "invalid_steps"), int),
}
"""The official scorer's columns and their types."""

VISIBLE_GROUPS: Final = {"1-3": (1, 3), "4-6": (4, 6), "7-8": (7, 8), "9-10": (9, 10)}


# The official numbers


def score_rows(
    rows: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Score each row, see `benchmarks.tvr.row_stats` for its columns and `ROW_SCORES` for the result's keys.

    Raises:
        DataError: a scene or a reference is wrong. A prediction never raises.

    >>> cube = {"color": "red", "shape": "cube", "size": "small", "material": "glass", "position": [0, 0]}
    >>> row = {"initial_objects": [cube], "transformations": [(0, "color", "cyan")]}
    >>> [score] = score_rows([row | {"prediction": [(0, "color", "blue"), (-1, "size", "large")]}])
    >>> score["dist"], score["loose_correct"], score["correct"], score["invalid_steps"]
    (1.0, False, False, 1)
    """
    stats = row_stats(rows)
    columns = [getattr(stats, name).tolist() for name in ROW_SCORES]
    return [dict(zip(ROW_SCORES, values, strict=True)) for values in zip(*columns, strict=True)]


def aggregate(stats: RowStats) -> dict[str, dict[str, float]]:
    """Average as the official recorder does, rows with and without moves apart.

    Returns:
        ``with_position`` and ``without_position``, where there are such rows. Each holds ``n_sample`` and the
        five means ``acc, loose_acc, avg_dist, avg_norm_dist, avg_step_diff`` of all rows, under ``{view}/``,
        under ``step_{k}/`` (k true steps) and under ``step_{k}/{view}/``. The overall ones divide by
        n + 1e-8. Sums of float32 columns are float32 where the recorder's are.
    """
    groups = {"with_position": stats.with_position, "without_position": ~stats.with_position}
    return {
        name: _aggregate_group(RowStats(*(column[mask] for column in stats)))
        for name, mask in groups.items()
        if mask.any()
    }


def _aggregate_group(stats: RowStats) -> dict[str, float]:
    n = len(stats.dist)
    result: dict[str, float] = {"n_sample": n}
    columns = {
        "acc": stats.correct,
        "loose_acc": stats.loose_correct,
        "avg_dist": stats.dist,
        "avg_norm_dist": stats.norm_dist,
        "avg_step_diff": stats.pred_step - stats.target_step,
    }
    result |= {name: float(column.sum()) / (n + 1e-8) for name, column in columns.items()}
    for view, mask in _views(stats):
        result |= {f"{view}/{name}": float(column[mask].sum()) / int(mask.sum()) for name, column in columns.items()}
    for step in np.unique(stats.target_step).tolist():
        of_step = stats.target_step == step
        parts = [("", of_step), *((f"{view}/", of_step & mask) for view, mask in _views(stats))]
        result |= {
            f"step_{step}/{prefix}{name}": float(column[mask].mean(dtype=np.float64))
            for prefix, mask in parts
            for name, column in columns.items()
            if mask.any()
        }
    return result


def _views(stats: RowStats) -> Iterator[tuple[str, Bools]]:
    for view in VIEWS:
        mask = stats.view == view
        if mask.any():
            yield view, mask


# The metrics


def measures(stats: RowStats) -> dict[str, Measure]:
    """Return every metric as per-row numbers, the paper's eleven first.

    * ``color``, ``shape``, ``size``, ``material`` (and ``position``): over the rows whose reference changes
      that attribute, the share in which it ends right on all objects. The paper names these four accuracies
      and does not define them; this is our decision.
    * ``TAcc``: share of rows that are correct. ``Diff``, ``NDiff``: mean ``dist`` and ``norm_dist``. That
      these are TVR's acc, AD and AND is inferred from the names.
    * ``TAcc/1-3`` ... ``TAcc/9-10``: TAcc of the rows with so many objects visible at first.
    * ``loose_acc``: share with the right final state, however reached. ``order_error``: of those, the share
      that is not correct (EO of the TVR paper, (LAcc - Acc) / LAcc).
    * ``step_diff``: mean of predicted minus true number of steps.
    * ``overlap``, ``out_of_world``, ``invalid``: share of rows with an overlap, with a place outside the
      world, with a step that could not be carried out.
    """
    every = np.ones(len(stats.dist), dtype=bool)
    attributes = {name: Measure(stats.right[:, k], stats.changed[:, k]) for k, name in enumerate(COLUMNS)}
    moves = attributes.pop("position")
    return {
        **attributes,
        "TAcc": Measure(stats.correct, every),
        "Diff": Measure(stats.dist, every),
        "NDiff": Measure(stats.norm_dist, every),
        **{f"TAcc/{name}": Measure(stats.correct, mask) for name, mask in _visible_masks(stats).items()},
        "position": moves,
        "loose_acc": Measure(stats.loose_correct, every),
        "order_error": Measure(~stats.correct, stats.loose_correct),
        "step_diff": Measure(stats.pred_step - stats.target_step, every),
        "overlap": Measure(stats.err_overlap, every),
        "out_of_world": Measure(stats.err_invalid_position, every),
        "invalid": Measure(stats.invalid_steps > 0, every),
    }


def groups(stats: RowStats) -> dict[str, Bools]:
    """Return the groups of rows that tables and figures show, those without rows left out.

    ``all``; ``ID`` (the final view is the center's, as in training) and ``OOD`` (left or right); each view by
    its name; ``step_{k}`` by the number of true steps; ``visible_1-3`` ... by objects visible at first.
    """
    views = sorted(set(stats.view.tolist()) - {""})
    steps = np.unique(stats.target_step).tolist()
    every = {
        "all": np.ones(len(stats.dist), dtype=bool),
        "ID": stats.view == "center",
        "OOD": (stats.view == "left") | (stats.view == "right"),
        **{view: stats.view == view for view in views},
        **{f"step_{step}": stats.target_step == step for step in steps},
        **{f"visible_{name}": mask for name, mask in _visible_masks(stats).items()},
    }
    return {name: mask for name, mask in every.items() if mask.any()}


def cells(stats: RowStats, *, parsed: Bools | None = None) -> Iterator[Cell]:
    """Yield every metric over every group of rows; with *parsed*, ``(n,)``, also the share of unparsed rows."""
    every = measures(stats)
    if parsed is not None:
        every["unparsed"] = Measure(~parsed, np.ones(len(parsed), dtype=bool))
    return cross(groups(stats), every)


def _visible_masks(stats: RowStats) -> dict[str, Bools]:
    seen = stats.n_visible
    return {name: (seen >= low) & (seen <= high) for name, (low, high) in VISIBLE_GROUPS.items()}


# What `star score --benchmark tvr` takes of it: predictions are lists of transformations, or completions that hold one


class ReadAnswer(NamedTuple):
    """What a row predicts.

    Attributes:
        value: the transformations, see `benchmarks.tvr.codec.encode_steps`.
        parsed: whether an answer was found and, if it says anything, anything in it could be read.
        fault: code of the first thing wrong with the text, or None.
    """

    value: Any
    parsed: bool
    fault: str | None = None


def read_prediction(prediction: Any, *, find_answer: Callable[[str], Section] = answer_section) -> ReadAnswer:
    """Read a prediction. Never raises on any text.

    Args:
        prediction: transformations, or a text that holds some.
        find_answer: finds the answer in a text.

    >>> read_prediction("<think>?</think><answer>2.color.cyan, 3.texture.red</answer>").fault
    'unknown_attribute'
    >>> read_prediction("<think>2.color.cyan").parsed
    False
    """
    if not isinstance(prediction, str):
        pairs = encode_steps([prediction]).pairs
        return ReadAnswer(prediction, parsed=not len(pairs) or bool((pairs != UNREADABLE).any()))
    section = find_answer(prediction)
    if section.text is None:
        return ReadAnswer(None, parsed=False, fault=section.fault.code if section.fault else None)
    answer = parse_transformations(section.text, record_format=TRANCE)
    fault = answer.invalid[0].code if answer.invalid else None
    return ReadAnswer(answer, parsed=bool(answer.items) or not answer.invalid, fault=fault)


def score_as_official(rows: Sequence[Row]) -> Scores:
    """Score what was read as TVR's own scorer does; of a text in which there is no answer, that is an empty list."""
    readings = [read_prediction(row["prediction"], find_answer=tagged_answer) for row in rows]
    return _scores(_stats(rows, readings), readings)


def score_as_strict(rows: Sequence[Row]) -> Scores:
    """Score likewise, but nothing unparsed is right, not even where the reference changes nothing in the end."""
    readings = [read_prediction(row["prediction"]) for row in rows]
    stats = _stats(rows, readings)
    parsed = np.array([reading.parsed for reading in readings], dtype=bool)
    stats = stats._replace(
        correct=stats.correct & parsed,
        loose_correct=stats.loose_correct & parsed,
        right=stats.right & parsed[:, None],
    )
    return _scores(stats, readings)


def _stats(rows: Sequence[Row], readings: Sequence[ReadAnswer]) -> RowStats:
    return row_stats([_scorable(row, reading) for row, reading in zip(rows, readings, strict=True)])


def _scorable(row: Row, reading: ReadAnswer) -> dict[str, Any]:
    target = row["transformations"]
    true = read_target(target, TRANCE) if isinstance(target, str) else target
    return {**row, "prediction": reading.value, "transformations": true}


def _scores(stats: RowStats, readings: Sequence[ReadAnswer]) -> Scores:
    columns: dict[str, Any] = stats._asdict()
    parsed = np.array([reading.parsed for reading in readings], dtype=bool)
    kept = {**columns, "score": stats.correct.astype(np.float64), "parsed": parsed}
    return Scores(kept, [reading.fault for reading in readings], lambda: _written(stats, readings))


def _written(stats: RowStats, readings: Sequence[ReadAnswer]) -> list[dict[str, Any]]:
    official = zip(*(getattr(stats, name).tolist() for name in ROW_SCORES), strict=True)
    return [
        common_fields(
            correct=correct,
            score=float(correct),
            parsed=reading.parsed,
            answer=written_answer(reading.value),
            fault=reading.fault,
        )
        | dict(zip(ROW_SCORES, values, strict=True))
        for correct, reading, values in zip(stats.correct.tolist(), readings, official, strict=True)
    ]


def written_answer(value: Any) -> str | None:
    """Return transformations in their canonical form, separated by commas; None where there are none to write.

    >>> written_answer([{"obj_idx": 2, "attr": "position", "val": ["left", 1]}, (0, "color", "red")])
    '2.position.left.1, 0.color.red'
    """
    if value is None:
        return None
    items = value.items if isinstance(value, Records) else value
    if not isinstance(items, (list, tuple)):
        return str(items)
    return ", ".join(map(_written_step, items))


def _written_step(item: Any) -> str:
    names = (
        ("obj_idx", "attr", "val") if isinstance(item, dict) and "obj_idx" in item else ("index", "attribute", "value")
    )
    fields: Sequence[Any] = [item.get(name) for name in names] if isinstance(item, dict) else item
    if not isinstance(fields, (list, tuple)):
        return str(item)
    return ".".join(".".join(map(str, each)) if isinstance(each, (list, tuple)) else str(each) for each in fields)


def _row_stats(stats: Stats) -> RowStats:
    return RowStats(**{name: stats[name] for name in RowStats._fields})


def _cells(stats: Stats) -> Iterator[Cell]:
    return cells(_row_stats(stats), parsed=stats["parsed"])


def _rules(score: ScoreRows) -> Rules:
    return Rules(score, _cells, FIELDS, lambda stats: aggregate(_row_stats(stats)))


TVR: Final = Benchmark(
    name="tvr",
    title="TVR",
    reads={
        "completion": "prediction",
        "target": "transformations",
        **identity("initial_objects", "final_objects", "attributes", "view", "n_visible"),
    },
    required=("target",),
    rules={"official": _rules(score_as_official), "strict": _rules(score_as_strict)},
    headline="TAcc",
    shown=("TAcc", "Diff", "NDiff", "loose_acc", "unparsed"),
    tasks={"tvr": {}},
    scene=lambda row: row.get("initial_objects"),
    takes_records=True,
)
