"""SpaceR: spatial questions about videos, a choice or a number with mean relative accuracy.

Source: OuyangKun10/SpaceR b623af5, ``SpaceR-SG-RLVR/src/r1-v/src/open_r1/grpo.py`` (``accuracy_reward``,
``format_reward``).

Rule: 1 for the format, plus the accuracy of the first answer block; without one the answer is empty. Choice: the texts
are equal. Number: mean relative accuracy over the thresholds .50, .55, ... .95 of the first number found: words go
before digits, in the order one, two, ... ninety, zero, and "a" and "an" count as 1.

Differences: none on the rows compared. There the type of a batch's first row decides for all; here each type is a
function. Where the target is 0, the handler of the division by zero raises another error, which is swallowed too:
0. A target below 0 makes every number right.

Good for: VSI-Bench's kinds of questions, whose metric it shares; ask for digits alone, since "a" anywhere in the
answer makes it 1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = re.compile(r"<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)
_ANSWER = re.compile(r"<answer>\s*(.*?)\s*</answer>", re.DOTALL)
_UNITS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: at for at, word in enumerate(f"{_UNITS} eighteen nineteen".split(), start=1)}
_WORDS |= {word: 10 * at for at, word in enumerate(_TENS.split(), start=2)} | {"zero": 0, "a": 1, "an": 1}
_TOLERATED = 1 - np.linspace(0.5, 0.95, 10)


def choice(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus 1 where the answer is the target's text."""
    return [float(_answer(one) == _answer(true)) + _form(one) for one, true in zip(completions, solution, strict=True)]


def numerical(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus the mean relative accuracy, in [0, 2]."""
    return [
        _accuracy(_answer(one), _answer(true)) + _form(one) for one, true in zip(completions, solution, strict=True)
    ]


def _accuracy(answer: str, target: str) -> float:
    try:
        ours, true = _number(answer.lower()), float(target)
        return float((abs(ours - true) / true <= _TOLERATED).mean())
    except (ValueError, ZeroDivisionError):
        return 0.0


def _number(text: str) -> float:
    word = next((number for word, number in _WORDS.items() if re.search(rf"\b{word}\b", text)), None)
    digits = re.search(r"\d+(\.\d+)?", text)
    return float(word if word is not None else digits[0] if digits else "no number")


def _answer(completion: Any) -> str:
    block = _ANSWER.search(completion_text(completion))
    return block[1].strip() if block else ""


def _form(completion: Any) -> float:
    return float(_FORMAT.fullmatch(completion_text(completion)) is not None)


AUDITED = {"choice": (choice,), "number": (numerical,)}
TARGET = "<answer>{}</answer>"
