"""`trainers.adapters.areal`, by the name that other people's programs import."""

from trainers.adapters.areal import reward_fn

__all__ = ["reward_fn"]
