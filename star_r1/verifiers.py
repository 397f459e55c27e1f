"""`trainers.adapters.verifiers`, by the name that other people's programs import."""

from trainers.adapters.verifiers import multiview, multiview_parts, tvr, tvr_parts

__all__ = ["multiview", "multiview_parts", "tvr", "tvr_parts"]
