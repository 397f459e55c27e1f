"""The paper's metrics of TVR, each the mean of a per-row number over some of the rows.

STAR-R1 reports eleven and defines few of them; what is ours is said at `measures`. `benchmarks.tables` averages them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.tables import Cell, Measure, cross
from benchmarks.tvr.rows import COLUMNS, RowStats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.tvr.world import Bools

VISIBLE_GROUPS: Final = {"1-3": (1, 3), "4-6": (4, 6), "7-8": (7, 8), "9-10": (9, 10)}
PAPER_METRICS: Final = (
    "color",
    "shape",
    "size",
    "material",
    "TAcc",
    "Diff",
    "NDiff",
    *(f"TAcc/{name}" for name in VISIBLE_GROUPS),
)


def measures(stats: RowStats) -> dict[str, Measure]:
    """Return every metric as per-row numbers, the paper's eleven first (`PAPER_METRICS`).

    * ``color``, ``shape``, ``size``, ``material`` (and ``position``): over the rows whose reference changes
      that attribute, the share in which it ends right on all objects. The paper names these four accuracies
      and does not define them; this is our decision.
    * ``TAcc``: share of rows that are correct. ``Diff``, ``NDiff``: mean ``dist`` and ``norm_dist``. That
      these are TVR's acc, AD and AND is inferred from the names.
    * ``TAcc/1-3`` ... ``TAcc/9-10``: TAcc of the rows with so many objects visible at first.
    * ``loose_acc``: share with the right final state, however reached. ``order_error``: of those, the share
      that is not correct (EO of the TVR paper, (LAcc - Acc) / LAcc).
    * ``step_diff``: mean of predicted minus true number of steps.
    * ``overlap``, ``out_of_world``, ``invalid``: share of rows with an overlap, with a place outside the
      world, with a step that could not be carried out.
    """
    every = np.ones(len(stats.dist), dtype=bool)
    attributes = {name: Measure(stats.right[:, k], stats.changed[:, k]) for k, name in enumerate(COLUMNS)}
    moves = attributes.pop("position")
    return {
        **attributes,
        "TAcc": Measure(stats.correct, every),
        "Diff": Measure(stats.dist, every),
        "NDiff": Measure(stats.norm_dist, every),
        **{f"TAcc/{name}": Measure(stats.correct, mask) for name, mask in _visible_masks(stats).items()},
        "position": moves,
        "loose_acc": Measure(stats.loose_correct, every),
        "order_error": Measure(~stats.correct, stats.loose_correct),
        "step_diff": Measure(stats.pred_step - stats.target_step, every),
        "overlap": Measure(stats.err_overlap, every),
        "out_of_world": Measure(stats.err_invalid_position, every),
        "invalid": Measure(stats.invalid_steps > 0, every),
    }


def groups(stats: RowStats) -> dict[str, Bools]:
    """Return the groups of rows that tables and figures show, those without rows left out.

    ``all``; ``ID`` (the final view is the centre's, as in training) and ``OOD`` (left or right); each view by
    its name; ``step_{k}`` by the number of true steps; ``visible_1-3`` ... by objects visible at first.
    """
    views = sorted(set(stats.view.tolist()) - {""})
    steps = np.unique(stats.target_step).tolist()
    every = {
        "all": np.ones(len(stats.dist), dtype=bool),
        "ID": stats.view == "center",
        "OOD": (stats.view == "left") | (stats.view == "right"),
        **{view: stats.view == view for view in views},
        **{f"step_{step}": stats.target_step == step for step in steps},
        **{f"visible_{name}": mask for name, mask in _visible_masks(stats).items()},
    }
    return {name: mask for name, mask in every.items() if mask.any()}


def cells(stats: RowStats, *, parsed: Bools | None = None) -> Iterator[Cell]:
    """Yield every metric over every group of rows; with *parsed*, ``(n,)``, also the share of unparsed rows."""
    every = measures(stats)
    if parsed is not None:
        every["unparsed"] = Measure(~parsed, np.ones(len(parsed), dtype=bool))
    return cross(groups(stats), every)


def _visible_masks(stats: RowStats) -> dict[str, Bools]:
    seen = stats.n_visible
    return {name: (seen >= low) & (seen <= high) for name, (low, high) in VISIBLE_GROUPS.items()}
