"""R_ans of what can be nearly right: boxes and sets by their overlap with the true one, points by their distance.

    box     IoU = |P ∩ T| / |P ∪ T|              linear: IoU                      thresholds: mean over θ of [IoU ≥ θ]
    point   n = max(0, 1 − ‖p − t‖ / reach)      linear: n                        thresholds: mean over θ of [n ≥ θ]
    set     J = |P ∩ T| / |P ∪ T|, of names      linear: J (1 if both are empty)  thresholds: mean over θ of [J ≥ θ]

with θ in {.50, .55, ..., .95}. Either way ``correct`` asks for one half of boxes and points (IoU ≥ .5, half the reach),
and of a set for all of it.

A region that hedges gains nothing: between two boxes of one size that touch, the box around both has an IoU of 1/2 with
each, as much as naming the likelier one scores at an even chance and less at any other; under thresholds it is worth
.1. The middle of two points that are D apart is worth 1 − D / (2 reach), and naming the likelier one at least that.
Naming all of a vocabulary U is worth |T| / |U|; one name more beside a right ones of n is profitable if it is right
with a chance above a / (n + a + 1), which is less than one half.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from parsers.region import Numbers

Partial = Literal["linear", "thresholds"]
_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


def iou(one: Numbers, other: Numbers) -> float:
    """Return the intersection over the union of two boxes ``(x1, y1, x2, y2)``, in [0, 1].

    >>> iou((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def nearness(one: Numbers, other: Numbers, reach: float) -> float:
    """Return how near two points are, from 1 for the same to 0 from *reach* on.

    >>> nearness((0, 0), (3, 4), reach=10)
    0.5
    """
    return max(0.0, 1.0 - math.dist(one, other) / reach)


def shaped(worth: float, partial: Partial) -> float:
    """Return the reward of an overlap or a nearness.

    >>> shaped(0.72, "linear"), shaped(0.72, "thresholds")
    (0.72, 0.5)
    """
    return worth if partial == "linear" else sum(worth >= each for each in _THRESHOLDS) / len(_THRESHOLDS)
