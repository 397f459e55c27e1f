"""EasyR1: a file of one line, with the function that its configuration names.

    # star_easyr1.py
    from star_r1.easyr1 import REWARD_NAME, REWARD_TYPE, compute_score

    data.prompt_key=prompt data.answer_key=answer data.format_prompt=null
    worker.reward.reward_function=$PWD/star_easyr1.py:compute_score
    worker.reward.reward_function_kwargs={"preset": "default"}

Every setting of `score_completion` may stand among the ``reward_function_kwargs``. A row's answer is plain, or packed
as `star data export --to easyr1` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError
from trainers.adapters.score_row import score_row

if TYPE_CHECKING:
    from collections.abc import Sequence

REWARD_NAME = "star"
REWARD_TYPE = "batch"


def compute_score(reward_inputs: Sequence[Mapping[str, Any]], **settings: Any) -> list[dict[str, float]]:
    """Return for each response ``overall`` (the total), ``accuracy`` (1 if correct), and the parts.

    Raises:
        ConfigError: for one response alone, as EasyR1 hands over where the file names no ``REWARD_TYPE``.
    """
    if isinstance(reward_inputs, Mapping):
        raise ConfigError(
            "compute_score was given one response; it takes a list: import REWARD_TYPE and REWARD_NAME beside it"
        )
    scores = [score_row(item["response"], item.get("ground_truth"), **settings) for item in reward_inputs]
    return [{"overall": each.total, "accuracy": float(each.correct), **each.flat()} for each in scores]
