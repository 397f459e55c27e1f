"""`trainers.adapters.openenv`, by the name that other people's programs import."""

from trainers.adapters.openenv import StarRubric

__all__ = ["StarRubric"]
