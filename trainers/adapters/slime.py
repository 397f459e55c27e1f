"""slime: a reward function by its path.

    --custom-rm-path star_r1.slime.reward --label-key label

A row's label is the target, plain or packed as `star data export --to openrlhf` writes it; its metadata may hold task,
references and options. With ``--group-rm`` slime hands over a whole group at once.
"""

from __future__ import annotations

from typing import Any

from trainers.adapters.score_row import score_row


async def reward(args: Any, sample: Any, **settings: Any) -> Any:
    """Return the reward of a sample, or of each of a list: a number, or with ``--reward-key total`` also its parts."""
    if isinstance(sample, list):
        return [await reward(args, each, **settings) for each in sample]
    score = score_row(sample.response, sample.label, sample.metadata, **settings)
    return score.flat() if getattr(args, "reward_key", None) else score.total
