r"""TRL's own: accuracy by math-verify, of the whole completion or of what follows the reasoning, and the think format.

Source: huggingface/trl f2cd577, ``trl/rewards/`` (``accuracy_reward``, ``reasoning_accuracy_reward``,
``think_format_reward``).

Rule: 1 where the completion begins with ``<think>``, has no second one, and closes it, plus 1 where the LaTeX
(``\boxed{}``, ``$...$``) has the target's value: of the whole completion (`accuracy`), or of what follows the last
``</think>`` (`reasoning_accuracy`; without one it is 0).

Differences: none on the rows compared, with math-verify 0.9 on both sides. Where the target cannot be read, the
accuracy is None there, which the trainer leaves out of the sum, as here.

Good for: mathematics written in LaTeX; prefer `reasoning_accuracy`, which does not look into the reasoning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from latex2sympy2_extended import NormalizationConfig

from benchmarks.zoo.symbolic import LATEX, equal, parse
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = re.compile(r"<think>(?!.*<think>).*?</think>", re.DOTALL)
_READING = LATEX(
    normalization_config=NormalizationConfig(units=True), boxed_match_priority=0, try_extract_without_anchor=False
)


def accuracy(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the think format plus 1 where the completion holds the target, in {0, 1, 2}."""
    texts = list(map(completion_text, completions))
    return [_right(one, true) + _form(one) for one, true in zip(texts, solution, strict=True)]


def reasoning_accuracy(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the think format plus 1 where what follows the reasoning holds the target, in {0, 1, 2}."""
    texts = list(map(completion_text, completions))
    return [
        (_right(one.rpartition("</think>")[2], true) if "</think>" in one else 0.0) + _form(one)
        for one, true in zip(texts, solution, strict=True)
    ]


def _right(text: str, solution: str) -> float:
    gold = parse(solution)
    return float(equal(gold, parse(text, extraction_mode="first_match", extraction_config=[_READING])))


def _form(text: str) -> float:
    return float(_FORMAT.match(text) is not None)


AUDITED = {"choice": (accuracy, reasoning_accuracy), "number": (accuracy, reasoning_accuracy)}
TARGET = "${}$"
WRITES = {"<answer>": r"\boxed{", "</answer>": "}"}
