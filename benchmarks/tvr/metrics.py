"""The paper's metrics of TVR, each the mean of a per-row number over some of the rows.

STAR-R1 reports eleven and defines few of them; what is ours is said at `measures`. Because every metric is a
mean, every group of rows and every interval of `benchmarks.statistics` applies to every metric.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.statistics import cluster_codes, mean_interval
from benchmarks.tvr.rows import COLUMNS, RowStats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from benchmarks.statistics import Clusters, Interval
    from benchmarks.tvr.world import Bools

    Table = dict[str, dict[str, Interval]]

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


class Measure(NamedTuple):
    """One metric before it is averaged.

    Attributes:
        values: ``(n,)``, one number or, where the mean is a share, one boolean a row.
        counts: ``(n,)``, which rows the mean is over.
    """

    values: npt.NDArray[Any]
    counts: Bools


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


def table(
    stats: RowStats,
    *,
    among: Mapping[str, Bools] | None = None,
    clusters: Clusters | None = None,
    interval: Callable[..., Interval] = mean_interval,
) -> Table:
    """Average every metric over every group of rows.

    Args:
        stats: of n rows.
        among: groups of rows, masks ``(n,)``; default: `groups`.
        clusters: ``(n,)``, ids of rows that belong together, e.g. to one scene.
        interval: `benchmarks.statistics.mean_interval`, or ``partial(bootstrap_interval, seed=...)``; called
            with the values and ``clusters=``.

    Returns:
        group -> metric -> interval. A metric that no row of the group counts for is left out.
    """
    codes = None if clusters is None else cluster_codes(clusters)
    columns = measures(stats)
    return {
        group: {
            name: interval(measure.values[rows], clusters=None if codes is None else codes[rows])
            for name, measure in columns.items()
            if (rows := mask & measure.counts).any()
        }
        for group, mask in (groups(stats) if among is None else among).items()
    }


def _visible_masks(stats: RowStats) -> dict[str, Bools]:
    seen = stats.n_visible
    return {name: (seen >= low) & (seen <= high) for name, (low, high) in VISIBLE_GROUPS.items()}
