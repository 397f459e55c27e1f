"""R1-V: whatever math-verify finds in the whole completion, else the text of the answer block.

Source: Deep-Agent/R1-V bbbbe3d, ``src/r1-v/src/open_r1/grpo.py`` (``accuracy_reward``, ``format_reward``).

Rule: 1 for the format, plus 1 where math-verify reads the target's value out of the *completion*, reasoning included,
or where the first answer block that stands on one line, or else the whole text, is the target's text.

Differences: none on the rows compared, with math-verify 0.9 on both sides. The authors name no version.

Good for: counting and geometry with numbers. A value in the reasoning counts where the answer block holds none.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from benchmarks.zoo.symbolic import equal, parse
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = re.compile(r"<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)
_ANSWER = re.compile(r"<answer>(.*?)</answer>")  # on one line


def reward(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus 1 where the completion holds the target, in {0, 1, 2}."""
    texts = list(map(completion_text, completions))
    return [
        float(_right(one, true)) + float(bool(_FORMAT.fullmatch(one)))
        for one, true in zip(texts, solution, strict=True)
    ]


def _right(text: str, solution: str) -> bool:
    with suppress(Exception):  # as theirs does; what cannot be verified is compared as text
        if equal(parse(text), parse(solution)):
            return True
    return _block(text) == _block(solution)


def _block(text: str) -> str:
    block = _ANSWER.search(text)
    return (block[1] if block else text).strip()


AUDITED = {"choice": (reward,), "number": (reward,)}
TARGET = "<answer> {} </answer>"
