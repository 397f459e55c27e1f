"""SkyRL: a one-turn environment by its class.

    from skyrl_gym.envs import register
    register(id="star", entry_point="star_r1.skyrl:StarEnv")        # inside your entry point's Ray task

    environment.env_class=star

Settings are given there: ``register(..., kwargs={"preset": "paper"})``. A row holds ``env_class: star`` and
``reward_spec: {"ground_truth": ...}``, plain or packed as `star data export --to verl` writes it; its other columns
(task, references, options) are read where they are there. SkyRL logs the means of total, correct, parsed, prefilled,
unit and the parts, and the share of each fault.
"""

from __future__ import annotations

from collections import Counter
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
            self.metrics: dict[str, Any] = {}

        def step(self, action: Any) -> Any:
            target = self.row["reward_spec"]["ground_truth"]
            score = score_row(completion_text(action), target, self.row, **self.settings)
            self.metrics = {**score.flat(), "fault": "" if score.fault is None else score.fault.code}
            return BaseTextEnvStepOutput(
                observations=[],
                reward=score.total,
                reward_components=dict(score.parts),
                done=True,
                metadata=dict(self.metrics),
            )

        def get_metrics(self) -> dict[str, Any]:
            return self.metrics

        @staticmethod
        def aggregate_metrics(metrics: list[dict[str, Any]]) -> dict[str, Any]:
            faults = Counter(each["fault"] for each in metrics if each.get("fault"))
            shares = {f"fault/{code}": count / len(metrics) for code, count in faults.items()}
            return {**BaseTextEnv.aggregate_metrics(metrics), **shares}

    return globals().setdefault(name, StarEnv)
