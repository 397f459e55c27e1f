"""TRL: reward functions for `GRPOTrainer` and `RLOOTrainer`, and for its command line by dotted names.

    # trl grpo --config grpo.yaml
    reward_funcs: [star_r1.tvr.default]

The last word is a preset; `star_r1.multiview.default` is the reward of questions. Two functions that TRL weights:

    reward_funcs: [star_r1.format_reward, star_r1.tvr_accuracy_reward]
    reward_weights: [1.0, 1.0]

In Python: ``reward_funcs=[TaskReward("tvr", preset="calibrated", name="tvr")]``. Columns of the data set: prompt,
target ('2.color.cyan, 0.shape.cube'), and images, id where you have them; of questions references and options.
"""

from __future__ import annotations

from rewards.errors import ConfigError
from rewards.functions import TaskReward


def preset_reward(task: str, preset: str) -> TaskReward:
    """Return the reward that ``star_r1.TASK.PRESET`` names; TRL logs it as ``rewards/TASK_PRESET``.

    >>> preset_reward("tvr", "paper").__name__
    'tvr_paper'
    """
    try:
        return TaskReward(task, preset=preset, name=f"{task}_{preset}")
    except ConfigError as error:
        raise AttributeError(str(error)) from error
