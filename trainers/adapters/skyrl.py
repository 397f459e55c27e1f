"""SkyRL: a one-turn environment by its class.

    from skyrl_gym.envs import register
    register(id="star", entry_point="star_r1.skyrl:StarEnv")        # inside your entry point's Ray task

    environment.env_class=star

A row holds ``env_class: star`` and ``reward_spec: {"ground_truth": ...}``, plain or packed as `star data export --to
verl` writes it; its other columns (task, references, options) are read where they are there.
"""

from __future__ import annotations

from typing import Any

from rewards.messages import completion_text
from trainers.adapters.score_row import score_row


def __getattr__(name: str) -> Any:
    """Make the class where SkyRL is installed."""
    if name != "StarEnv":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput

    class StarEnv(BaseTextEnv):  # type: ignore[misc]
        """One completion, one reward, with its parts as ``reward_components``."""

        def __init__(self, env_config: Any = None, extras: Any = None, **settings: Any) -> None:  # noqa: ARG002
            super().__init__()
            self.row, self.settings = extras or {}, settings

        def step(self, action: Any) -> Any:
            target = self.row["reward_spec"]["ground_truth"]
            score = score_row(completion_text(action), target, self.row, **self.settings)
            return BaseTextEnvStepOutput(
                observations=[],
                reward=score.total,
                reward_components=dict(score.parts),
                done=True,
                metadata=score.flat(),
            )

    return globals().setdefault(name, StarEnv)
