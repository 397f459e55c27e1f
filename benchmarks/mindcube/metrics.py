"""MindCube's metrics as means over rows: accuracy by setting, and the quality of cognitive maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.mindcube.settings import OUTSIDE_OVERALL, SETTINGS
from benchmarks.tables import Cell, Measure, cross, masks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.tables import Bools, Stats

SIMILARITIES = ("overall_similarity", "directional_similarity", "facing_similarity", "coverage")
_SHARES = ("isomorphic", "valid_graph", "valid_format", "parsable_json")


def cells(stats: Stats) -> Iterator[Cell]:
    """Yield accuracy and the share of unparsed rows, overall (without translation, as upstream) and by setting.

    Args:
        stats: ``correct``, ``parsed``, ``setting`` and ``has_gold``: MindCube skips rows without a true answer.
    """
    counts = stats["has_gold"]
    measures = {"accuracy": Measure(stats["correct"], counts), "unparsed": Measure(~stats["parsed"], counts)}
    return cross(_groups(stats), measures)


def map_cells(stats: Stats, *, over_valid: bool) -> Iterator[Cell]:
    """Yield shares and mean similarities of cognitive maps, overall (without translation) and by setting.

    Args:
        stats: the columns of `benchmarks.mindcube.cogmap.score_row` and ``setting``.
        over_valid: whether similarities are averaged over the valid maps only, as upstream does. Otherwise a map that
            is not valid counts 0, so that a model gains nothing by writing none.
    """
    every = np.ones(len(stats["setting"]), dtype=bool)
    measures = {name: Measure(stats[name], every) for name in _SHARES}
    measures |= {name: Measure(stats[name], stats["valid_graph"] if over_valid else every) for name in SIMILARITIES}
    return cross(_groups(stats), measures)


def _groups(stats: Stats) -> dict[str, Bools]:
    setting = stats["setting"]
    return {"overall": ~np.isin(setting.astype(str), sorted(OUTSIDE_OVERALL)), **masks(setting, SETTINGS)}
