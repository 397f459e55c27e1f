"""slime: a reward function by its path.

    --custom-rm-path star_r1.slime.reward --label-key label --reward-key total --log-reward-category fault
    --custom-config-path star.yaml          # settings of the reward, such as  star: {preset: paper}

A row's label is the target, plain or packed as `star data export --to openrlhf` writes it; its metadata may hold task,
references and options. With ``--reward-key`` a sample keeps its parts and the code of its fault beside the total, and
``--log-reward-category fault`` logs how often each fault was seen. With ``--group-rm`` slime hands over a whole group.
"""

from __future__ import annotations

from typing import Any

from trainers.adapters.score_row import score_row


async def reward(args: Any, sample: Any, **settings: Any) -> Any:
    """Return the reward of a sample, or of each of a list: a number, or with ``--reward-key total`` also its parts."""
    if isinstance(sample, list):
        return [await reward(args, each, **settings) for each in sample]
    settings = {**(getattr(args, "star", None) or {}), **settings}
    score = score_row(sample.response, sample.label, sample.metadata, **settings)
    if not getattr(args, "reward_key", None):
        return score.total
    return {**score.flat(), "fault": "" if score.fault is None else score.fault.code}
