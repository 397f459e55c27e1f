"""Everything that touches a model or makes training data.

`train` runs a stage, `predict` writes a model's completions; both load torch when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainers.prediction import predict
    from trainers.stages import train

__all__ = ["predict", "train"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: the makers of data need no trainer."""
    if name == "train":
        from trainers.stages import train

        return train
    if name == "predict":
        from trainers.prediction import predict

        return predict
    raise AttributeError(f"module 'trainers' has no attribute {name!r}")
