"""What people publish: records, metrics, evaluation, reports.

>>> from benchmarks import evaluate
>>> report = evaluate([{"response": "<think>?</think><answer>B</answer>", "answer": "B", "category": "MSR"}], "mmsi")
>>> report.figures()["MSR/accuracy"]
1.0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.run.evaluate import evaluate
    from benchmarks.run.evaluation_report import Report

__all__ = ["Report", "evaluate"]

_HOMES = {"Report": "benchmarks.run.evaluation_report", "evaluate": "benchmarks.run.evaluate"}


def __getattr__(name: str) -> Any:
    """Load what is asked for: `benchmarks.files` should not wait for the benchmarks."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
