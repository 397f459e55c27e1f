"""MMSI-Bench's metrics as means over rows: the micro average, the eleven types, circular accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.mmsi.circular import STRIDE, circular_measures
from benchmarks.mmsi.types import TYPES
from benchmarks.tables import Cell, Measure, cross, masks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.tables import Stats


def cells(stats: Stats) -> Iterator[Cell]:
    """Yield accuracy and the share of unparsed rows over all rows (the micro average) and by type.

    Where rows have an index and some are rotations, also the measures of `benchmarks.mmsi.circular`.

    Args:
        stats: ``correct``, ``parsed``, ``type`` and ``index`` (-1 where there is none).
    """
    every = np.ones(len(stats["correct"]), dtype=bool)
    measures = {"accuracy": Measure(stats["correct"], every), "unparsed": Measure(~stats["parsed"], every)}
    if (stats["index"] >= 0).all() and (stats["index"] >= STRIDE).any():
        measures |= circular_measures(stats["index"], stats["correct"])
    return cross({"overall": every, **masks(stats["type"], TYPES)}, measures)
