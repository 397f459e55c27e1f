"""VLM-R1: the default accuracy of its JSON Lines data (choice, number, text), and the one of multiple choice.

Source: om-ai-lab/VLM-R1 90052f4, ``src/open-r1-multimodal/src/open_r1/grpo_jsonl.py`` (``default_accuracy_reward``,
``mcq_reward``, ``format_reward``).

Rule: 1 for the format, plus the accuracy of the last answer block, or of the whole text where there is none. `default`:
1 where math-verify finds both equal; else, for a target with a digit, equality of numbers, or of the texts how alike
they are where one is no number; for a target with an option's letter, equality of letters; else how alike the texts
are. `mcq`: equality of letters in the *first* block. The letter is one that no letter precedes and punctuation or the
end follows; of several, the one with the most signs around its first place, such as the word "answer" or the text's
end.

Differences: none on the rows compared, with math-verify 0.9 on both sides (the authors name no version). Left out: the
rewards of boxes, of yes and no, and of a judge.

Good for: data of mixed kinds without a parser for each. `mcq` is the safer one for choices. The likeness of texts
    rewards
for answers that are wrong, and, without an answer block, for any text that resembles the target.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rapidfuzz.distance import Indel

from benchmarks.zoo.symbolic import equal, parse
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = re.compile(r"<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_SIGNS = "(?=(答案|选择|正确|是|对|认为|应该|觉得|ANSWER|CORRECT|CHOOSE|SELECT|RIGHT|THINK|BELIEVE|SHOULD))"


def default(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus how right the last answer block is, in [0, 2]."""
    pairs = zip(map(completion_text, completions), map(_target, solution), strict=True)
    return [_default(_block(text, -1), target) + bool(_FORMAT.fullmatch(text)) for text, target in pairs]


def mcq(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus 1 where the first answer block has the right letter."""
    pairs = zip(map(completion_text, completions), map(_target, solution), strict=True)
    return [_same_letter(_block(text, 0), target) + bool(_FORMAT.fullmatch(text)) for text, target in pairs]


def _same_letter(answer: str, target: str) -> float:
    letter = _letter(target)
    return float(letter is not None and _letter(answer) == letter)


def _default(answer: str, target: str) -> float:
    with suppress(Exception):  # as theirs does; what cannot be verified is compared as text
        if equal(parse(answer), parse(target)):
            return 1.0
    with suppress(ValueError):
        if re.search(r"\d", target):
            return float(float(_clean(answer)) == float(_clean(target)))
    if not re.search(r"\d", target) and _letter(target):
        return _same_letter(answer, target)
    return Indel.normalized_similarity(_clean(answer), _clean(target))


def _letter(text: str) -> str | None:
    text = re.sub(r"\s+", " ", text.upper())
    letters = re.findall(r"(?<![A-Z])([A-Z])(?=[.,?!:;]|$)", text)
    signs = dict.fromkeys(letters, 0)
    for letter in letters:  # each time that it stands there, but always around its first place, be it inside a word
        at = text.find(letter)
        signs[letter] += len({*re.findall(_SIGNS, text[max(0, at - 20) : at + 20])})
        signs[letter] += 2 * (at > len(text) * 0.7) + (text[at + 1 : at + 2] in tuple("。.!！,，"))
    return max(letters, key=signs.__getitem__, default=None)


def _clean(text: str) -> str:
    flat = re.sub(r"[\n\r]", " ", re.sub(r"(?<=\s)[\n\r]", "", _block(text, -1)))
    return flat.strip().rstrip(".").lower()


def _block(text: str, at: int) -> str:
    found: list[str] = _ANSWER.findall(text) or [text]
    return found[at].strip()


def _target(solution: str) -> str:
    tagged = re.search(r"<answer>(.*?)</answer>", solution)  # on one line
    return (tagged[1] if tagged else solution).strip()


AUDITED = {"choice": (default, mcq), "number": (default,)}
TARGET = "<answer>{}</answer>"
