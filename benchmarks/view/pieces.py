"""The text of a completion in pieces: what scored what, what is wrong with it, and where.

Texts are cut here, where a character is a character, and not in a browser, where places count UTF-16.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from parsers.completion import find_sections
from parsers.references import cells
from rewards.errors import DataError
from rewards.explain import Explanation, explain_completion, explain_question
from rewards.references import reference_facts
from rewards.score import readable_text, resolve_row
from rewards.spans import score_spans
from rewards.spec import QuestionSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.view.index import Row, Scoring
    from parsers.completion import Sections
    from parsers.types import Fault
    from rewards.explain import QuestionExplanation
    from rewards.spans import Span, Spans
    from rewards.spec import TieredSpec
    from rewards.tasks import Task

LONGEST: Final = 60_000
"""Characters of a text that are shown; of a longer one its two ends."""
_AROUND: Final = 36  # characters that are shown on both sides of a fault
_WRONG: Final = ("incorrect", "excess", "misplaced", "unparseable", "contradicted")
_NEUTRAL: Final = ("unlabelled", "repeated", "superseded", "uncounted")


class Explained(NamedTuple):
    """A completion, where its sections stand, and why it scores what it scores."""

    task: Task
    text: str
    sections: Sections
    shown: Explanation | QuestionExplanation
    marks: Sequence[Span]

    @classmethod
    def of(cls, row: Row, scoring: Scoring) -> Explained:
        """Explain a row."""
        truth, task, spec = resolve_row(
            row.get("target"), task=row.task, preset=scoring.preset, overrides=scoring.overrides, **row.labels()
        )
        columns = {"references": truth.references, "relations": truth.relations, "options": truth.options}
        labels: dict[str, Any] = {role: None if column is None else column[0] for role, column in columns.items()}
        completion, target, settings = row.get("completion"), truth.targets[0], scoring.settings()
        text, prefilled = readable_text(completion, scoring.think_prefilled)
        sections = find_sections(text, mode=scoring.mode, think_prefilled=prefilled)
        if isinstance(spec, QuestionSpec):
            shown: Explanation | QuestionExplanation = explain_question(
                completion, target, task=task, **labels, **settings
            )
        else:
            shown = explain_completion(completion, target, task=task, **settings)
        spans = score_spans(completion, target, task=task, **labels, **settings)
        return cls(task, text, sections, shown, _all_marks(text, sections, spans, labels, spec))


def _all_marks(
    text: str, sections: Sections, spans: Spans, labels: Mapping[str, Any], spec: TieredSpec | QuestionSpec
) -> list[Span]:
    """Return the marks of a text in order: what is scored, and what of the triplets is right though no reward says so.

    Triplets of a list task score nothing, nor do those of an answer that cannot be read; where there are labels,
    whether they are right can be told all the same. What the labels do not speak of is no mistake there.
    """
    references = list(spans.references)
    if not references and labels["references"] is not None:
        references = _triplets(text, sections, labels)
    if labels["references"] is not None:
        references = _told(references, labels, spec)
    marks = (span for span in [*references, *spans.records] if span.end > span.start)
    return sorted(marks, key=lambda span: (span.start, -span.end))


def _triplets(text: str, sections: Sections, labels: Mapping[str, Any]) -> list[Span]:
    """Return names and relations in a reasoning, told apart by the labels of its row as in any question."""
    opener = "<think>"
    start, end = _reasoning(text) if sections.think is None else (sections.think.start, sections.think.stop)
    try:
        wrapped = f"{opener}{text[start:end]}</think><answer>A</answer>"
        given = {"references": labels["references"], "relations": labels["relations"]}
        spans = score_spans(wrapped, "A", task="multiview", **given)
    except DataError:
        return []
    moved = start - len(opener)
    return [span._replace(start=span.start + moved, end=span.end + moved, share=0.0) for span in spans.references]


def _reasoning(text: str) -> tuple[int, int]:
    """Return where the reasoning of a completion of a broken form stands."""
    start = text.find("<think>")
    start = 0 if start < 0 else start + len("<think>")
    ends = (text.find(tag, start) for tag in ("</think>", "<answer>"))
    return start, min((end for end in ends if end >= 0), default=len(text))


def _told(references: Sequence[Span], labels: Mapping[str, Any], spec: TieredSpec | QuestionSpec) -> list[Span]:
    """Return spans, unlabelled where they are called incorrect only because the labels do not speak of them.

    Names that are no labels are mistakes in a question, whose references are all labelled; the labels of a list task
    are the objects that matter. A relation that is not scored may be of any two objects.
    """
    question = isinstance(spec, QuestionSpec)
    scored = isinstance(spec, QuestionSpec) and spec.relation_weight > 0
    facts = {} if labels["relations"] is None else reference_facts(labels["relations"])

    def known(span: Span) -> bool:
        if span.kind != "relation":
            return question
        view, triplet = span.value
        spoken = {cell for cell, _ in facts.get(view, ())}
        return scored or any(cell in spoken for cell, _ in cells(triplet))

    return [
        span if span.tier != "incorrect" or known(span) else span._replace(tier="unlabelled") for span in references
    ]


def text_data(explained: Explained) -> dict[str, Any]:
    """Return the text in pieces, the marks that these point to, and the faults.

    A piece is [text, section, mark, fault]: section ``""`` (outside), ``"think"`` or ``"answer"``; the number of its
    mark or None; whether a fault is at its first character.
    """
    marks: list[Span] = []
    for span in explained.marks:  # names stand side by side; what overlaps nevertheless is left out
        if not marks or span.start >= marks[-1].end:
            marks.append(span)
    faults = list(_faults(explained))
    return {
        "pieces": list(_pieces(explained, marks, {at for at, _ in faults if at is not None})),
        "marks": [_mark_data(span, explained) for span in marks],
        "faults": [_fault_data(explained.text, at, fault) for at, fault in faults],
    }


def _pieces(explained: Explained, marks: Sequence[Span], carets: set[int]) -> Iterator[list[Any]]:
    text, sections = explained.text, explained.sections
    bounds = {0, len(text), *(at for at in carets if at < len(text))}
    bounds |= {at for span in marks for at in (span.start, span.end)}
    inside = [("think", sections.think), ("answer", sections.answer)]
    bounds |= {at for _, part in inside if part is not None for at in (part.start, part.stop)}
    head, tail = LONGEST * 3 // 4, len(text) - LONGEST // 4
    hidden = len(text) > LONGEST
    bounds |= {head, tail} if hidden else set()
    order = sorted(bounds)
    mark = 0
    for start, end in pairwise(order):
        while mark < len(marks) and marks[mark].end <= start:
            mark += 1
        here = mark if mark < len(marks) and marks[mark].start <= start else None
        section = next((name for name, part in inside if part is not None and part.start <= start < part.stop), "")
        if hidden and head <= start < tail:
            if start == head:
                yield [f"\n[… {tail - head:,} characters are not shown …]\n", "", None, False]
            continue
        yield [text[start:end], section, here, start in carets]


def _mark_data(span: Span, explained: Explained) -> dict[str, Any]:
    best = explained.shown.spec.parts[0] if isinstance(explained.shown, Explanation) else "correct"
    tone = "partial"
    if span.tier in (best, "correct"):
        tone = "right"
    elif span.tier in _WRONG:
        tone = "wrong"
    elif span.tier in _NEUTRAL:
        tone = "neutral"
    view = span.value[0] if span.kind in ("reference", "relation") and span.value is not None else None
    return {"kind": span.kind, "tier": span.tier, "tone": tone, "share": round(span.share, 6), "view": view}


def _faults(explained: Explained) -> Iterator[tuple[int | None, Fault]]:
    """Yield what is wrong with the text, with its place in it."""
    shown, sections = explained.shown, explained.sections
    answer = 0 if sections.answer is None else sections.answer.start
    think = 0 if sections.think is None else sections.think.start
    if sections.fault is not None:
        yield sections.fault.offset, sections.fault
    if isinstance(shown, Explanation):
        inner = [(answer, each.fault) for each in shown.predictions if each.fault is not None]
    else:
        inner = [(think, fault) for fault in shown.parsed.invalid]
        if shown.answer.fault is not None and shown.completion.answer is not None:
            inner.insert(0, (answer, shown.answer.fault))
    for at, fault in inner:
        yield None if fault.offset is None else at + fault.offset, fault


def _fault_data(text: str, at: int | None, fault: Fault) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": fault.code, "message": fault.message, "around": None}
    if at is not None:
        before, after = text[max(0, at - _AROUND) : at], text[at + 1 : at + 1 + _AROUND]
        ends = ["…" if at > _AROUND else "", "…" if at + 1 + _AROUND < len(text) else ""]
        shown["around"] = [ends[0] + before, text[at : at + 1], after + ends[1]]
    return shown
