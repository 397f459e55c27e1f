"""Mean relative accuracy, the score of SPAR-Bench's numbers."""

from __future__ import annotations

import math

import numpy as np

# Ten points 0.5, 0.55, ... 0.95: (0.95 - 0.5) / 0.05 + 2 is 10.999... in floating point, and upstream cuts it
# off.
_TOLERANCES = 1 - np.linspace(0.5, 0.95, int((0.95 - 0.5) / 0.05 + 2))


def relative_error(value: float, truth: float) -> float:
    """Return |value - truth| / |truth|, or |value - truth| where the truth is 0."""
    return abs(value - truth) if truth == 0.0 else abs((value - truth) / truth)


def mean_relative_accuracy(value: float, truth: float) -> float:
    """Return the share of the tolerances 0.5, 0.45, ... 0.05 within which ``value`` lies: 0, 0.1, ... 1.

    MRA = 1/10 · Σ_θ [ |value - truth| / |truth| ≤ 1 - θ ],  θ = 0.5, 0.55, ... 0.95, with upstream's
    floating-point thresholds. A value that is not finite scores 0.

    >>> mean_relative_accuracy(1.1, 1.0), mean_relative_accuracy(1.05, 1.0), mean_relative_accuracy(1.6, 1.0)
    (0.9, 1.0, 0.0)
    """
    error = relative_error(value, truth)
    return 0.0 if math.isnan(error) else float((error <= _TOLERANCES).mean())
