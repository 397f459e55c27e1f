"""`trainers.adapters.slime`, by the name that other people's programs import."""

from trainers.adapters.slime import reward

__all__ = ["reward"]
