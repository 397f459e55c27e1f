"""`trainers.adapters.easyr1`, by the name that other people's programs import."""

from trainers.adapters.easyr1 import REWARD_NAME, REWARD_TYPE, compute_score

__all__ = ["REWARD_NAME", "REWARD_TYPE", "compute_score"]
