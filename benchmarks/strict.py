"""What the strict protocol has in common over the benchmarks: one score a row.

Only the answer section counts, nothing unparsed is ever right, and *unparsed* is told apart from *wrong*.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.completion import parse_completion
from rewards.answers import AnswerScore, read_options, score_answer
from rewards.messages import strip_special_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from parsers.types import Fault
    from rewards.spec import Kind

_TAG = re.compile(r"</?(?:think|answer)>", re.IGNORECASE)
_REASONING = re.compile(r"<(/?)reasoning>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[a-z]+>", re.IGNORECASE)
_ASKED_FOR = ("<think>", "</think>", "<answer>", "</answer>")
_HIDDEN = "\ue000"
"""Stands for the ``<`` of other tags while those asked for are read."""

_BROKEN_ANSWER = re.compile(r"</?answer\b", re.IGNORECASE)


class Section(NamedTuple):
    """The text of the answer, or None and the reason."""

    text: str | None
    fault: Fault | None


def answer_section(completion: str) -> Section:
    """Return the answer section of a completion. Never raises on any text.

    It is the last complete ``<answer>`` block after the reasoning, or, where there is none, the text after the
    reasoning, since models that reason natively write ``<think>...</think>`` and then a bare letter. A completion
    without any tag is itself the answer. Tags may be in capitals, and where nothing is in ``<think>``, ``<reasoning>``
    is another word for it; a tag that is broken is not guessed at. Special tokens at the very end are no text.

    >>> answer_section("<think>Perhaps <answer>A</answer></think><answer>B</answer>").text
    'B'
    >>> answer_section("<think>Not A.</think> B").text
    ' B'
    >>> answer_section("<Reasoning>Not A.</Reasoning><Answer>B</Answer>").text
    'B'
    >>> answer_section("<think>Not A.</think>B<|im_end|>").text
    'B'
    >>> answer_section("<think>so it is C").fault.code
    'unclosed_think'
    """
    plain = _TAG.sub(lambda tag: tag[0].lower(), strip_special_tokens(completion))
    if "<think>" not in plain and "</think>" not in plain:
        plain = _REASONING.sub(r"<\1think>", plain)
    found = tagged_answer(plain)
    if found.text is not None:
        return found
    _, closed, rest = plain.rpartition("</think>")
    if not closed or "<think>" in rest or _BROKEN_ANSWER.search(rest) or not rest.strip():
        return found
    return Section(rest, None)


def tagged_answer(completion: str) -> Section:
    """Return the last complete ``<answer>`` block after the reasoning; a completion without any tag is itself one.

    This is how TVR's official protocol, which takes transformations and no text, gets them out of a text. Only the tags
    as they are asked for count; text after the reasoning is none.
    """
    if not _TAG.search(completion):
        return Section(completion, None)
    asked_for = _ANY_TAG.sub(lambda tag: tag[0] if tag[0] in _ASKED_FOR else f"{_HIDDEN}{tag[0][1:]}", completion)
    found = parse_completion(asked_for, mode="lenient", think_prefilled="auto")
    if found.answer is None or "answer>" not in asked_for.rpartition("</think>")[2].replace(f"{_HIDDEN}answer>", ""):
        return Section(None, found.fault)
    return Section(found.answer.replace(_HIDDEN, "<"), None)


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


def bare_options(options: Any) -> dict[str, str] | None:
    """Return the texts of options by letter, without the letters that some data sets write before them.

    Args:
        options: see `rewards.answers.read_options`.

    >>> bare_options(["A. left", "B. right"]), bare_options(["left", "right"]) == {"A": "left", "B": "right"}
    ({'A': 'left', 'B': 'right'}, True)
    """
    read = read_options(options)
    if read is None:
        return None
    marked = {letter: re.match(rf"\s*\(?{letter}\)?\s*[.:)]\s*", text) for letter, text in read.items()}
    return {
        letter: text[mark.end() if mark else 0 :] if all(marked.values()) else text
        for (letter, text), mark in zip(read.items(), marked.values(), strict=True)
    }
