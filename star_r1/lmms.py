"""`trainers.adapters.lmms`, by the name that other people's programs import."""

from trainers.adapters.lmms import process_results

__all__ = ["process_results"]
