"""A task in words: what an answer may look like, and what it scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsers.formats import LARGEST
from rewards.spec import QuestionSpec, TieredSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.formats import Field, RecordFormat
    from rewards.tasks import Task

_ANSWERS = {
    "choice": "the letter of an option, or its text where the options are known",
    "yes_no": "yes or no",
    "number": "a number, with or without a unit",
    "text": "the words of the target",
    "set": 'names in no order, separated by a comma, a semicolon, new lines or "and"; "none" of nothing',
    "box": "a box in the image",
    "point": "a point in the image",
    "map": "a cognitive map as JSON",
    None: "what the target is: a choice, yes or no, a number, or words",
}


def grammar(task: Task) -> str:
    """Return the grammar of a task's answers in readable form.

    >>> from rewards.tasks import load_task
    >>> print(grammar(load_task("flowchart")))
    answer  nothing, "none", or records separated by a comma, a semicolon or new lines
    record  source -> target: label
          | source -->|label| target
          | (source, target, label)
    source  any words
    target  any words
    label   any words
    """
    lines = list(_records(task.record_format) if task.record_format is not None else _question(task))
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join((name.ljust(width) if name else "| ".rjust(width)) + text for name, text in lines)


def _records(record_format: RecordFormat) -> Iterator[tuple[str, str]]:
    order = " in their order," if record_format.repeats else ""
    yield "answer", f'nothing, "none", or records{order} separated by a comma, a semicolon or new lines'
    names = {field.name: field.name for field in record_format.fields}
    for at, form in enumerate(record_format.forms):
        yield "" if at else "record", form.format(**names)
    for field in record_format.fields:
        for at, words in enumerate(_words(field)):
            yield "" if at else field.name, words
    spellings: dict[str, list[str]] = {}
    for spelling, value in record_format.synonyms:
        spellings.setdefault(value, []).append(spelling)
    for value, written in spellings.items():
        yield value, f"also written {', '.join(written)}"


def _words(field: Field) -> list[str]:
    if field.kind == "open":
        return ["any words"]
    if field.kind == "integer":
        low, high = field.limits
        return [f"a whole number from {low}" + (f" to {high}" if high < LARGEST else "")]
    if field.by is not None:
        return [f"of {key}: {', '.join(values)}" for key, values in field.values_by]
    return [", ".join(field.values)]


def _question(task: Task) -> Iterator[tuple[str, str]]:
    assert isinstance(task.spec, QuestionSpec)
    letters = f" ({', '.join(task.spec.letters)})" if task.spec.letters else ""
    region = (task.spec.layout, task.spec.coordinates, f"nearer than {task.spec.reach:g}" if task.spec.reach else None)
    told = f": {', '.join(filter(None, region))}" if task.spec.coordinates else ""
    if task.spec.kind == "map":
        told = (
            f": {task.spec.layout}, {task.spec.grid} x {task.spec.grid} cells, facings {', '.join(task.spec.facings)}"
        )
    yield "answer", f"{_ANSWERS[task.spec.kind]}{letters}{told}"
    for spelling, words in task.spec.synonyms:
        yield "", f"{spelling} stands for {words}"
    if task.spec.reference_weight:
        yield "reasoning", "View 1: [object 1, object 2, relation] [...]"
        yield "", "View 2: ..."


_CONSISTENCY = "penalty where the answer contradicts the reasoning"


def meanings(task: Task) -> dict[str, str]:
    """Return what each part of a score is, for people.

    >>> from rewards.tasks import load_task
    >>> meanings(load_task("tvr"))["attribute"], meanings(load_task("flowchart"))["source"]
    ('object and attribute', 'source alone')
    """
    if not isinstance(task.spec, TieredSpec):
        told = ("format of the completion", "answer, exact or near", "reference objects of each view", _CONSISTENCY)
        return dict(zip(task.parts, told, strict=False))
    tiers = dict(zip(task.spec.parts, map(_fields, task.spec.table), strict=True))
    penalties = {"incorrect": "incorrect-prediction penalty", "underprediction": "missing-prediction penalty"}
    penalties |= {"consistency": _CONSISTENCY} if task.spec.consistency_weight else {}
    return {"format": "format of the completion", **tiers, **penalties}


def unweighted(spec: TieredSpec | QuestionSpec) -> tuple[str, ...]:
    """Return the parts that count nothing under these settings: a mean of 0 there is no failure.

    >>> from rewards.tasks import load_task
    >>> unweighted(load_task("multiview").spec), unweighted(load_task("tvr").spec)
    (('format',), ())
    """
    if isinstance(spec, TieredSpec):
        weights = {part: spec.value(at) for at, part in enumerate(spec.parts)}
        weights |= {"incorrect": spec.incorrect_penalty, "underprediction": spec.underprediction_penalty}
    else:
        weights = {"format": spec.format_weight, "answer": spec.answer_weight, "reference": spec.reference_weight}
    return tuple(part for part, weight in weights.items() if not weight)


def _fields(names: tuple[str, ...]) -> str:
    *first, last = ["object" if name == "index" else name for name in names]
    return f"{', '.join(first)} and {last}" if first else f"{last} alone"


def rewards(task: Task) -> list[tuple[str, float]]:
    """Return the reward of each part: (what it is for, amount); penalties are negative.

    >>> from rewards.tasks import load_task
    >>> rewards(load_task("mmsi"))
    [('answer', 1.0)]
    """
    spec = task.spec
    if isinstance(spec, TieredSpec):
        tiers = [
            (f"{part}: {', '.join(key)}", spec.value(at))
            for at, (part, key) in enumerate(zip(spec.parts, spec.table, strict=True))
        ]
        return [
            ("format", 1.0),
            *tiers,
            ("incorrect", -spec.incorrect_penalty),
            ("underprediction", -spec.underprediction_penalty),
            *([("consistency", -spec.consistency_weight)] if spec.consistency_weight else []),
        ]
    weights = (("format", spec.format_weight), ("answer", spec.answer_weight), ("reference", spec.reference_weight))
    return [(part, weight) for part, weight in (*weights, ("consistency", -spec.consistency_weight)) if weight]


def as_dict(task: Task) -> dict[str, Any]:
    """Return a task as plain values, for JSON."""
    return {
        "name": task.name,
        "kind": task.kind,
        "about": task.about,
        "parts": list(task.parts),
        "grammar": grammar(task).splitlines(),
        "rewards": dict(rewards(task)),
        "prompt": task.prompt,
        "cases": len(task.cases),
    }
