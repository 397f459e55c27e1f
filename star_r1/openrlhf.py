"""`trainers.adapters.openrlhf`, by the name that other people's programs import."""

from trainers.adapters.openrlhf import reward_func

__all__ = ["reward_func"]
