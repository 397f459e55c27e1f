"""TVR's rows -> scores. Predictions are lists of transformations, or completions that hold one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.answer_section import answer_section
from benchmarks.evaluation.benchmark import Benchmark, Rules, same, usual
from benchmarks.evaluation.scores import Scores
from benchmarks.tvr.codec import UNREADABLE, encode_steps
from benchmarks.tvr.metrics import cells
from benchmarks.tvr.official import ROW_SCORES, aggregate_stats
from benchmarks.tvr.rows import RowStats, row_stats
from parsers.formats import TRANCE
from parsers.transformations import parse_transformations
from parsers.values import Records
from rewards.targets import read_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.evaluation.scores import Row, ScoreRows
    from benchmarks.tables import Cell, Stats

FIELDS: Final[dict[str, type]] = {
    **dict.fromkeys(("dist", "norm_dist"), float),
    **dict.fromkeys(("loose_correct", "correct", "err_overlap", "err_invalid_position"), bool),
    **dict.fromkeys(("pred_step", "target_step", "invalid_steps"), int),
}
"""The official scorer's columns and their types."""


class Reading(NamedTuple):
    """What a row predicts.

    Attributes:
        value: the transformations, see `benchmarks.tvr.codec.encode_steps`.
        parsed: whether an answer was found and, if it says anything, anything in it could be read.
        fault: code of the first thing wrong with the text, or None.
    """

    value: Any
    parsed: bool
    fault: str | None = None


def read_prediction(prediction: Any) -> Reading:
    """Read a prediction. Never raises on any text.

    >>> read_prediction("<think>?</think><answer>2.color.cyan, 3.texture.red</answer>").fault
    'unknown_attribute'
    >>> read_prediction("<think>2.color.cyan").parsed
    False
    """
    if not isinstance(prediction, str):
        pairs = encode_steps([prediction]).pairs
        return Reading(prediction, parsed=not len(pairs) or bool((pairs != UNREADABLE).any()))
    section = answer_section(prediction)
    if section.text is None:
        return Reading(None, parsed=False, fault=section.fault.code if section.fault else None)
    answer = parse_transformations(section.text, record_format=TRANCE)
    fault = answer.invalid[0].code if answer.invalid else None
    return Reading(answer, parsed=bool(answer.items) or not answer.invalid, fault=fault)


def score_as_official(rows: Sequence[Row]) -> Scores:
    """Score what was read as TVR's own scorer does; of a text in which there is no answer, that is an empty list."""
    readings = [read_prediction(row["prediction"]) for row in rows]
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


def _stats(rows: Sequence[Row], readings: Sequence[Reading]) -> RowStats:
    return row_stats([_scorable(row, reading) for row, reading in zip(rows, readings, strict=True)])


def _scorable(row: Row, reading: Reading) -> dict[str, Any]:
    target = row["transformations"]
    true = read_target(target, TRANCE) if isinstance(target, str) else target
    return {**row, "prediction": reading.value, "transformations": true}


def _scores(stats: RowStats, readings: Sequence[Reading]) -> Scores:
    columns: dict[str, Any] = stats._asdict()
    parsed = np.array([reading.parsed for reading in readings], dtype=bool)
    kept = {**columns, "score": stats.correct.astype(np.float64), "parsed": parsed}
    return Scores(kept, [reading.fault for reading in readings], lambda: _written(stats, readings))


def _written(stats: RowStats, readings: Sequence[Reading]) -> list[dict[str, Any]]:
    official = zip(*(getattr(stats, name).tolist() for name in ROW_SCORES), strict=True)
    return [
        usual(
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
    return Rules(score, _cells, FIELDS, lambda stats: aggregate_stats(_row_stats(stats)))


TVR: Final = Benchmark(
    name="tvr",
    reads={
        "completion": "prediction",
        "target": "transformations",
        **same("initial_objects", "final_objects", "attributes", "view", "n_visible"),
    },
    required=("target",),
    rules={"official": _rules(score_as_official), "strict": _rules(score_as_strict)},
    headline="TAcc",
    scene=lambda row: row.get("initial_objects"),
    takes_records=True,
)
