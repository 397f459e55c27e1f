"""The golden rows of the multiple-choice benchmarks, and comparison up to floating-point noise."""

import gzip
import json
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"


def rows(name):
    with gzip.open(GOLDEN / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def aggregate(name):
    return json.loads((GOLDEN / f"{name}_aggregate.json").read_text(encoding="utf-8"))


def agrees(ours, theirs):
    """Equal keys, types and values; floats to 1e-6."""
    if isinstance(theirs, dict):
        return (
            isinstance(ours, dict) and ours.keys() == theirs.keys() and all(agrees(ours[k], theirs[k]) for k in theirs)
        )
    if isinstance(theirs, float):
        return isinstance(ours, float) and abs(ours - theirs) < 1e-6
    return ours == theirs and type(ours) is type(theirs)


def disagreements(name, score_row):
    return [row["id"] for row in rows(name) if not agrees(score_row(row), row["expected"])]


def scored(name, score_row):
    return [{**row, **score_row(row)} for row in rows(name)]
