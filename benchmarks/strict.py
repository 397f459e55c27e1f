"""What the strict protocol has in common over the benchmarks: one score a row, and tables that show what is unparsed.

Only the answer section counts, nothing unparsed is ever right, and *unparsed* is told apart from *wrong*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.answer_section import answer_section
from benchmarks.columns import mean
from rewards.answers import AnswerScore, score_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

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


def tally(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the summary of scored rows.

    Returns:
        ``n``; ``score`` and ``accuracy`` (means of ``score`` and ``correct``, in [0, 1], None without rows);
        counts of ``wrong`` (parsed, not right) and ``unparsed`` rows.

    >>> right, unread = {"score": 1, "correct": True, "parsed": True}, {"score": 0, "correct": False, "parsed": False}
    >>> tally([right, unread])
    {'n': 2, 'score': 0.5, 'accuracy': 0.5, 'wrong': 0, 'unparsed': 1}
    """
    rows = list(rows)
    return {
        "n": len(rows),
        "score": mean([float(row["score"]) for row in rows]),
        "accuracy": mean([float(row["correct"]) for row in rows]),
        "wrong": sum(row["parsed"] and not row["correct"] for row in rows),
        "unparsed": sum(not row["parsed"] for row in rows),
    }


def tally_by(rows: Iterable[Mapping[str, Any]], names: Sequence[str], name_of: Callable[[Any], str]) -> dict[str, Any]:
    """Return the tally of each kind of row, those in ``names`` first; kinds without rows are left out.

    Args:
        rows: scored rows.
        names: the benchmark's kinds in the order in which tables print them.
        name_of: returns the kind of a row.
    """
    kinds: dict[str, list[Mapping[str, Any]]] = {name: [] for name in names}
    for row in rows:
        kinds.setdefault(name_of(row), []).append(row)
    return {name: tally(members) for name, members in kinds.items() if members}
