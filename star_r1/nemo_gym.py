"""`trainers.adapters.nemo_gym`, by the name that other people's programs import."""

from trainers.adapters.nemo_gym import StarServer

__all__ = ["StarServer"]
