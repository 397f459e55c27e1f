"""What the strict protocol has in common over the benchmarks: one score a row.

Only the answer section counts, nothing unparsed is ever right, and *unparsed* is told apart from *wrong*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.answer_section import answer_section
from rewards.answers import AnswerScore, score_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rewards.questions import Kind


def score_completion(
    completion: str,
    target: str,
    *,
    kind: Kind | None = None,
    options: Mapping[str, str] | Sequence[str] | None = None,
) -> dict[str, Any]:
    """Score the answer section of a completion with `rewards.answers.score_answer`; see `score_section`.

    Raises:
        DataError: the target is not of its kind.

    >>> score_completion("<think>B looks right</think><answer>C</answer>", "B", kind="choice")
    {'answer': 'C', 'parsed': True, 'correct': False, 'score': 0.0, 'fault': None}
    """
    return score_section(completion, lambda text: score_answer(text, target, kind=kind, options=options))


def score_section(completion: str, score: Callable[[str], AnswerScore]) -> dict[str, Any]:
    """Score the answer section of a completion with any function.

    Returns:
        ``answer`` (what was read, or None), ``parsed``, ``correct``, ``score`` in [0, 1] and ``fault`` (the
        code of what is wrong with the completion's or the answer's form, or None).
    """
    section = answer_section(completion)
    scored = score(section.text if section.text is not None else "")
    parsed = section.text is not None and scored.answer is not None
    fault = section.fault or scored.fault
    return {
        "answer": scored.answer if parsed else None,
        "parsed": parsed,
        "correct": parsed and scored.correct,
        "score": scored.value if parsed else 0.0,
        "fault": fault.code if fault else None,
    }
