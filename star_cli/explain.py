"""``star explain``: why one completion scores what it scores."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from star_cli.console import echo, line_and_column
from star_cli.options import InputPath, reward_options, reward_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parsers.completion import Mode, Prefilled
    from parsers.types import Fault
    from rewards.explain import Explanation, Prediction, QuestionExplanation, View
    from rewards.references import InformednessScore
    from rewards.spans import Span, Spans
    from rewards.tasks import Task
    from rewards.tiered import Record

_HELP = """\
Explain the reward of a completion: a row of FILE, chosen by --id or --line, or, with --target, standard input. FILE is
anything that `star score` takes.

Shows the first format fault with a caret under its position, every prediction with the true change it was matched with,
its reward and penalty, what is missing, and the sum; and the same under preset paper if that differs. For
questions: R_ans, and R_ref with the named, true and missing objects of each view. What the reward looks at is
underlined in the text: = for what is right, ~ for what is partly right, x for what scores nothing.

\b
Examples:
  star explain predictions.jsonl --id 17
  star explain predictions.jsonl --line 3 --json
  echo '<think>b</think><answer>2.color.cyna</answer>' | star explain --target 2.color.cyan
"""


class Case(NamedTuple):
    """A completion to explain and the target that it is scored against.

    Attributes:
        place: where it comes from, for people.
        completion: its text.
        gold: ``target`` and, of questions, ``references``, ``relations``, ``options`` where they are known.
        others: places of further rows with the same id.
        task: what the row, or its packed target, names as its task.
    """

    place: str
    completion: str
    gold: Mapping[str, Any]
    others: tuple[str, ...] = ()
    task: str | None = None


class Explained(NamedTuple):
    """A case explained.

    Attributes:
        task: the task.
        preset: the preset that was asked for.
        mode: see `parsers.completion.parse_completion`.
        shown: the explanation under it.
        spans: where its reward comes from, in the text of the completion.
        other: another preset under which lines or sums differ, and the explanation under that; or None.
    """

    task: Task
    preset: str
    mode: Mode
    shown: Explanation | QuestionExplanation
    spans: Spans
    other: tuple[str, Explanation] | None = None


@click.command(help=_HELP, short_help="Explain the reward of a completion.")
@click.argument("file", required=False, type=InputPath())
@click.option("--id", "row_id", metavar="ID", help="The row with this id, or at this place: FILE:LINE, as printed.")
@click.option("--line", type=click.IntRange(1), metavar="N", help="The row on this line.")
@click.option("--target", help="The target, for a completion on standard input: '2.color.cyan'.")
@click.option("--references", metavar="JSON", help="With --target, of questions: the true names of each view.")
@reward_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-color", is_flag=True, help="Print plain text (as NO_COLOR does).")
def explain(
    *,
    file: str | None,
    row_id: str | None,
    line: int | None,
    target: str | None,
    references: str | None,
    mapping: dict[str, str],
    targets: str | None,
    on: Literal["id", "prompt"],
    as_json: bool,
    no_color: bool,
    **options: Any,
) -> None:
    """Explain one completion; `_HELP` is what users read."""
    if target is not None:
        case = _from_input(file, row_id, line, target, references)
    else:
        case = _from_file(file, row_id, line, mapping=mapping, targets=targets, on=on)
    explained = _explain(case, **reward_settings(**options))
    if as_json:
        echo(json.dumps(as_data(case, explained), ensure_ascii=False, indent=2))
    else:
        from star_cli.explain_text import show

        show(case, explained, color=not no_color)


def _from_input(file: str | None, row_id: str | None, line: int | None, target: str, references: str | None) -> Case:
    """Take the completion from standard input."""
    if file not in (None, "-") or row_id is not None or line is not None:
        raise click.UsageError("--target goes with a completion on standard input, not with a row of a file")
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    return Case("standard input", text, {"target": target, "references": references})


def _from_file(
    file: str | None,
    row_id: str | None,
    line: int | None,
    *,
    mapping: Mapping[str, str],
    targets: str | None,
    on: Literal["id", "prompt"],
) -> Case:
    """Take the completion and its target from a row of a file."""
    if file is None:
        raise click.UsageError("give a FILE, or a completion on standard input with --target '2.color.cyan'")
    if (row_id is None) == (line is None):
        both = "" if row_id is None else ", not both"
        raise click.UsageError(f"say which row: --id ID or --line N{both}")
    from benchmarks.files.predictions import find_rows
    from benchmarks.files.targets import TARGET_ROLES, read_separate_targets
    from rewards.targets import unpack_value

    gold, own = read_separate_targets(targets, on, mapping)
    first, *rest = find_rows(file, row_id=row_id, line=line, mapping=own, targets=gold)
    labels = {role: first.values[role] for role in TARGET_ROLES if role in first.values}
    packed = {"task": first.values.get("task")} | unpack_value(labels["target"])
    labels |= {role: packed[role] for role in TARGET_ROLES if role in packed}
    task = packed["task"] if isinstance(packed["task"], str) else None
    return Case(first.place, first.values["completion"], labels, tuple(row.place for row in rest), task)


def _explain(
    case: Case, *, task: str, preset: str, mode: Mode, think_prefilled: Prefilled, overrides: Mapping[str, Any]
) -> Explained:
    from rewards.errors import DataError
    from rewards.explain import explain_completion, explain_question
    from rewards.score import resolve
    from rewards.spans import score_spans
    from rewards.spec import QuestionSpec
    from rewards.tasks import route_task, task_names

    found, spec = resolve(task, preset, **overrides)
    if case.task in task_names() and route_task(found, case.task) is None:
        raise DataError(f"{case.place}: its task is {case.task!r}, and {found.name!r} is asked for: --task {case.task}")
    explain_one = partial(explain_completion, case.completion, task=found, mode=mode, think_prefilled=think_prefilled)
    settings = {"task": found, "preset": preset, "mode": mode, "think_prefilled": think_prefilled, **overrides}
    spans = score_spans(case.completion, **case.gold, **settings)
    if isinstance(spec, QuestionSpec):
        return Explained(found, preset, mode, explain_question(case.completion, **case.gold, **settings), spans)
    shown = explain_one(case.gold["target"], preset=preset, **overrides)
    compared = "default" if preset == "paper" else "paper"
    other = explain_one(case.gold["target"], preset=compared)
    same = other.predictions == shown.predictions and other.parts == shown.parts
    return Explained(found, preset, mode, shown, spans, None if same else (compared, other))


# --- as JSON ----------------------------------------------------------------------------------------------------------


def as_data(case: Case, explained: Explained) -> dict[str, Any]:
    """Return what `star explain --json` prints."""
    from rewards.explain import Explanation

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
        "spans": _spans(explained.task, explained.spans),
    }
    if not isinstance(explained.shown, Explanation):
        return data | {"preset": explained.preset} | _question(explained.shown)
    data |= {"preset": explained.preset} | _list(explained.task, explained.shown)
    if explained.other is not None:
        preset, other = explained.other
        data["differs_under"] = {"preset": preset} | _list(explained.task, other)
    return data


def _spans(task: Task, spans: Spans) -> dict[str, Any]:
    return {
        "records": [_span(task, span) for span in spans.records],
        "references": [_span(task, span) for span in spans.references],
        "rest": dict(spans.rest),
    }


def _span(task: Task, span: Span) -> dict[str, Any]:
    if span.kind == "record":
        return span._asdict() | {"value": _record(task, span.value)}
    if span.value is None or span.kind == "answer":
        return span._asdict()
    view, value = span.value
    said = value if span.kind == "reference" else f"[{', '.join(value)}]"
    return span._asdict() | {"value": said, "view": view}


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
    from rewards.batch_score import answer_text
    from rewards.references import InformednessScore

    completion, references = explanation.completion, explanation.references
    think = completion.think or ""
    return {
        "answer": {
            "read": answer_text(explanation.answer.answer),
            "value": explanation.answer.value,
            **({"wrong": list(explanation.wrong)} if explanation.wrong else {}),
            "fault": _fault(explanation.answer.fault, completion.answer or ""),
        },
        "references": None if references is None else references.value,
        "reference_weight": explanation.reference_weight,
        "told_apart": _told_apart(references) if isinstance(references, InformednessScore) else [],
        "views": [_view(view) for view in explanation.views],
        "extra_views": [] if references is None else list(references.extra_views),
        "broken_triplets": [_fault(fault, think) for fault in explanation.parsed.invalid],
        "notes": [_fault(fault, think) for fault in explanation.parsed.notes],
        **_score(explanation),
    }


def _told_apart(score: InformednessScore) -> list[dict[str, Any]]:
    return [
        {"item": item_text(each.item), "true": sorted(each.true), "written": sorted(each.written), "value": each.value}
        for each in (*score.names, *score.relations)
    ]


def item_text(item: Any) -> str:
    """Return a name, or a fact ((object, object, axis), what holds) as a triplet."""
    if isinstance(item, str):
        return item
    (one, other, _), relation = item
    return f"[{one}, {other}, {relation}]"


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
