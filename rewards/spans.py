"""Where a reward comes from: each record, answer and reference of a completion, with its place and its share.

    total = Σ share of the spans + Σ rest

What stands nowhere in the text is no span and in ``rest``: the format point, the charge for records that are missing
(under-prediction: no record of the answer is the one that is missing), the charge for a contradiction, and, with
``rule="binary"``, the reward of the whole set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import fsum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from parsers.completion import find_sections
from parsers.first_time import FIRST_TIME
from parsers.records import locate_records
from parsers.types import Fault, Relation
from rewards.explain import explain_parsed
from rewards.score import grade_answer, parse_answers, parse_completions, readable_text, resolve_row, score_questions
from rewards.spec import QuestionSpec, TieredSpec
from rewards.targets import read_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from parsers.completion import Mode, Prefilled
    from parsers.formats import RecordFormat
    from parsers.references import References
    from parsers.types import Completion
    from rewards.explain import Prediction
    from rewards.references import Fact, Labels
    from rewards.targets import Rows
    from rewards.tasks import Task
    from rewards.tiered import Record


class Span(NamedTuple):
    """A part of the completion that the reward looks at.

    Attributes:
        start: character of the completion's text (`rewards.completion_text`) at which it begins.
        end: where it ends; *start* itself where an item is missing between two separators.
        kind: ``"record"``, ``"answer"`` (of a question), ``"reference"`` (a name in a triplet) or ``"relation"``.
        value: the record; what was read as the answer; (view, name), or (view, triplet) in the words of the ground
            truth. None where nothing could be read.
        tier: the part in which a record is rewarded (``"exact"``, ``"attribute"``, ...), or why it is in none:
            ``"incorrect"``; ``"excess"``, it agrees with a true record that another one was matched with;
            ``"misplaced"``, where order counts, it agrees with one that is missing, but not at this place;
            ``"superseded"``, a later value for the same cell counts; ``"unparseable"``; ``"uncounted"``, unparseable
            beyond the number of those that count. Of answers and references ``"correct"``, ``"partial"`` (a number
            that is close), ``"incorrect"``, ``"unparseable"``; of references also ``"repeated"`` in its view,
            ``"contradicted"``, and ``"unlabelled"`` (its view has no labels, or it is whoever looks).
        share: what it adds to the total; negative where it is charged.
    """

    start: int
    end: int
    kind: Literal["record", "answer", "reference", "relation"]
    value: Any
    tier: str
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans of a completion.

    Attributes:
        records: of the answer, in the order written: the items of a list task, or the answer to a question.
        references: of the reasoning, in the order written; of list tasks none.
        rest: the reward by part that belongs to no span.
    """

    records: tuple[Span, ...] = ()
    references: tuple[Span, ...] = ()
    rest: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The sum of all shares and of the rest.

        It is the total of the score: exactly where the shares are exact in binary (of list tasks all whole numbers and
        halves, as in every preset), and otherwise, as with thirds of R_ref, but for rounding.
        """
        return fsum([span.share for span in (*self.records, *self.references)] + [*self.rest.values()])


def score_spans(
    completion: Any,
    target: Any,
    *,
    task: str | Task = "tvr",
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    references: Any = None,
    relations: Any = None,
    options: Any = None,
    **overrides: Any,
) -> Spans:
    """Return where the reward of one completion comes from; the arguments are those of `rewards.score_completion`.

    Of list tasks the share of a record is what its tier is worth less what it is charged as an incorrect prediction
    (both divided by the number of true records with ``scale="n_gt"``); the charge for too few predictions is in
    ``rest``: it belongs to no record. So is the charge of ``count="difference"``, which looks at numbers alone.

    Of questions the answer has a span, and so has each name of each triplet. With w what R_ref weighs beside this
    answer, N the number of names that are scored, T the views in which a name is true, V those that are labelled, its
    first mention in a view has the share

        w / (N · |T|)  where it is true,   −w / (N · (|V| − |T|))  where it is not

    which is how R_ref is made (`rewards.references.score_informedness`): a name that is true in every view or in none
    has the share 0. Relations, where they are scored, likewise, at the third part of their triplet. With
    ``reference_rule="f1"`` a right name has w · 2 / (|named| + |true|) / |V|, a wrong one 0; what a view scores for
    having nothing to name is in ``rest``. What is missing belongs to no name.

    Raises:
        DataError: for a target that is wrong.
        ConfigError: for an unknown task, preset or option.

    >>> text = "<think>b</think><answer>2.color.red, 0.shape.cube</answer>"
    >>> spans = score_spans(text, "2.color.cyan")
    >>> [(text[span.start : span.end], span.tier, span.share) for span in spans.records]
    [('2.color.red', 'attribute', 0.5), ('0.shape.cube', 'incorrect', -1.0)]
    >>> spans.rest, spans.total
    ({'format': 1.0, 'underprediction': 0.0}, 0.5)
    """
    rows, found, spec = resolve_row(
        target,
        task=task,
        preset=preset,
        overrides=overrides,
        references=references,
        relations=relations,
        options=options,
    )
    text, prefilled = readable_text(completion, think_prefilled)
    read = parse_completions([completion], mode=mode, think_prefilled=think_prefilled)[0]
    sections = find_sections(text, mode=mode, think_prefilled=prefilled)
    at_answer = 0 if sections.answer is None else sections.answer.start
    if isinstance(spec, QuestionSpec):
        at_think = 0 if sections.think is None else sections.think.start
        return _question(read, rows, spec, at_think=at_think, at_answer=at_answer)
    assert found.record_format is not None
    return _list(read, rows.targets[0], found.record_format, spec, at_answer)


# --- list tasks ------------------------------------------------------------------------------------------------------


def _list(read: Completion, target: Any, record_format: RecordFormat, spec: TieredSpec, at_answer: int) -> Spans:
    true = read_target(target, record_format)
    explanation = explain_parsed(parse_answers([read], record_format), true, spec)
    items = () if read.answer is None else locate_records(read.answer, record_format)
    # Both list the valid records in the order written, and the others too.
    valid = iter([each for each in explanation.predictions if each.fault is None])
    faults = iter([each for each in explanation.predictions if each.fault is not None])
    spans = []
    for item in items:
        prediction = next(faults if isinstance(item.read, Fault) else valid)
        share = (prediction.earned + prediction.charged) / explanation.divisor
        tier = _tier(prediction, true, explanation.missing, spec)
        spans.append(Span(at_answer + item.start, at_answer + item.end, "record", prediction.record, tier, share))
    whole = ("format", "underprediction", "consistency", *(spec.parts if spec.rule == "binary" else ()))
    rest = {part: value for part, value in explanation.score.parts.items() if part in whole}
    return Spans(tuple(spans), (), rest)


def _tier(prediction: Prediction, true: Sequence[Record], missing: Sequence[Record], spec: TieredSpec) -> str:
    if prediction.record is None:
        return "uncounted" if prediction.beyond else "unparseable"
    if prediction.superseded:
        return "superseded"
    if prediction.tier is not None:
        rewarded = prediction.tier if spec.rule == "binary" else prediction.paid_as
        return rewarded or "incorrect"
    # A true record that agrees with it at some tier is taken, or there would be a match; unless the order forbids it.
    if _agrees(prediction.record, missing, spec):
        return "misplaced"
    return "excess" if _agrees(prediction.record, true, spec) else "incorrect"


def _agrees(predicted: Record, records: Sequence[Record], spec: TieredSpec) -> bool:
    """Return whether a record agrees with one of several at a tier that is worth anything."""
    return any(
        level.value > 0 and all(predicted[place] == record[place] for place in level.positions)
        for level in spec.levels
        for record in records
    )


# --- questions -------------------------------------------------------------------------------------------------------


def _question(read: Completion, rows: Rows, spec: QuestionSpec, *, at_think: int, at_answer: int) -> Spans:
    columns = {"references": rows.references, "relations": rows.relations, "options": rows.options}
    batch = score_questions([read], rows.targets, spec, **columns)
    parts = {part: float(values[0]) for part, values in batch.parts.items()}
    if read.answer is None:
        return Spans(rest=parts)
    names, triplets, options = (None if column is None else column[0] for column in columns.values())
    graded = grade_answer(read, rows.targets[0], options, spec)
    start = at_answer + len(read.answer) - len(read.answer.lstrip())
    tier = "correct" if graded.correct else "partial" if graded.value else "incorrect"
    tier = "unparseable" if graded.answer is None else tier
    answer = Span(start, start + len(read.answer.strip()), "answer", graded.answer, tier, parts.pop("answer"))
    shares = _shares(read, names, triplets, spec, spec.reference_weight_of(graded.value))
    return Spans((answer,), tuple(_references(read, shares, at_think)), parts | {"reference": shares.left})


class _Shares(NamedTuple):
    """What each name and fact of each labelled view adds to the total.

    Attributes:
        labels: of the row, or None.
        names: by (view, name), of what is written.
        facts: likewise of facts, where they are scored; None where they are not.
        consistent: the facts of each view that nothing contradicts there.
        left: what belongs to nothing that is written.
    """

    labels: Labels | None = None
    names: Mapping[tuple[int, str], float] = {}
    facts: Mapping[tuple[int, Fact], float] | None = None
    consistent: Mapping[int, frozenset[Fact]] = {}
    left: float = 0.0


def _shares(read: Completion, names: Any, triplets: Any, spec: QuestionSpec, weight: float) -> _Shares:
    with FIRST_TIME:
        from parsers.references import parse_references  # noqa: PLC0415  only questions need its grammar
        from rewards.references import consistent_facts, read_labels  # noqa: PLC0415

    if names is None or read.think is None:
        return _Shares()
    labels = read_labels(names, triplets, spec.relation_weight)
    parsed = parse_references(read.think)
    share = _informedness_shares if spec.reference_rule == "informedness" else _f1_shares
    found, facts, left = share(parsed, labels, weight)
    consistent = {view: consistent_facts(parsed, view, labels.known) for view in labels.fact_views}
    return _Shares(labels, found, facts, consistent, left)


_Added = tuple[dict[tuple[int, str], float], dict[tuple[int, "Fact"], float] | None, float]


def _informedness_shares(parsed: References, labels: Labels, weight: float) -> _Added:
    with FIRST_TIME:
        from rewards.references import informedness_of  # noqa: PLC0415

    score = informedness_of(parsed, labels)
    if score is None:
        return {}, None, 0.0
    of_facts = labels.relation_weight if score.names and score.relations else float(not score.names)
    shares: list[dict[tuple[int, Any], float]] = []
    for found, part, views in (
        (score.names, 1 - of_facts, labels.names),
        (score.relations, of_facts, labels.fact_views),
    ):
        # w · mean over items of (|W ∩ T| / |T| − |W ∖ T| / |V ∖ T|), one view of W at a time
        each_item = weight * part / max(len(found), 1)
        shares.append(
            {
                (view, each.item): each_item / len(each.true)
                if view in each.true
                else -each_item / (len(views) - len(each.true))
                for each in found
                if each.true
                for view in each.written
            }
        )
    return shares[0], shares[1] if score.relations else None, 0.0


def _f1_shares(parsed: References, labels: Labels, weight: float) -> _Added:
    with FIRST_TIME:
        from rewards.references import consistent_facts, f1_of, facts_of, named  # noqa: PLC0415

    score = f1_of(parsed, labels)
    of_facts = labels.relation_weight if score.per_view_relations else 0.0
    names: dict[tuple[int, str], float] = {}
    facts: dict[tuple[int, Fact], float] = {}
    left = 0.0
    for view, true in labels.names.items():
        # w · 2 |N ∩ T| / (|N| + |T|) / views, one name of N at a time
        each_view, said = weight * (1 - of_facts) / len(labels.names), named(parsed, view, labels)
        names |= {(view, name): each_view * 2 / (len(said) + len(true)) for name in said & true}
        left += 0.0 if said or true else each_view
    for view in score.per_view_relations:
        each_view, true_facts = weight * of_facts / len(score.per_view_relations), labels.facts[view]
        number = len(facts_of(parsed, view, labels.known)) + len(true_facts)
        right = consistent_facts(parsed, view, labels.known) & true_facts
        facts |= {(view, fact): each_view * 2 / number for fact in right}
    return names, facts if score.per_view_relations else None, left


def _references(read: Completion, shares: _Shares, at: int) -> Iterator[Span]:
    """Yield the names of the triplets, and their relations where these are scored, in the order written."""
    with FIRST_TIME:
        from parsers.references import locate_references, true_name  # noqa: PLC0415

    seen: set[Any] = set()
    for mention in locate_references(read.think or ""):
        if isinstance(mention.triplet, Fault):
            yield Span(at + mention.start, at + mention.end, "reference", None, "unparseable")
            continue
        labels = shares.labels
        triplet = mention.triplet
        if labels is not None:
            one, other = (true_name(name, labels.known) for name in triplet[:2])
            triplet = Relation(one, other, triplet.relation)
        for name, (start, end) in zip(triplet[:2], mention.parts[:2], strict=True):
            tier, share = _named(name, mention.view, shares, seen)
            yield Span(at + start, at + end, "reference", (mention.view, name), tier, share)
        if shares.facts is not None and mention.view is not None and mention.view in shares.consistent:
            start, end = mention.parts[2]
            tier, share = _related(triplet, mention.view, shares, seen)
            yield Span(at + start, at + end, "relation", (mention.view, triplet), tier, share)


def _named(name: str, view: int | None, shares: _Shares, seen: set[Any]) -> tuple[str, float]:
    with FIRST_TIME:
        from parsers.references import VIEWER  # noqa: PLC0415

    true = None if shares.labels is None or view is None else shares.labels.names.get(view)
    if true is None or view is None or (name == VIEWER and name not in true):
        return "unlabelled", 0.0
    if (view, name) in seen:
        return "repeated", 0.0
    seen.add((view, name))
    return "correct" if name in true else "incorrect", shares.names.get((view, name), 0.0)


def _related(triplet: Relation, view: int, shares: _Shares, seen: set[Any]) -> tuple[str, float]:
    with FIRST_TIME:
        from parsers.references import cells  # noqa: PLC0415

    assert shares.labels is not None
    assert shares.facts is not None
    facts = {fact for fact in cells(triplet) if (view, fact) not in seen}
    seen.update((view, fact) for fact in facts)
    if not facts:
        return "repeated", 0.0
    share = sum(shares.facts.get((view, fact), 0.0) for fact in sorted(facts))
    if not facts <= shares.consistent[view]:
        return "contradicted", share
    return "correct" if facts <= shares.labels.facts[view] else "incorrect", share
