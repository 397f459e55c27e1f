"""Scores of questions: R_ans from the answer, R_ref from the references in the reasoning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parsers.references import parse_references
from rewards.answers import score_answer
from rewards.errors import ConfigError, DataError
from rewards.references import score_references
from rewards.score import BatchScore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.values import Completion
    from rewards.answers import AnswerScore
    from rewards.questions import QuestionSpec


def score_questions(
    envelopes: Sequence[Completion],
    targets: Sequence[Any],
    spec: QuestionSpec,
    *,
    references: Sequence[Any] | None = None,
    options: Sequence[Any] | None = None,
) -> BatchScore:
    """Score questions about several views: R_total = R_ans + R_ref (+ R_format), STAR-R1.

    Broken tags leave nothing to score: the answer counts as not given and the references as not named. A row without
    reference labels has R_ref = 0.

    Raises:
        DataError: for gold that is wrong; its ``row`` says where.
    """
    rows = len(targets)
    for name, column in (("references", references), ("options", options)):
        if column is not None and len(column) != rows:
            raise ConfigError(f"there are {rows} targets and {len(column)} {name}")
    answers = [
        _answer(row, envelopes[row], targets[row], None if options is None else options[row]) for row in range(rows)
    ]
    truths = [None] * rows if references is None else references
    named = [_references(row, envelopes[row], truths[row], spec) for row in range(rows)]
    parts = {
        "format": spec.format_weight * np.array([each.fault is None for each in envelopes], dtype=np.float64),
        "answer": spec.answer_weight * np.array([each.value for each in answers], dtype=np.float64),
        "reference": spec.reference_weight * np.array(named, dtype=np.float64),
    }
    labelled = np.array([truth is not None for truth in truths], dtype=np.float64)
    best = spec.answer_weight + spec.reference_weight * labelled
    earned = parts["answer"] + parts["reference"]
    correct = np.array([each.correct for each in answers], dtype=np.bool_)
    return BatchScore(
        total=parts["format"] + parts["answer"] + parts["reference"],
        parts=parts,
        correct=correct,
        answers=[each.answer for each in answers],
        faults=[envelope.fault or answer.fault for envelope, answer in zip(envelopes, answers, strict=True)],
        unit=np.divide(earned, best, out=correct.astype(np.float64), where=best > 0),
        prefilled=np.array([each.prefilled for each in envelopes], dtype=np.bool_),
        n_pred=np.array([each.answer is not None for each in answers], dtype=np.int64),
    )


def _answer(row: int, envelope: Completion, target: Any, options: Any) -> AnswerScore:
    try:
        return score_answer(envelope.answer, target, options=options)
    except DataError as error:
        raise DataError(f"row {row}: {error}", row=row) from error


def _references(row: int, envelope: Completion, truth: Any, spec: QuestionSpec) -> float:
    if truth is None:
        return 0.0
    named = parse_references(envelope.think if envelope.answer is not None and envelope.think else "")
    try:
        score = score_references(named, truth, relation_weight=spec.relation_weight)
    except DataError as error:
        raise DataError(f"row {row}: {error}", row=row) from error
    return score.value if envelope.answer is not None else 0.0
