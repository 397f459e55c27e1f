"""`trainers.adapters.verifiers`, by the name that other people's programs import."""

from typing import Any

from trainers.adapters import verifiers as adapter
from trainers.adapters.verifiers import multiview, multiview_parts, tvr, tvr_parts

__all__ = ["multiview", "multiview_parts", "tvr", "tvr_parts"]


def __getattr__(name: str) -> Any:
    return getattr(adapter, name)
