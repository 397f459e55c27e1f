"""AReaL: a reward function for a workflow, by its path.

    workflow_kwargs = dict(reward_fn="star_r1.areal.reward_fn", ...)     # of RLVRWorkflow or VisionRLVRWorkflow

Settings of the reward: ``reward_fn=functools.partial(star_r1.areal.reward_fn, settings={"preset": "paper"})``. A row
of the data holds the target under ``answer``, plain or packed as `star data export --to easyr1` writes it, or under
``target``; and task, references and options where there are some. AReaL takes one number: it has no place for parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainers.adapters.score_row import score_row

if TYPE_CHECKING:
    from collections.abc import Mapping


def reward_fn(
    prompt: Any,  # noqa: ARG001  AReaL passes it, and the two below
    completions: str,
    prompt_ids: Any,  # noqa: ARG001
    completion_ids: Any,  # noqa: ARG001
    *,
    settings: Mapping[str, Any] | None = None,
    **row: Any,
) -> float:
    """Return the reward of one completion; settings are those of `score_completion`."""
    target = row["answer"] if row.get("answer") is not None else row.get("target")
    return score_row(completions, target, row, **(settings or {})).total
