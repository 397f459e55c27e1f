r"""open-r1: accuracy, format and tag count, as in its GRPO recipes.

Source: huggingface/open-r1 1416fa0, ``src/open_r1/rewards.py`` (``accuracy_reward``, ``format_reward``,
``tag_count_reward``), weighted 1, 1, 1 as in ``recipes/Qwen2.5-1.5B-Instruct/grpo/config_demo.yaml``.

Rule: 1 where the LaTeX of the completion, wherever it stands, has the target's value (math-verify); 1 where the tags
stand on lines of their own; a quarter for each of the four tags that stands there once, with its line break.

Differences: none on the rows compared, neither with math-verify 0.9 nor with 0.5.2, which the authors pin. Where the
target cannot be read, the accuracy is None there, which TRL leaves out of the sum, as here.

Good for: mathematics written in LaTeX; the tag count gives a policy that has no format yet something to climb.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from benchmarks.zoo.symbolic import BOXED_FIRST, equal, parse
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = re.compile(r"<think>\n.*?\n</think>\n<answer>\n.*?\n</answer>$", re.DOTALL | re.MULTILINE)
_TAGS = ("<think>\n", "\n</think>\n", "\n<answer>\n", "\n</answer>")


def reward(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return accuracy plus format plus tag count, in [0, 3]."""
    texts = list(map(completion_text, completions))
    return [_accuracy(one, true) + _form(one) for one, true in zip(texts, solution, strict=True)]


def _accuracy(text: str, solution: str) -> float:
    gold = parse(solution, extraction_mode="first_match")
    with suppress(Exception):  # as theirs does
        return float(equal(gold, parse(text, extraction_mode="first_match", extraction_config=[BOXED_FIRST])))
    return 0.0


def _form(text: str) -> float:
    return float(_FORMAT.match(text) is not None) + sum(text.count(tag) == 1 for tag in _TAGS) / 4


AUDITED = {"choice": (reward,), "number": (reward,)}
TARGET = "${}$"
WRITES = {
    "<think>": "<think>\n",
    "</think>": "\n</think>\n",
    "<answer>": "<answer>\n$",
    "</answer>": "$\n</answer>",
}
