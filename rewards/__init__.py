"""Typed values -> scores. Pure, deterministic, picklable, no I/O.

>>> from rewards import tvr_reward
>>> tvr_reward(["<think>It turned.</think><answer>2.color.cyan</answer>"], target=["2.color.cyan"])
[6.0]
"""

from rewards.errors import ConfigError, DataError
from rewards.functions import (
    TaskReward,
    answer_reward,
    format_reward,
    multiview_reward,
    reference_reward,
    tvr_accuracy_reward,
    tvr_reward,
)
from rewards.gold import unpack_gold
from rewards.score import score_batch, score_completion
from rewards.scores import BatchScore, Score
from rewards.spec import TVR, TieredSpec

__all__ = [
    "TVR",
    "BatchScore",
    "ConfigError",
    "DataError",
    "Score",
    "TaskReward",
    "TieredSpec",
    "answer_reward",
    "format_reward",
    "multiview_reward",
    "reference_reward",
    "score_batch",
    "score_completion",
    "tvr_accuracy_reward",
    "tvr_reward",
    "unpack_gold",
]
