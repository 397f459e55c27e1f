"""Video-R1: a rule for each type of question: choice, number, number by closeness, transcription.

Source: tulerfeng/Video-R1 59d65c3, ``src/r1-v/src/open_r1/grpo.py`` (``accuracy_reward``, ``format_reward``).

Rule: 1 for the format, plus the accuracy of the first answer block; without one the answer is empty. Choice: the texts
are equal. Number: both or neither have a point or comma, and both are equal to two decimals, commas left out.
Regression: 1 − |p − t| / |t|, at least 0. Transcription: 1 − the word error rate, at least 0.

Differences: none on the rows compared. There the type of a batch's first row decides for all; here each type is a
function. Left out: free-form answers (the mean of three ROUGE scores), and what its trainer adds to right answers,
which takes a whole group: .3 where order of frames matters (``temporal``) and .2 for 320 to 512 tokens.

Good for: videos and images with short answers. The answer "nan" scores the whole of a regression, since no comparison
with it holds.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rapidfuzz.distance import Levenshtein

from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FORMAT = re.compile(r"<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)
_ANSWER = re.compile(r"<answer>\s*(.*?)\s*</answer>", re.DOTALL)


def choice(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus 1 where the answer is the target's text."""
    return _rewards(completions, solution, lambda answer, target: float(answer == target))


def numerical(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus 1 where the answer is the target to two decimals, written with decimals as it is."""
    return _rewards(completions, solution, _same_number)


def regression(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus 1 minus the relative error, in [0, 2]."""
    return _rewards(completions, solution, _closeness)


def transcription(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus 1 minus the word error rate, in [0, 2]."""
    return _rewards(completions, solution, _words_right)


def _rewards(completions: Sequence[Any], solution: Sequence[str], accuracy: Callable[[str, str], float]) -> list[float]:
    pairs = [(completion_text(one), true) for one, true in zip(completions, solution, strict=True)]
    return [accuracy(_answer(one), _answer(true)) + float(bool(_FORMAT.fullmatch(one))) for one, true in pairs]


def _answer(text: str) -> str:
    block = _ANSWER.search(text)
    return block[1].strip() if block else ""


def _same_number(answer: str, target: str) -> float:
    if ("." in answer or "," in answer) != ("." in target or "," in target):
        return 0.0
    with suppress(ValueError):
        return float(round(_number(answer), 2) == round(_number(target), 2))
    return 0.0


def _closeness(answer: str, target: str) -> float:
    with suppress(ValueError):
        ours, true = _number(answer), _number(target)
        return 1 - min(1.0, max(0.0, (abs(ours - true) + 1e-9) / (abs(true) + 1e-9)))  # max(0.0, nan) is 0.0
    return 0.0


def _words_right(answer: str, target: str) -> float:
    wrong = Levenshtein.distance(target.split(), answer.split())
    return max(0.0, min(1.0, 1 - wrong / max(1, len(target.split()))))


def _number(text: str) -> float:
    return float(text.replace(",", ""))


AUDITED = {"choice": (choice,), "number": (numerical, regression)}
TARGET = "<answer>{}</answer>"
