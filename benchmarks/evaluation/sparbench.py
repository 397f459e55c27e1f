"""SPAR-Bench's rows -> scores."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.evaluation.benchmark import Benchmark, Rules, of_rows, same, usual
from benchmarks.evaluation.scores import score_each
from benchmarks.sparbench import official, strict
from benchmarks.sparbench.metrics import cells

if TYPE_CHECKING:
    from benchmarks.evaluation.scores import Row, Scored


def score_as_official(row: Row) -> Scored:
    """Score as SPAR-Bench does; it never says what it has read."""
    found = official.score_row(row)
    correct = math.isclose(found["score"], 1.0)
    return usual(correct=correct, score=found["score"], parsed=None) | found, {"task": row["task"]}


def score_as_strict(row: Row) -> Scored:
    """Score the letter, number or camera moves in the answer section."""
    return strict.score_row(row), {"task": row["task"]}


SPARBENCH: Final = Benchmark(
    name="sparbench",
    reads={"completion": "prediction", "target": "answer", "kind": "task", **same("options")},
    required=("target", "kind"),
    rules={
        "official": Rules(
            partial(score_each, score_row=score_as_official),
            partial(cells, middle_has_view_change=False),
            {"metric": str},
            of_rows(official.aggregate, same("task", "score")),
        ),
        "strict": Rules(
            partial(score_each, score_row=score_as_strict), partial(cells, middle_has_view_change=True), {}
        ),
    },
    headline="score",
)
