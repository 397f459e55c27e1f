"""Reason-RFT: function calls that say what changed between two images, in three variants.

Source: tanhuajie/Reason-RFT d0a8070, ``train/stage_rl/reward.py`` (``func_accuracy_reward``,
``only_full_func_accuracy_reward``, ``penalty_func_accuracy_reward``, ``format_reward``).

Rule: 1 for the format, plus the accuracy. Calls ``change_color(3, 'red')`` are read out of the first answer block, or
of the whole text where there is none. Exact repeats are dropped and the share that is left scales everything. Predicted
and true calls are paired in four passes, first come first served: alike in all, in function and object, in function and
value, in function alone; each pair scores the pass's worth over the larger of the two counts.

Differences: the authors put the calls through a set, so that what is paired with what, and with it the reward, depends
on the hash seed; here they keep their order. An answer without calls is 0 there by a swallowed division by zero.

Good for: the same task as TVR. `exact_only`, which the published runs use, has no partial credit to collect; no variant
charges for extra calls, which only dilute.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_CALL = re.compile(r"(\w+)\((\w+),\s*'?(\w+)'?\)")
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_FORMAT = re.compile(r"<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)
_PASSES = ((0, 1, 2), (0, 1), (0, 2), (0,))  # the parts of a call that agree: function, object, value


def partial_credit(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus 1 for exact calls, .5 and .5 for two of three parts, .25 for the function alone."""
    return [
        _reward(completion_text(one), true, (1, 0.5, 0.5, 0.25))
        for one, true in zip(completions, solution, strict=True)
    ]


def exact_only(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus 1 for exact calls."""
    return [_reward(completion_text(one), true, (1, 0, 0, 0)) for one, true in zip(completions, solution, strict=True)]


def with_penalty(completions: Sequence[Any], solution: Sequence[str], **_: Any) -> list[float]:
    """Return the format point plus 1 for exact calls, −.25 and −.25 for two of three parts, −.5 for the function."""
    return [
        _reward(completion_text(one), true, (1, -0.25, -0.25, -0.5))
        for one, true in zip(completions, solution, strict=True)
    ]


def _reward(text: str, solution: str, worth: tuple[float, ...]) -> float:
    block = _ANSWER.search(text)
    said, true = _CALL.findall(block[1] if block else text), list(dict.fromkeys(_CALL.findall(solution)))
    reward = float(_FORMAT.fullmatch(text) is not None)
    if not said or not true:
        return reward
    calls = list(dict.fromkeys(said))
    each = len(calls) / len(said) / max(len(calls), len(true))
    accuracy = 0.0
    for parts, value in zip(_PASSES, worth, strict=True):
        paired = 0
        for call in [*calls]:
            partner = next((other for other in true if all(call[at] == other[at] for at in parts)), None)
            if partner is not None:
                calls.remove(call)
                true.remove(partner)
                paired += 1
        accuracy += paired * each * value
    return accuracy + reward


AUDITED = {"reason_rft.yaml": (partial_credit, exact_only, with_penalty)}
