"""ms-swift: a plugin of one line that registers ``star_tvr`` and ``star_multiview``.

    # star_swift.py
    import star_r1.swift

    --external_plugins $PWD/star_swift.py --reward_funcs star_tvr

Rewards with other settings are registered there, too: ``star_r1.swift.register("star_paper", "tvr", preset="paper")``.
ms-swift logs the mean of each reward and nothing else; a part is logged by a reward of its own that has the weight 0:
``register("star_exact", "tvr", pays=("exact",))``. A row has a column ``solution`` beside messages and images, plain or
packed as `star data export --to swift` writes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewards.functions import TaskReward

if TYPE_CHECKING:
    from collections.abc import Sequence


def register(name: str, task: str = "tvr", **settings: Any) -> None:
    """Register a reward under a name for ``--reward_funcs``; settings are those of `TaskReward`."""
    from swift.rewards import ORM, orms

    reward = TaskReward(task, name=name, **settings)

    class StarReward(ORM):  # type: ignore[misc]
        """The reward as ms-swift makes it: without arguments of ours."""

        def __call__(self, completions: Sequence[str], **columns: Any) -> list[float | None]:
            return reward(completions, **columns)

    StarReward.__name__ = StarReward.__qualname__ = name
    orms[name] = StarReward
