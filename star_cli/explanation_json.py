"""An explanation as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewards.explain import Explanation
from rewards.score import answer_text
from star_cli.carets import line_and_column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parsers.values import Fault
    from rewards.conflicts import Record
    from rewards.explain import Prediction
    from rewards.explain_questions import QuestionExplanation, View
    from rewards.tasks import Task
    from star_cli.explained import Case, Explained


def as_data(case: Case, explained: Explained) -> dict[str, Any]:
    """Return what `star explain --json` prints."""
    completion = explained.shown.completion
    data = {
        "place": case.place,
        "other_rows": list(case.others),
        "task": explained.task.name,
        "mode": explained.mode,
        "envelope": {
            "fault": _fault(completion.fault, case.completion),
            "prefilled": completion.prefilled,
            "answer": completion.answer,
        },
        "target": case.gold["target"],
    }
    if not isinstance(explained.shown, Explanation):
        return data | {"preset": explained.preset} | _question(explained.shown)
    data |= {"preset": explained.preset} | _list(explained.task, explained.shown)
    if explained.other is not None:
        preset, other = explained.other
        data["differs_under"] = {"preset": preset} | _list(explained.task, other)
    return data


def _list(task: Task, explanation: Explanation) -> dict[str, Any]:
    answer = explanation.completion.answer or ""
    return {
        "predictions": [_prediction(task, each, answer) for each in explanation.predictions],
        "missing": [_record(task, record) for record in explanation.missing],
        "notes": [_fault(note, answer) for note in explanation.notes],
        "divisor": explanation.divisor,
        **_score(explanation),
    }


def _prediction(task: Task, prediction: Prediction, answer: str) -> dict[str, Any]:
    return prediction._asdict() | {
        "record": _record(task, prediction.record),
        "matched": _record(task, prediction.matched),
        "fault": _fault(prediction.fault, answer),
    }


def _record(task: Task, record: Record | None) -> str | None:
    assert task.record_format is not None
    return None if record is None else task.record_format.render(record)


def _question(explanation: QuestionExplanation) -> dict[str, Any]:
    completion, references = explanation.completion, explanation.references
    think = completion.think or ""
    return {
        "answer": {
            "read": answer_text(explanation.answer.answer),
            "value": explanation.answer.value,
            "fault": _fault(explanation.answer.fault, completion.answer or ""),
        },
        "references": None if references is None else references.value,
        "views": [_view(view) for view in explanation.views],
        "extra_views": [] if references is None else list(references.extra_views),
        "broken_triplets": [_fault(fault, think) for fault in explanation.parsed.invalid],
        "notes": [_fault(fault, think) for fault in explanation.parsed.notes],
        **_score(explanation),
    }


def _view(view: View) -> dict[str, Any]:
    names = {"named": view.named, "true": view.true, "missing": view.missing, "extra": view.extra}
    return {
        "view": view.number,
        "written": view.written,
        **{what: sorted(found) for what, found in names.items()},
        "f1": view.f1,
        "relations_f1": view.relations_f1,
    }


def _score(explanation: Explanation | QuestionExplanation) -> dict[str, Any]:
    score = explanation.score
    return {"parts": explanation.parts, "total": score.total, "correct": score.correct, "unit": score.unit}


def _fault(fault: Fault | None, text: str) -> dict[str, Any] | None:
    if fault is None:
        return None
    place: Iterable[int | None] = (None, None) if fault.offset is None else line_and_column(text, fault.offset)
    return fault._asdict() | dict(zip(("line", "column"), place, strict=True))
