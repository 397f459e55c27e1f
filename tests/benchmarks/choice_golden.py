"""The golden rows of the benchmarks, and comparison up to floating-point noise."""

import json
from pathlib import Path

from tests.json_lines import read

GOLDEN = Path(__file__).parents[1] / "golden"
_FILES = {"tvr": "tvr_state", "sparbench": "spar"}
_COMPLETIONS = ("response", "prediction", "completion")


def file_of(benchmark):
    """Return the name of a benchmark's golden rows: its own, but for the two oldest."""
    return _FILES.get(benchmark, benchmark.replace("-", "_"))


def aggregate_of(benchmark):
    return aggregate("tvr" if benchmark == "tvr" else file_of(benchmark))


def gold_of(benchmark):
    """Return what a golden row of a benchmark holds beside its completion."""
    return {
        name: value for name, value in rows(file_of(benchmark))[0].items() if name not in (*_COMPLETIONS, "expected")
    }


def rows(name):
    return read(GOLDEN / f"{name}.jsonl.gz")


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
