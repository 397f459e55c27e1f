"""How VLMEvalKit reads answers, which EASI and its leaderboard do too: columns ``vlmevalkit_*`` of the benchmarks.

Source: open-compass/VLMEvalKit e8e78f0 ``vlmeval/dataset/utils/spatial_bench/matching_func.py``, ``cal_scores.py`` and,
for `infer_option`, ``vlmeval/utils/matching_util.py``; without a judge model. The decisions are theirs, quirks
included; the patterns are written so that time grows with the length of a text and no faster.

Known quirks: within ``<answer>`` the first letter counts, whatever follows, so ``<answer>Because</answer>`` is B; of
``<answer>1,200</answer>`` the 1 counts; of a phrase such as ``the answer is B`` the first one counts, also in the
reasoning.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INVISIBLE = re.compile("[\u200b\u200c\u200d\ufeff]")
_OPENS_ANSWER = re.compile(r"<\s*answer\b", re.IGNORECASE)
_CLOSES_ANSWER = re.compile(r"<\s*/\s*answer\s*>", re.IGNORECASE)
_THINK = re.compile(r"<(?:(/)\s*|\s*)think\s*>", re.IGNORECASE)

_LINES, _WINDOW = 6, 800
"""How many of the last lines, and of the last characters, are searched for a letter."""

_LEADING_LETTER = re.compile(r"\s*([A-J])", re.IGNORECASE)
_BEFORE_CLOSING = tuple(
    re.compile(rf"(?<![A-Za-z])[(\[{{（【]?\s*([A-F])\s*[)\]}}）】]?\s*</\s*{tag}\s*>", re.IGNORECASE)
    for tag in ("answer", "think")
)
_OPTION_LINE = re.compile(r"[*_>\-\s]*(?:option|选项)\s+[A-J]\s*[:：]", re.IGNORECASE)
_LETTER_LINE = re.compile(r"[*_`>（）\[\]【】()]*+\s*+([A-F])\s*+[*_`（）\[\]【】()]*+\s*+", re.IGNORECASE)
_LABELED_LINE = re.compile(r"([A-F])\s*[.．:：)\]】、-]\s", re.IGNORECASE)
_LETTER_IN_LINE = re.compile(r"""(?<![A-Za-z])[A-F](?=[*_`}]*+(?:$|[\s.,:;!?)\]】》」』，。；、：）]))""")
_PHRASE = re.compile(
    r"(?:final\s*answer|the\s*answer\s*is|answer(?:\s*is)?|correct\s*answer|答案|最终答案|结论|所以|因此|我选(?:择)?|选择|选)"
    r"\s*+[:：>＝=]?+\s*+[(\[{（【]?+\s*+([A-F])\b",
    re.IGNORECASE,
)
_LETTER_ALONE = re.compile(r"(?<![A-Za-z])[A-F](?![A-Za-z])")

_NUMBER = re.compile(r"[-+]?(?:\d*\.\d+|\d+)(?:[eE][-+]?\d+)?")
_TAGGED_NUMBER = re.compile(rf"\s*({_NUMBER.pattern})(?:[^\d<][^<]*)?(?=<)")
_SPELLED = {
    word: str(number)
    for number, word in enumerate(
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
            *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
        )
    )
}
_NUMBER_WORD = re.compile(rf"\b({'|'.join(_SPELLED)})\b", re.IGNORECASE)


def match_option(text: str) -> str | None:
    r"""Return the letter A-F (in tags A-J) that ``can_match_option`` reads, or None.

    In order: the letter that the first closed ``<answer>`` begins with; one right before ``</answer>`` or ``</think>``;
    the last lines after the reasoning, then of the whole text, from below: a letter alone, ``B. left``, or letters of
    one kind; a phrase; the one letter that stands alone anywhere.

    >>> match_option("<think>A.</think> so it is B"), match_option("<answer>Because of C</answer>")
    ('B', 'B')
    >>> match_option("the sofa") is None
    True
    """
    text = _INVISIBLE.sub("", text.strip())
    closed = max((mark.start() for mark in _CLOSES_ANSWER.finditer(text)), default=-1)
    for content in _answer_blocks(text):
        letter = _LEADING_LETTER.match(text, content)
        if letter and letter.end() <= closed:
            return letter[1].upper()
    tail = text[-_WINDOW:]
    for pattern in _BEFORE_CLOSING:
        if found := pattern.search(tail):
            return found[1].upper()
    picked = _from_lines(_after_reasoning(text)) or _from_lines(tail)
    if picked:
        return picked
    if found := _PHRASE.search(text):
        return found[1].upper()
    kept = "\n".join(line for line in text.splitlines() if not _OPTION_LINE.match(line))
    letters: set[str] = set(_LETTER_ALONE.findall(kept))
    return letters.pop() if len(letters) == 1 else None


def _answer_blocks(text: str) -> Iterator[int]:
    """Yield where the content of each ``<answer ...>`` begins: a tag reaches to the next ``>``."""
    start = 0
    while (end := text.find(">", start)) >= 0:
        if _OPENS_ANSWER.search(text, start, end):
            yield end + 1
        start = end + 1


def _after_reasoning(text: str) -> str:
    """Return what follows the last ``</think>``, or else the last ``<think>``, or else everything."""
    marks = list(_THINK.finditer(text))
    last = next((mark for mark in reversed(marks) if mark[1]), marks[-1] if marks else None)
    return text[last.end() :].strip() if last else text


def _from_lines(text: str) -> str | None:
    for line in reversed([stripped for each in text.splitlines()[-_LINES:] if (stripped := each.strip())]):
        if _OPTION_LINE.match(line):
            continue
        found = _LETTER_LINE.fullmatch(line) or _LABELED_LINE.match(line)
        if found:
            return str(found[1]).upper()
        letters: set[str] = set(_LETTER_IN_LINE.findall(line))
        if len(letters) == 1:
            return letters.pop()
    return None


def match_number(text: str) -> float | None:
    """Return the number that ``can_match_na`` reads, or None.

    Number words up to twenty count as digits. In order: the number that ``<answer>`` begins with; the last one after
    the reasoning; the last one anywhere. Of a text in square brackets it is the first item that counts.

    >>> match_number("two or three chairs, <answer>3 chairs</answer> of 9"), match_number("[1.5, 2]")
    (3.0, 1.5)
    """
    said = _first_item(text)
    if said is None:
        return None
    said = _NUMBER_WORD.sub(lambda word: _SPELLED.get(word[0].lower(), word[0]), _INVISIBLE.sub("", said.strip()))
    for content in _answer_blocks(said):
        tagged = _TAGGED_NUMBER.match(said, content)
        if tagged and _CLOSES_ANSWER.match(said, tagged.end()):
            return float(tagged[1])
    numbers = _NUMBER.findall(_after_reasoning(said)) or _NUMBER.findall(said)
    return float(numbers[-1]) if numbers else None


def _first_item(text: str) -> str | None:
    """Return the first item of a Python list as text, or the text; None for what begins like a list and is none."""
    if not (text.strip().startswith("[") and text.strip().endswith("]")):
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in what a model wrote
            items = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return str(items[0]) if isinstance(items, list) and items else text


_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_MARKS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_ANSWER_IS = re.compile(r"answer\s+is\s+\**([ABCD])", re.IGNORECASE)


def infer_option(text: str, options: Mapping[str, str]) -> str:
    """Return what ``can_infer`` reads, which VLMEvalKit uses of BLINK: a letter, or ``"Z"`` for nothing.

    The one option whose letter stands alone, among the last five words; ``answer is B``; or else the one option whose
    text is a part of a text that is at most twice as long as all options.

    Args:
        text: what the model wrote.
        options: letter -> text.

    >>> infer_option("(B) right", {"A": "left", "B": "right"}), infer_option("turn left", {"A": "left", "B": "right"})
    ('B', 'A')
    """
    if "Failed to obtain answer via API" not in text:
        if any(refusal in text for refusal in _REFUSALS):
            return "Z"
        words = text.translate(_MARKS).split()
        named = [letter for letter in options if letter in words]
        if len(named) == 1 and words.index(named[0]) > len(words) - 5:
            return named[0]
        if not named and "Z" in words:
            return "Z"
        said = _ANSWER_IS.search(text)
        if said and said[1].upper() in options:
            return said[1].upper()
    return _by_text(text.lower(), {letter: str(option).lower() for letter, option in options.items()})


def _by_text(text: str, options: Mapping[str, Any]) -> str:
    if len(text) > 2 * sum(map(len, options.values())):
        return "Z"
    held = [letter for letter, option in options.items() if option in text]
    return held[0] if len(held) == 1 else "Z"
