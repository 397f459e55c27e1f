r"""LMM-R1: an answer in LaTeX that math-verify finds equal, and half a point for the format.

Source: TideDra/lmm-r1 f917f18, ``openrlhf/models/remote_rm/math_verifier.py``.

Rule: .5 where the completion is one ``<think>`` block directly followed by one ``<answer>`` block and nothing else,
plus 1 where the LaTeX of the completion (``$...$``, ``\boxed{}``), wherever it stands, has the target's value. A target
that holds nothing to read, such as an empty one, makes every completion right.

Differences: none on the rows compared, with math-verify 0.9 on both sides (with 0.5.2, which the authors pin, one row
in 2,400 differs: a wrong block before the right one). There an empty
response is scored as the whole query, prompt included, since it is taken for a missing one.

Good for: mathematics written in LaTeX. The format is told apart from a second block or text between the blocks.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from benchmarks.zoo.symbolic import BOXED_FIRST, LATEX, equal, parse
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = re.compile(r"<think>((?!</?think>|<answer>).)*</think><answer>((?!</?answer>|<think>).)*</answer>", re.DOTALL)
_ENDS = re.compile(r"<\|im_end\|>|<｜end▁of▁sentence｜>|<\|endoftext\|>|<end_of_turn>")


def reward(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return half a point for the format plus 1 where the completion holds the target, in [0, 1.5]."""
    texts = [_ENDS.sub("", completion_text(one)).strip() for one in completions]
    return [
        float(_right(one, true)) + float(bool(_FORMAT.fullmatch(one))) / 2
        for one, true in zip(texts, solution, strict=True)
    ]


def _right(text: str, solution: str) -> bool:
    target = solution if solution.startswith("$") else f"${solution}$"
    gold = parse(target, extraction_mode="first_match", extraction_config=[LATEX()])
    if not gold:
        return True
    with suppress(Exception):  # as theirs does
        return equal(parse(text, extraction_mode="first_match", extraction_config=[BOXED_FIRST]), gold)
    return False


AUDITED = {"choice": (reward,), "number": (reward,)}
TARGET = "${}$"
WRITES = {"<answer>": "<answer>$", "</answer>": "$</answer>"}
