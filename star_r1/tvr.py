"""Presets of the reward by dotted names, ``star_r1.tvr.default``, as TRL's command line takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainers.adapters.trl import preset_reward

if TYPE_CHECKING:
    from rewards import TaskReward


def __getattr__(preset: str) -> TaskReward:
    return preset_reward("tvr", preset)
