"""Why a completion of a question earns what it earns: its answer, and each view's objects, named, true and missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.references import parse_references
from parsers.relations import VIEWER
from rewards.errors import ConfigError
from rewards.question_score import grade_answer, grade_references, score_questions
from rewards.questions import QuestionSpec
from rewards.references import reference_names
from rewards.score import read_envelopes, resolve

if TYPE_CHECKING:
    from parsers.completion import Mode, Prefilled
    from parsers.references import References
    from parsers.values import Completion
    from rewards.answers import AnswerScore
    from rewards.references import ReferenceScore
    from rewards.scores import Score
    from rewards.tasks import Task


class View(NamedTuple):
    """The reference objects of one true view.

    Attributes:
        number: of the view.
        written: whether the reasoning has a section for it.
        named: objects that its triplets name, normalised; repeats count once, and whoever looks is none.
        true: the true ones.
        f1: what the view is worth, 2 |named ∩ true| / (|named| + |true|).
        relations_f1: the same over relations; None where there are no true relations.
    """

    number: int
    written: bool
    named: frozenset[str]
    true: frozenset[str]
    f1: float
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
        references: R_ref; None (worth 0) without labels or where no answer may be taken.
        parsed: the triplets of the reasoning, with those that are broken or odd.
        views: one for each true view, in their order; empty without labels.
        spec: the reward.
        score: what it all adds up to.
    """

    completion: Completion
    answer: AnswerScore
    references: ReferenceScore | None
    parsed: References
    views: tuple[View, ...]
    spec: QuestionSpec
    score: Score

    @property
    def parts(self) -> dict[str, float]:
        """The parts of the score, from what is shown here."""
        return {
            "format": self.spec.format_weight * (self.completion.fault is None),
            "answer": self.spec.answer_weight * self.answer.value,
            "reference": self.spec.reference_weight * (0.0 if self.references is None else self.references.value),
        }


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
        DataError: for gold that is wrong.
        ConfigError: for an unknown task or option, and for a list task.

    >>> explanation = explain_question(
    ...     "<think>View 1: [sofa, lamp, left]</think><answer>B</answer>", "B", references=[["sofa", "ball"]]
    ... )
    >>> view = explanation.views[0]
    >>> view.f1, sorted(view.missing), sorted(view.extra)
    (0.5, ['ball'], ['lamp'])
    """
    found, spec = resolve(task, preset, **overrides)
    if not isinstance(spec, QuestionSpec):
        raise ConfigError(f"task {found.name!r} is no question; use explain_completion")
    envelopes = read_envelopes([completion], mode=mode, think_prefilled=think_prefilled)
    envelope = envelopes[0]
    scores = score_questions(
        envelopes, [target], spec, references=[references], relations=[relations], options=[options]
    )
    named = grade_references(envelope, references, relations, relation_weight=spec.relation_weight)
    parsed = parse_references(envelope.think or "")
    return QuestionExplanation(
        completion=envelope,
        answer=grade_answer(envelope, target, options, spec),
        references=named,
        parsed=parsed,
        views=() if references is None else _views(parsed, reference_names(references), named),
        spec=spec,
        score=scores[0],
    )


def _views(parsed: References, truth: dict[int, frozenset[str]], score: ReferenceScore | None) -> tuple[View, ...]:
    views = []
    for number, true in truth.items():
        named = parsed.names(number) - ({VIEWER} - true)
        f1 = 0.0 if score is None else score.per_view[number]
        relations_f1 = None if score is None else score.per_view_relations.get(number)
        views.append(View(number, number in parsed.views, named, true, f1, relations_f1))
    return tuple(views)
