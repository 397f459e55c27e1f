"""`trainers.adapters.lighteval`, by the name that other people's programs import."""

from trainers.adapters.lighteval import star_metric

__all__ = ["star_metric"]
