"""TRL: reward functions for `GRPOTrainer` and `RLOOTrainer`, and for its command line by dotted names.

    # trl grpo --config grpo.yaml
    reward_funcs: [star_r1.tvr.default]

The last word is a preset; `star_r1.multiview.default` is the reward of questions. Other settings stand behind it, with
numbers that hold no full stop, since TRL looks for the last one:

    reward_funcs: ["star_r1.tvr.paper?scale=n_gt&think_prefilled=true&incorrect_penalty=5e-1"]

Two functions that TRL weights:

    reward_funcs: [star_r1.format_reward, star_r1.tvr_accuracy_reward]
    reward_weights: [1.0, 1.0]

In Python: ``reward_funcs=[TaskReward("tvr", preset="calibrated", name="tvr")]``. Columns of the data set: prompt,
target ('2.color.cyan, 0.shape.cube'), and images, id where you have them; of questions references and options.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from rewards.errors import ConfigError
from rewards.functions import TaskReward


def preset_reward(task: str, words: str) -> TaskReward:
    """Return the reward that ``star_r1.TASK.PRESET`` names, or ``star_r1.TASK.PRESET?SETTING=VALUE&...``.

    TRL logs it as ``rewards/TASK_PRESET``, with the settings behind.

    >>> preset_reward("tvr", "paper").__name__
    'tvr_paper'
    >>> reward = preset_reward("tvr", "paper?scale=n_gt&think_prefilled=true")
    >>> reward.__name__, reward.overrides, reward.think_prefilled
    ('tvr_paper_scale_n_gt_think_prefilled_true', {'scale': 'n_gt'}, True)
    """
    preset, _, query = words.partition("?")
    try:
        settings = {name: _value(text) for name, text in parse_qsl(query, strict_parsing=bool(query))}
        reading = {name: settings.pop(name) for name in ("mode", "think_prefilled") if name in settings}
        name = re.sub(r"\W+", "_", f"{task}_{words}")
        return TaskReward(task, preset=preset, overrides=settings, name=name, **reading)
    except (ConfigError, ValueError) as error:
        raise AttributeError(f"{words!r}: {error}") from error


def _value(text: str) -> Any:
    """Return a number, true, false or null as what it is, and anything else as text."""
    with suppress(ValueError):
        return json.loads(text)
    return text
