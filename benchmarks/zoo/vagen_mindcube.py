"""VAGEN's MindCube: 1 for the format and 5 for the right letter.

Source: mll-lab-nu/VAGEN 7cd6020 (branch MindCube), ``vagen/env/crossview/env.py`` (reward type ``base``) and
``vagen/env/crossview/MindCube_RL_Data/extraction_baseRL.py``.

Rule: 1 where a ``<think>`` block is directly followed by an ``<answer>`` block, each on one line, and 5 more for the
right letter; without the format nothing. The letter is read out of the whole completion as MindCube's evaluation reads
it: the last letter before a full stop, wherever it stands, then phrases, then a letter alone.

Differences: none on the rows compared.

Good for: MindCube's multiple choice; five to one keeps the format from outvoting the answer. A line break in the
reasoning costs everything, and a letter with a full stop in the reasoning outvotes the answer block.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from benchmarks.mindcube.scoring import extract_answer
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = re.compile(r"<think>.*?</think><answer>.*?</answer>")  # each on one line


def reward(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return 1 for the format plus 5 for the letter, in {0, 1, 6}."""
    texts = list(map(completion_text, completions))
    return [_reward(one, true) for one, true in zip(texts, solution, strict=True)]


def _reward(text: str, solution: str) -> float:
    letter = extract_answer(text)
    if letter is None or not _FORMAT.search(text):
        return 0.0
    return 6.0 if letter.lower() == solution.lower() else 1.0


AUDITED = {"choice": (reward,)}
