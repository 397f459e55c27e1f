"""What the strict protocol has in common over the benchmarks: one score a row.

Only the answer section counts, nothing unparsed is ever right, and *unparsed* is told apart from *wrong*.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.completion import parse_completion
from rewards.answers import AnswerScore, score_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from parsers.values import Fault
    from rewards.spec import Kind

_TAG = re.compile(r"</?(?:think|answer)>", re.IGNORECASE)


class Section(NamedTuple):
    """The text of the answer, or None and the reason."""

    text: str | None
    fault: Fault | None


def answer_section(completion: str) -> Section:
    """Return the answer section of a completion. Never raises on any text.

    It is the last complete ``<answer>`` block after the reasoning. A completion without any ``<think>`` or
    ``<answer>`` tag is itself the answer, since some prompts ask for a bare letter. A tag that is broken or
    in capitals is not guessed at.

    >>> answer_section("<think>Perhaps <answer>A</answer></think><answer>B</answer>").text
    'B'
    >>> answer_section("``C``").text
    '``C``'
    >>> answer_section("<think>so it is C").fault.code
    'unclosed_think'
    """
    if not _TAG.search(completion):
        return Section(completion, None)
    found = parse_completion(completion, mode="lenient", think_prefilled="auto")
    return Section(found.answer, found.fault if found.answer is None else None)


def score_completion(
    completion: str,
    target: str,
    *,
    kind: Kind | None = None,
    options: Mapping[str, str] | Sequence[str] | None = None,
) -> dict[str, Any]:
    """Score the answer section of a completion with `rewards.answers.score_answer`; see `score_section`.

    Args:
        completion: the text.
        target: what is right.
        kind: of the answer; None infers it from the target.
        options: of a choice, their texts in order or by letter, with which an option's text is an answer too.

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
