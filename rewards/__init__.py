"""Typed values -> scores. Pure, deterministic, picklable, no I/O.

>>> from rewards import tvr_reward
>>> tvr_reward(["<think>It turned.</think><answer>2.color.cyan</answer>"], target=["2.color.cyan"])
[6.0]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewards.batch_score import BatchScore, Score
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
from rewards.messages import completion_text, strip_special_tokens
from rewards.score import score_batch, score_completion
from rewards.score_columns import score_columns
from rewards.spec import TieredSpec
from rewards.targets import unpack_gold
from rewards.tasks import task_parts, warm_up

if TYPE_CHECKING:
    TVR: TieredSpec
    """TVR's reward as this project reads the paper; its numbers are those of ``tasks/tvr.yaml``, read when needed."""

__all__ = [
    "TVR",
    "BatchScore",
    "ConfigError",
    "DataError",
    "Score",
    "TaskReward",
    "TieredSpec",
    "answer_reward",
    "completion_text",
    "format_reward",
    "multiview_reward",
    "reference_reward",
    "score_batch",
    "score_columns",
    "score_completion",
    "strip_special_tokens",
    "task_parts",
    "tvr_accuracy_reward",
    "tvr_reward",
    "unpack_gold",
    "warm_up",
]


def __getattr__(name: str) -> TieredSpec:
    if name != "TVR":
        raise AttributeError(f"module 'rewards' has no attribute {name!r}")
    from rewards.tasks import load_task  # noqa: PLC0415  `import rewards` should not wait for reading YAML

    spec = load_task("tvr").spec
    assert isinstance(spec, TieredSpec)
    return spec
