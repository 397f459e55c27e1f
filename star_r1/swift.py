"""`trainers.adapters.swift`, by the name that other people's programs import."""

from trainers.adapters.swift import register

__all__ = ["register"]

register("star_tvr", "tvr")
register("star_multiview", "multiview")
