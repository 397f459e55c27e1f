"""Scores of questions: R_ans from the answer, R_ref from the references in the reasoning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parsers.references import parse_references
from rewards.answers import AnswerScore, score_answer
from rewards.errors import ConfigError, DataError
from rewards.references import score_references
from rewards.scores import BatchScore, add_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.values import Completion
    from rewards.questions import QuestionSpec
    from rewards.references import ReferenceScore


def score_questions(
    envelopes: Sequence[Completion],
    targets: Sequence[Any],
    spec: QuestionSpec,
    *,
    references: Sequence[Any] | None = None,
    relations: Sequence[Any] | None = None,
    options: Sequence[Any] | None = None,
) -> BatchScore:
    """Score questions about several views: R_total = R_ans + R_ref (+ R_format), STAR-R1.

    Broken tags leave nothing to score: the answer counts as not given and the references as not named. A row without
    reference labels has R_ref = 0. The other arguments are those of `rewards.score.score_batch`.

    Raises:
        DataError: for gold that is wrong; its ``row`` says where.
    """
    gold = zip(
        *(
            _column(name, values, len(targets))
            for name, values in (("options", options), ("references", references), ("relations", relations))
        ),
        strict=True,
    )
    answers, named, labelled = [], [], []
    for row, (envelope, target, (choices, names, triplets)) in enumerate(zip(envelopes, targets, gold, strict=True)):
        try:
            answers.append(grade_answer(envelope, target, choices, spec))
            references_score = grade_references(envelope, names, triplets, relation_weight=spec.relation_weight)
        except DataError as error:
            raise DataError(str(error), row=row) from error
        named.append(0.0 if references_score is None else references_score.value)
        labelled.append(names is not None)
    parts = {
        "format": spec.format_weight * np.array([each.fault is None for each in envelopes], dtype=np.float64),
        "answer": spec.answer_weight * np.array([each.value for each in answers], dtype=np.float64),
        "reference": spec.reference_weight * np.array(named, dtype=np.float64),
    }
    correct = np.array([each.correct for each in answers], dtype=np.bool_)
    best = spec.answer_weight + spec.reference_weight * np.array(labelled, dtype=np.float64)
    return BatchScore(
        total=add_up(parts),
        parts=parts,
        correct=correct,
        answers=[each.answer for each in answers],
        faults=[envelope.fault or answer.fault for envelope, answer in zip(envelopes, answers, strict=True)],
        best=best,
        prefilled=np.array([each.prefilled for each in envelopes], dtype=np.bool_),
        n_pred=np.array([each.answer is not None for each in answers], dtype=np.int64),
    )


def _column(name: str, values: Sequence[Any] | None, rows: int) -> Sequence[Any]:
    if values is None:
        return [None] * rows
    if len(values) != rows:
        raise ConfigError(f"there are {rows} targets and {len(values)} {name}")
    return values


def grade_answer(envelope: Completion, target: Any, options: Any, spec: QuestionSpec) -> AnswerScore:
    """Score the answer of one completion: R_ans.

    Raises:
        DataError: for gold that is wrong.
    """
    # An answer that is missing still has its gold checked: a file's fault must not hide behind a model's.
    scored = score_answer(envelope.answer or "", target, options=options, kind=spec.kind, letters=spec.letters)
    return scored if envelope.answer is not None else AnswerScore(0.0, correct=False, answer=None)


def grade_references(
    envelope: Completion, names: Any, triplets: Any = None, *, relation_weight: float = 0.0
) -> ReferenceScore | None:
    """Score the references of one completion: R_ref; None (worth 0) without labels or where no answer may be taken.

    Raises:
        DataError: for labels that are wrong.
    """
    if names is None:
        return None
    parsed = parse_references(envelope.think or "")
    score = score_references(parsed, names, relations=triplets, relation_weight=relation_weight)
    return score if envelope.answer is not None and envelope.think is not None else None
