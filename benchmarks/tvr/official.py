"""TVR's own scorer, decision for decision: ``evaluator.py`` and ``recorder.py`` of hughplay/TVR.

The predicted transformations are carried out on the initial scene and the final states are compared; the list
itself is not. So repeats and changes that cancel each other cost nothing, while an overlap or a place outside
the world on the way makes a row incorrect for good, though not "loosely" incorrect.

Where the official code raises, wraps or divides by zero, this one is defined:

* A step that cannot be carried out is left out and marks its row: ``invalid_steps`` counts such steps,
  ``pred_step`` counts them too, ``loose_correct`` looks at the state alone, ``correct`` needs that there are
  none. It is one with an index below 0 (which upstream takes from the end) or of no object, with an unknown
  attribute or value, with an attribute that the row's ``attributes`` exclude, or no triplet at all.
* With a reference of no steps ``norm_dist`` is ``dist``.
* A view, a number of steps or a pair of both that no row has is left out of the aggregate.

Cells are integers here; upstream compares float32 places with a tolerance of 1e-4, which is the same for all
places within 1,200 grid units of the world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.tvr.rows import RowStats, row_stats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.tvr.world import Bools

VIEWS: Final = ("center", "left", "right")
ROW_SCORES: Final = (
    "dist",
    "norm_dist",
    "loose_correct",
    "correct",
    "err_overlap",
    "err_invalid_position",
    "pred_step",
    "target_step",
    "invalid_steps",
)


def score_rows(
    rows: Sequence[Mapping[str, Any]], *, where: Callable[[int], str] = "row {}".format
) -> list[dict[str, Any]]:
    """Score each row, see `benchmarks.tvr.rows` for its columns and `ROW_SCORES` for the result's keys.

    Raises:
        DataError: a scene or a reference is wrong. A prediction never raises.

    >>> cube = {"color": "red", "shape": "cube", "size": "small", "material": "glass", "position": [0, 0]}
    >>> row = {"initial_objects": [cube], "transformations": [(0, "color", "cyan")]}
    >>> [score] = score_rows([row | {"prediction": [(0, "color", "blue"), (-1, "size", "large")]}])
    >>> score["dist"], score["loose_correct"], score["correct"], score["invalid_steps"]
    (1.0, False, False, 1)
    """
    stats = row_stats(rows, where=where)
    columns = [getattr(stats, name).tolist() for name in ROW_SCORES]
    return [dict(zip(ROW_SCORES, values, strict=True)) for values in zip(*columns, strict=True)]


def aggregate(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return `aggregate_stats` of rows."""
    return aggregate_stats(row_stats(rows))


def aggregate_stats(stats: RowStats) -> dict[str, dict[str, float]]:
    """Average as the official recorder does, rows with and without moves apart.

    Returns:
        ``with_position`` and ``without_position``, where there are such rows. Each holds ``n_sample`` and the
        five means ``acc, loose_acc, avg_dist, avg_norm_dist, avg_step_diff`` of all rows, under ``{view}/``,
        under ``step_{k}/`` (k true steps) and under ``step_{k}/{view}/``. The overall ones divide by
        n + 1e-8. Sums of float32 columns are float32 where the recorder's are.
    """
    groups = {"with_position": stats.with_position, "without_position": ~stats.with_position}
    return {
        name: _aggregate_group(RowStats(*(column[mask] for column in stats)))
        for name, mask in groups.items()
        if mask.any()
    }


def _aggregate_group(stats: RowStats) -> dict[str, float]:
    n = len(stats.dist)
    result: dict[str, float] = {"n_sample": n}
    columns = {
        "acc": stats.correct,
        "loose_acc": stats.loose_correct,
        "avg_dist": stats.dist,
        "avg_norm_dist": stats.norm_dist,
        "avg_step_diff": stats.pred_step - stats.target_step,
    }
    result |= {name: float(column.sum()) / (n + 1e-8) for name, column in columns.items()}
    for view, mask in _views(stats):
        result |= {f"{view}/{name}": float(column[mask].sum()) / int(mask.sum()) for name, column in columns.items()}
    for step in np.unique(stats.target_step).tolist():
        of_step = stats.target_step == step
        parts = [("", of_step), *((f"{view}/", of_step & mask) for view, mask in _views(stats))]
        result |= {
            f"step_{step}/{prefix}{name}": float(column[mask].mean(dtype=np.float64))
            for prefix, mask in parts
            for name, column in columns.items()
            if mask.any()
        }
    return result


def _views(stats: RowStats) -> Iterator[tuple[str, Bools]]:
    for view in VIEWS:
        mask = stats.view == view
        if mask.any():
            yield view, mask
