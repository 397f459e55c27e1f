"""Completions of all sorts to a problem: right, written differently, and wrong in one way or another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from benchmarks.examples.problem import Problem, Triple
    from parsers.formats import RecordFormat

KINDS = ("right", "other form", "one wrong", "one missing", "one twice", "no tags")
"""What a completion is; half of them are right."""


def write_answer(record_format: RecordFormat, problem: Problem, rng: np.random.Generator) -> str:
    """Write a completion of a kind that is drawn."""
    kind = "right" if rng.random() < 0.4 else KINDS[int(rng.integers(len(KINDS)))]
    records = list(problem.target)
    at = int(rng.integers(len(records)))
    if kind == "one wrong":
        records[at] = _spoil(records[at], problem, rng)
    elif kind == "one missing":
        del records[at]
    elif kind == "one twice":
        records.append(records[at])
    form = record_format.forms[-1 if kind == "other form" else 0]
    names = [field.name for field in record_format.fields]
    answer = ", ".join(form.format(**dict(zip(names, record, strict=True))) for record in records)
    if kind == "no tags":
        return f"I went through it step by step. {answer}"
    return f"<think>I went through it step by step.</think><answer>{answer}</answer>"


def _spoil(record: Triple, problem: Problem, rng: np.random.Generator) -> Triple:
    """Return the record with another word in one of its fields."""
    fields = [at for at, words in enumerate(problem.words) if set(words) - {record[at]}]
    at = fields[int(rng.integers(len(fields)))]
    others = [word for word in problem.words[at] if word != record[at]]
    spoilt = list(record)
    spoilt[at] = others[int(rng.integers(len(others)))]
    one, two, three = spoilt
    return (one, two, three)
