"""SPAR-Bench's metrics as means over rows: the twenty tasks, and macro averages over tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.sparbench.tasks import LEVELS, TASKS, VIEW_CHANGE
from benchmarks.tables import Cell, Measure, cross, macro, masks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.tables import Stats


def cells(stats: Stats, *, middle_has_view_change: bool) -> Iterator[Cell]:
    """Yield scores overall, by level and by task.

    Overall and levels are means over tasks of their mean scores. ``accuracy`` is the share of right rows: of numbers
    and camera moves those within 5 %. ``unparsed`` is the share of rows in which nothing could be read.

    Args:
        stats: ``score``, ``correct``, ``task`` and, where the protocol knows it, ``parsed``.
        middle_has_view_change: whether ``view_change_infer`` counts in its level; the official scorer forgets it.
    """
    task = stats["task"]
    every = np.ones(len(task), dtype=bool)
    columns = {"score": stats["score"], "accuracy": stats["correct"]}
    columns |= {"unparsed": ~stats["parsed"]} if "parsed" in stats else {}
    names = task.astype(str)
    levels = {level: np.isin(names, members) for level, members in LEVELS.items()}
    if not middle_has_view_change:
        levels["Middle"] &= names != VIEW_CHANGE
    for group, rows in {"overall": every, **levels}.items():
        for metric, values in columns.items():
            yield Cell(group, metric, macro(values, task, rows))
    yield from cross(masks(task, TASKS), {metric: Measure(values, every) for metric, values in columns.items()})
