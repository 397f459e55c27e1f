"""OpenEnv: a rubric for an environment's server, named in its ``openenv.yaml``.

    from star_r1.openenv import StarRubric
    class MyEnvironment(Environment):
        def __init__(self): super().__init__(rubric=StarRubric("tvr"))

An action holds the completion under ``message`` (or ``text``, ``content``, ``completion``); the observation, or its
metadata, the target, plain or packed, and where there are some task, references and options. The environment can put
``self.rubric.last`` and ``self.rubric.fault`` into its observation's metadata.
"""

from __future__ import annotations

from typing import Any

from rewards.errors import DataError
from rewards.messages import get_field
from trainers.adapters.score_row import COLUMNS, score_row


def __getattr__(name: str) -> Any:
    """Make the class where OpenEnv is installed."""
    if name != "StarRubric":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from openenv.core.rubrics import Rubric

    class StarRubric(Rubric):  # type: ignore[misc]
        """The reward of one action; `last` keeps what `Score.flat` holds, and `fault` the code of what is wrong."""

        def __init__(self, task: str = "tvr", **settings: Any) -> None:
            super().__init__()
            self.settings = {"task": task, **settings}
            self.last: dict[str, float] = {}
            self.fault: str | None = None

        def forward(self, action: Any, observation: Any) -> float:
            row = {**(get_field(observation, "metadata") or {})}
            row |= {each: found for each in ("target", *COLUMNS) if (found := get_field(observation, each)) is not None}
            texts = (get_field(action, each) for each in ("message", "text", "content", "completion"))
            text = next((each for each in texts if each is not None), None)
            if text is None or "target" not in row:
                what = "an action without message" if text is None else "an observation without target"
                raise DataError(f"StarRubric was given {what}")
            score = score_row(text, row["target"], row, **self.settings)
            self.last, self.fault = score.flat(), None if score.fault is None else score.fault.code
            return score.total

    return globals().setdefault(name, StarRubric)
