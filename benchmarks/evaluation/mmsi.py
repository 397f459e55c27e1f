"""MMSI-Bench's rows -> scores."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.evaluation.benchmark import Benchmark, Rules, of_rows, same, usual
from benchmarks.evaluation.scores import score_each
from benchmarks.mmsi import official, strict
from benchmarks.mmsi.circular import STRIDE, read_index
from benchmarks.mmsi.metrics import cells
from benchmarks.mmsi.types import canonical_type

if TYPE_CHECKING:
    from benchmarks.evaluation.scores import Row, Scored


def score_as_official(row: Row) -> Scored:
    """Score as MMSI-Bench, its README and lmms-eval do."""
    found = official.score_row(row)
    letter, score = found["official_extracted"], found["official_score"]
    shown = usual(correct=score == 1, score=score, parsed=letter is not None, answer=letter)
    return shown | found, {**_kept(row), "lmms_score": found["lmms_score"]}


def score_as_strict(row: Row) -> Scored:
    """Score the letter in the answer section."""
    return strict.score_row(row), _kept(row)


def _kept(row: Row) -> dict[str, Any]:
    category, index = row.get("category"), row.get("index")
    name = "" if category is None else str(category)
    return {
        "type": canonical_type(name) or "untyped",
        "category": name,
        "index": -1 if index is None else read_index(index),
    }


def _question(row: Row) -> int | None:
    """Return what the rotations of a question share; without an index nothing tells."""
    index = row.get("index")
    return None if index is None else read_index(index) % STRIDE


def _aggregate_rows(rows: Any) -> dict[str, Any]:
    return official.aggregate({**row, "category": row["category"] or None} for row in rows)


MMSI: Final = Benchmark(
    name="mmsi",
    reads={"completion": "response", "target": "answer", "kind": "category", **same("options", "index")},
    required=("target",),
    rules={
        "official": Rules(
            partial(score_each, score_row=score_as_official),
            cells,
            {
                **dict.fromkeys(("official_extracted", "lmms_extracted", "lmms_note"), str),
                **dict.fromkeys(("official_score", "readme_score", "lmms_score"), float),
            },
            of_rows(_aggregate_rows, {**same("lmms_score", "category"), "official_score": "score"}),
        ),
        "strict": Rules(partial(score_each, score_row=score_as_strict), cells, {}),
    },
    headline="accuracy",
    scene=_question,
)
