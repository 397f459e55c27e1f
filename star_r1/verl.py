"""`trainers.adapters.verl`, by the name that other people's programs import."""

from trainers.adapters.verl import compute_score

__all__ = ["compute_score"]
