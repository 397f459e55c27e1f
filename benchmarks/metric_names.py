"""How metrics are written for people."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

PLAIN: Final = frozenset({"Diff", "NDiff", "step_diff", "total", "unit"})
"""Metrics that are plain numbers; the others are shares or scores in [0, 1], written in percent."""

SIGNED: Final = frozenset({"caa"})
"""Metrics in percent that can be below 0: what is right beyond chance."""

LOWER_IS_BETTER: Final = frozenset(
    {"Diff", "NDiff", "order_error", "overlap", "out_of_world", "invalid", "unparsed", "dist", "norm_dist"}
)

MEANINGS: Final = {
    "TAcc": "all changes right",
    "Diff": "wrong cells of the final state",
    "NDiff": "wrong cells per true change",
    "color": "color right, where it changes",
    "shape": "shape right, where it changes",
    "size": "size right, where it changes",
    "material": "material right, where it changes",
    "position": "place right, where it changes",
    "TAcc/1-3": "TAcc with 1 to 3 visible objects",
    "TAcc/4-6": "TAcc with 4 to 6 visible objects",
    "TAcc/7-8": "TAcc with 7 or 8 visible objects",
    "TAcc/9-10": "TAcc with 9 or 10 visible objects",
    "loose_acc": "final state right, however reached",
    "order_error": "of these, with an error on the way",
    "step_diff": "predicted minus true changes",
    "overlap": "objects too near on the way",
    "out_of_world": "an object left the world",
    "invalid": "a change that cannot be made",
    "unparsed": "no answer could be read",
    "accuracy": "right answers",
    "score": "mean score",
    "caa": "accuracy above chance",
    "circular": "right under every rotation",
    "vanilla": "right under the first",
    "isomorphic": "every relation right",
    "valid_graph": "names at least one thing",
    "valid_format": "well formed",
    "parsable_json": "a map could be read",
    "overall_similarity": "0.7 directional + 0.3 facing",
    "directional_similarity": "true relations repeated",
    "facing_similarity": "true facings repeated",
    "coverage": "true names in the map",
}
"""A few words on each metric."""


def format_metric(metric: str, value: float | None, *, sign: bool = False) -> str:
    """Return a number as tables show it: shares in percent; ``"–"`` where there is none.

    >>> format_metric("TAcc", 0.6139), format_metric("NDiff", 0.3069), format_metric("TAcc", None)
    ('61.4', '0.31', '–')
    >>> format_metric("TAcc", 0.02, sign=True)
    '+2.0'
    """
    if value is None or not isfinite(value):
        return "–"
    plus = "+" if sign else ""
    name = metric.rpartition("/")[2] if metric.rpartition("/")[2] in PLAIN else metric
    text = f"{value:{plus}.2f}" if name in PLAIN else f"{100 * value:{plus}.1f}"
    return text.replace("-", "−")


def format_range(metric: str, low: float | None, high: float | None) -> str:
    """Return the bounds of an interval: ``"59.0–63.7"``; empty where there are none.

    >>> format_range("TAcc", 0.59, 0.637), format_range("NDiff", None, None), format_range("Diff", -1.5, 0.5)
    ('59.0–63.7', '', '−1.50 to 0.50')
    """
    if low is None or high is None or not (isfinite(low) and isfinite(high)):
        return ""
    between = " to " if low < 0 else "–"
    return f"{format_metric(metric, low)}{between}{format_metric(metric, high)}"


def unit(metrics: Collection[str]) -> str:
    """Return the unit that some metrics are written in.

    >>> unit(["TAcc", "color"]), unit(["NDiff"])
    ('%', '')
    """
    return "" if all(metric in PLAIN for metric in metrics) else "%"
