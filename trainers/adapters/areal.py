"""AReaL: a reward function for a workflow, by its path.

    workflow_kwargs = dict(reward_fn="star_r1.areal.reward_fn", ...)     # of RLVRWorkflow or VisionRLVRWorkflow

A row of the data holds the target under ``answer``, plain or packed as `star data export --to easyr1` writes it, or
under ``target``; and task, references and options where there are some.
"""

from __future__ import annotations

from typing import Any

from trainers.adapters.score_row import score_row


def reward_fn(prompt: Any, completions: str, prompt_ids: Any, completion_ids: Any, **row: Any) -> float:  # noqa: ARG001
    """Return the reward of one completion."""
    return score_row(completions, row["answer"] if "answer" in row else row["target"], row).total
