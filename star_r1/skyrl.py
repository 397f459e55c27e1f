"""`trainers.adapters.skyrl`, by the name that other people's programs import."""

from trainers.adapters.skyrl import StarEnv

__all__ = ["StarEnv"]
