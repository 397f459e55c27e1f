"""Why a completion scores what it scores, each part down to its lines.

Of list tasks: every prediction with its match, its tier and what it scores (`explain_completion`). Of questions: the
answer, and each view's objects, named, true and missing (`explain_question`).
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.first_time import FIRST_TIME
from parsers.types import Records
from rewards.errors import ConfigError
from rewards.score import (
    ParsedBatch,
    grade_answer,
    grade_references,
    parse_answers,
    parse_completions,
    resolve,
    score_for_specs,
    score_questions,
)
from rewards.spec import QuestionSpec, TieredSpec
from rewards.targets import read_target
from rewards.tiered import eligible, match_by_assignment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from parsers.completion import Mode, Prefilled
    from parsers.references import References
    from parsers.types import Completion, Fault
    from rewards.answers import AnswerScore
    from rewards.batch_score import Score
    from rewards.references import InformednessScore, ReferenceScore
    from rewards.tasks import Task
    from rewards.tiered import Record


class Prediction(NamedTuple):
    """One piece of an answer and what it was rewarded, before `Explanation.divisor`.

    Attributes:
        record: the predicted record, or None where the piece is no valid one.
        fault: of a piece that is no valid record.
        matched: the true record that it was matched with, or None.
        tier: the tier that the match reaches, by its part name (``"attribute"``), or None.
        paid_as: the part in which it scores, or None; another one than *tier* where a preset drops a tier.
        earned: >= 0.
        charged: <= 0; negative for an incorrect prediction.
        superseded: whether a later prediction for the same cell counts in its place.
        beyond: whether it is an item that is no valid record, and beyond the number of those that count as predictions.
    """

    record: Record | None
    fault: Fault | None = None
    matched: Record | None = None
    tier: str | None = None
    paid_as: str | None = None
    earned: float = 0.0
    charged: float = 0.0
    superseded: bool = False
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score taken apart. The lines add up to the score: `parts` equals ``score.parts``, exactly.

    Attributes:
        completion: the text's sections, and how it differs from the form asked for.
        predictions: the valid records in the order written, then the pieces that are none.
        missing: true records that no prediction was matched with.
        notes: deviations in the answer that cost nothing.
        divisor: what the lines' sums are divided by: 1, or with ``scale="n_gt"`` the number of true records.
        spec: the reward.
        score: what it all adds up to.
    """

    completion: Completion
    predictions: tuple[Prediction, ...]
    missing: tuple[Record, ...]
    notes: tuple[Fault, ...]
    divisor: float
    spec: TieredSpec
    score: Score

    @property
    def parts(self) -> dict[str, float]:
        """The parts of the score, added up from the lines; what no line scores or is charged is the score's own.

        That is the format point, the charge for the number of predictions and, with ``rule="binary"``, the reward of
        the right set.
        """
        sums = {
            part: fsum(each.earned for each in self.predictions if each.paid_as == part) for part in self.spec.parts
        }
        sums["incorrect"] = fsum(each.charged for each in self.predictions)
        if self.spec.rule == "binary":
            return dict(self.score.parts)
        return {part: sums[part] / self.divisor if part in sums else own for part, own in self.score.parts.items()}


def explain_completion(
    completion: Any,
    target: Any,
    *,
    task: str | Task = "tvr",
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    **overrides: Any,
) -> Explanation:
    """Take the score of one completion of a list task apart; the arguments are those of `rewards.score_completion`.

    Raises:
        DataError: for a wrong target.
        ConfigError: for an unknown task, preset or option, and for a task of questions.

    >>> explanation = explain_completion("<think>b</think><answer>2.color.red, 0.shape.cube</answer>", "2.color.cyan")
    >>> [(each.tier, each.earned, each.charged) for each in explanation.predictions]
    [('attribute', 1.5, -1.0), (None, 0.0, -1.0)]
    >>> explanation.score.total == sum(explanation.parts.values())
    True
    """
    found, spec = resolve(task, preset, **overrides)
    if not isinstance(spec, TieredSpec) or found.record_format is None:
        raise ConfigError(f"task {found.name!r} has no records to match; use explain_question")
    completions = parse_completions([completion], mode=mode, think_prefilled=think_prefilled)
    parsed = parse_answers(completions, found.record_format)
    return explain_parsed(parsed, read_target(target, found.record_format), spec)


def explain_parsed(parsed: ParsedBatch, true: Sequence[Record], spec: TieredSpec) -> Explanation:
    """Take the score of one parsed completion apart.

    Args:
        parsed: of one completion.
        true: its true records.
        spec: the reward.
    """
    answer = Records() if parsed.answers[0] is None else parsed.answers[0]
    batch = score_for_specs(parsed, [true], [spec])[0]
    earning = _earning(spec, answer.items, true)
    matches = {at: (place, level) for at, place, level in _match(spec, answer.items, true, earning)}
    valid: list[Prediction] = []
    for at, record in enumerate(answer.items):
        place, level = matches.get(at, (None, None))
        matched = None if place is None else true[place]
        valid.append(_pay(spec, record, matched, level)._replace(superseded=at not in earning))
    counted = int(batch.n_pred[0]) - len(valid)
    unparseable = [
        Prediction(None, fault, charged=_charge(spec, None) if at < counted else 0.0, beyond=at >= counted)
        for at, fault in enumerate(answer.invalid)
    ]
    found = {place for place, _ in matches.values()}
    return Explanation(
        completion=parsed.completions[0],
        predictions=(*valid, *unparseable),
        missing=tuple(record for place, record in enumerate(true) if place not in found),
        notes=answer.notes,
        divisor=float(max(len(true), 1)) if spec.scale == "n_gt" else 1.0,
        spec=spec,
        score=batch[0],
    )


def _earning(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> list[int]:
    """Return the places of the predictions that can score. `eligible` looks at cells; the last field is the place."""
    return [int(record[-1]) for record in eligible(spec, [(*r[:-1], at) for at, r in enumerate(predicted)], true)]


def _match(
    spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record], earning: Sequence[int]
) -> Iterator[tuple[int, int, int]]:
    """Yield the matches that are rewarded, as (place among the predicted, place among the true, level of the table)."""
    kept = [predicted[at] for at in earning]
    found = (_match_by_tier if spec.nested else match_by_assignment)(spec, kept, true)
    return ((earning[at], place, level) for at, place, level in found)


def _match_by_tier(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> list[tuple[int, int, int]]:
    """Match at the best tier whatever agrees there, in the order written, then the rest at the next tier.

    In a chain of tiers this is the matching whose numbers `rewards.tiered.count_matches` counts.
    """
    matches: list[tuple[int, int, int]] = []
    left, places = list(range(len(predicted))), list(range(len(true)))
    for level, key in enumerate(spec.table):
        positions = [spec.fields.index(name) for name in key]
        open_places: defaultdict[Record, deque[int]] = defaultdict(deque)
        for place in places:
            open_places[tuple(true[place][at] for at in positions)].append(place)
        for at in left:
            here = open_places[tuple(predicted[at][position] for position in positions)]
            if here:
                matches.append((at, here.popleft() if spec.matching == "one_to_one" else here[0], level))
        done = {at for at, _, _ in matches}
        left = [at for at in left if at not in done]
        if spec.matching == "one_to_one":
            taken = {place for _, place, _ in matches}
            places = [place for place in places if place not in taken]
    return matches


def _pay(spec: TieredSpec, record: Record, matched: Record | None, level: int | None) -> Prediction:
    tier = None if level is None else spec.parts[level]
    if level is None or spec.rule == "binary":
        return Prediction(record, None, matched, tier, charged=_charge(spec, level))
    paid = spec.paid_as(level)
    paid_as = None if paid is None else spec.parts[paid]
    return Prediction(record, None, matched, tier, paid_as, spec.value(level), _charge(spec, level))


def _charge(spec: TieredSpec, level: int | None) -> float:
    """Return what a prediction with a match at *level* is charged, <= 0."""
    if spec.rule == "binary" or (level is not None and spec.counts_as_correct(level)):
        return 0.0
    return 0.0 - spec.incorrect_penalty  # not a unary minus: there is no -0.0 in a reward


# --- questions -------------------------------------------------------------------------------------------------------


class View(NamedTuple):
    """The reference objects of one true view.

    Attributes:
        number: of the view.
        written: whether the reasoning has a section for it.
        named: objects that its triplets name, normalized and in the words of the ground truth; repeats count once, and
            whoever looks is none.
        true: the true ones.
        f1: under ``reference_rule="f1"`` what the view is worth, 2 |named ∩ true| / (|named| + |true|).
        relations_f1: likewise over relations; None where there are no true relations.
    """

    number: int
    written: bool
    named: frozenset[str]
    true: frozenset[str]
    f1: float | None = None
    relations_f1: float | None = None

    @property
    def missing(self) -> frozenset[str]:
        """True objects that are not named."""
        return self.true - self.named

    @property
    def extra(self) -> frozenset[str]:
        """Named objects that are not true."""
        return self.named - self.true


@dataclass(frozen=True, slots=True)
class QuestionExplanation:
    """A score of a question taken apart. `parts` equals ``score.parts``, exactly.

    Attributes:
        completion: the text's sections, and how it differs from the form asked for.
        answer: R_ans, what was read from the answer, and its fault.
        references: R_ref, with the share of each name (or, of ``reference_rule="f1"``, of each view); None (worth 0)
            where there are no labels, or they tell no views apart.
        parsed: the triplets of the reasoning, with those that are broken or odd.
        views: one for each true view, in their order; empty without labels.
        wrong: of a map, the directions and facings that are wrong or missing; else empty.
        spec: the reward.
        score: what it all adds up to.
    """

    completion: Completion
    answer: AnswerScore
    references: ReferenceScore | InformednessScore | None
    parsed: References
    views: tuple[View, ...]
    spec: QuestionSpec
    score: Score
    wrong: tuple[str, ...] = ()

    @property
    def reference_weight(self) -> float:
        """What R_ref weighs beside this answer."""
        return self.spec.reference_weight_of(self.answer.value)

    @property
    def parts(self) -> dict[str, float]:
        """The parts of the score, from what is shown here."""
        r_ref = 0.0 if self.references is None else self.references.value
        shown = {
            "format": self.spec.format_weight * (self.completion.fault is None),
            "answer": self.spec.answer_weight * self.answer.value,
            "reference": 0.0 + self.reference_weight * r_ref,
        }
        return dict(self.score.parts) | shown


def explain_question(
    completion: Any,
    target: Any,
    *,
    task: str | Task = "multiview",
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    references: Any = None,
    relations: Any = None,
    options: Any = None,
    **overrides: Any,
) -> QuestionExplanation:
    """Take the score of one completion of a question apart; the arguments are those of `rewards.score_completion`.

    Raises:
        DataError: for a target that is wrong.
        ConfigError: for an unknown task or option, and for a list task.

    >>> explanation = explain_question(
    ...     "<think>View 1: [sofa, lamp, left]</think><answer>B</answer>", "B", references=[["sofa", "ball"], ["lamp"]]
    ... )
    >>> [(each.item, each.value) for each in explanation.references.names]
    [('ball', 0.0), ('lamp', -1.0), ('sofa', 1.0)]
    >>> view = explanation.views[0]
    >>> sorted(view.missing), sorted(view.extra)
    (['ball'], ['lamp'])
    """
    with FIRST_TIME:
        from parsers.references import parse_references  # noqa: PLC0415  only questions need its grammar

    found, spec = resolve(task, preset, **overrides)
    if not isinstance(spec, QuestionSpec):
        raise ConfigError(f"task {found.name!r} is no question; use explain_completion")
    completions = parse_completions([completion], mode=mode, think_prefilled=think_prefilled)
    scores = score_questions(
        completions, [target], spec, references=[references], relations=[relations], options=[options]
    )
    scored = grade_references(completions[0], references, relations, spec)
    parsed = parse_references(completions[0].think or "")
    return QuestionExplanation(
        completion=completions[0],
        answer=grade_answer(completions[0], target, options, spec),
        references=scored,
        parsed=parsed,
        views=() if references is None else _views(parsed, references, scored),
        spec=spec,
        score=scores[0],
        wrong=_wrong(completions[0].answer, target, spec),
    )


def _wrong(answer: str | None, target: Any, spec: QuestionSpec) -> tuple[str, ...]:
    if spec.kind != "map" or answer is None:
        return ()
    with FIRST_TIME:
        from rewards.answers import compare_maps  # noqa: PLC0415  only maps need it
        from rewards.maps import MapScore  # noqa: PLC0415

    _, score = compare_maps(answer, target, spec)
    return score.wrong if isinstance(score, MapScore) else ()


def _views(parsed: References, references: Any, score: ReferenceScore | InformednessScore | None) -> tuple[View, ...]:
    with FIRST_TIME:
        from rewards.references import ReferenceScore, named, read_labels  # noqa: PLC0415

    labels = read_labels(references)
    f1: Mapping[int, float] = score.per_view if isinstance(score, ReferenceScore) else {}
    relations_f1 = score.per_view_relations if isinstance(score, ReferenceScore) else {}
    return tuple(
        View(
            number,
            number in parsed.views,
            named(parsed, number, labels),
            true,
            f1.get(number),
            relations_f1.get(number),
        )
        for number, true in labels.names.items()
    )
