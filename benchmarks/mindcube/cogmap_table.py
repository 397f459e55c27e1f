"""The table that MindCube prints for cognitive maps, under its own names.

Source: mll-lab-nu/MindCube 6d8fd9a ``src/evaluation/cogmap/cogmap_evaluator.py``. Upstream's averages are
over the maps that are valid graphs, its accuracies over all items, and overall numbers leave translation out.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from benchmarks.columns import text_column
from benchmarks.mindcube.settings import OUTSIDE_OVERALL, SEARCH_ORDER, setting_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_AVERAGES = ("overall_similarity", "facing_similarity", "directional_similarity")


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return counts and means of cognitive-map metrics, overall and by setting.

    Args:
        rows: the column ``id`` together with those of `benchmarks.mindcube.cogmap.score_row`.

    Returns:
        ``total`` (without translation), ``unfiltered_total``, ``cogmap_similarity`` (overall, rounded to four
        digits as upstream does) and ``settings`` -> ``total`` and ``cogmap_similarity`` (unrounded).
        Accuracies and averages are in [0, 1], ``valid_percent`` in [0, 100]; 0 where there is nothing to
        average.
    """
    by_setting: dict[str, list[Mapping[str, Any]]] = {name: [] for name in (*SEARCH_ORDER, "other")}
    counted = []
    for row in rows:
        setting = setting_of(text_column(row, "id"))
        by_setting[setting].append(row)
        if setting not in OUTSIDE_OVERALL:
            counted.append(row)
    return {
        "total": len(counted),
        "unfiltered_total": sum(map(len, by_setting.values())),
        "cogmap_similarity": _overall(counted),
        "settings": {
            name: {"total": len(members), "cogmap_similarity": _setting(members)}
            for name, members in by_setting.items()
        },
    }


def _overall(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    valid = [row for row in rows if row["valid_graph"]]
    counts = {
        "parsable_json": sum(row["parsable_json"] for row in rows),
        "valid": len(valid),
        "isomorphic": sum(row["isomorphic"] for row in valid),
    }
    table: dict[str, Any] = {}
    for name, count in counts.items():
        table[f"{name}_count"] = count
        table[f"{name}_accuracy"] = round(_share(count, len(rows)), 4)
    averages = {f"avg_{name}": round(_average(valid, name), 4) for name in _AVERAGES}
    return table | averages | {"rotation_distribution": _rotations(valid)}


def _setting(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    valid = [row for row in rows if row["valid_graph"]]
    isomorphic = sum(row["isomorphic"] for row in valid)
    return {
        "total_valid": len(valid),
        "valid_percent": 100 * _share(len(valid), len(rows)),
        "isomorphic_count": isomorphic,
        "rotation_invariant_isomorphic_count": isomorphic,
        "parsable_json_count": sum(row["parsable_json"] for row in rows),
        "valid_format_count": sum(row["valid_format"] for row in rows),
        "avg_relative_position_accuracy": _average(valid, "directional_similarity"),
        **{f"avg_{name}": _average(valid, name) for name in _AVERAGES},
        "rotation_distribution": _rotations(valid),
    }


def _share(count: int, total: int) -> float:
    return count / total if total else 0.0


def _average(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    """Average in the rows' order, each addition rounded, as upstream does: the fourth digit can hang on it."""
    return reduce(add, (row[name] for row in rows)) / len(rows) if rows else 0.0


def _rotations(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count the best rotations; ``none`` for maps that share no relation with the truth in any."""
    return dict(Counter(row["best_rotation"] or "none" for row in rows))
