"""Scoring MindCube's cognitive maps: `score_official`, decision for decision, `score_strict`, and both their tables.

Source: mll-lab-nu/MindCube 6d8fd9a ``src/evaluation/cogmap/cogmap_evaluator.py``. Upstream's averages are
over the maps that are valid graphs, its accuracies over all items, and overall numbers leave translation out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.benchmark import Benchmark, Rules, column, common_fields, identity, of_rows, score_each, text_column
from benchmarks.mindcube.cogmap import compare_maps, extract_map
from benchmarks.mindcube.scoring import (
    OUTSIDE_OVERALL,
    SEARCH_ORDER,
    row_setting,
    scene_of,
    setting_groups,
    setting_of,
)
from benchmarks.strict import answer_section
from benchmarks.tables import Cell, Measure, cross
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from benchmarks.benchmark import Row
    from benchmarks.tables import Stats

SIMILARITIES = ("overall_similarity", "directional_similarity", "facing_similarity", "coverage")
_SHARES = ("isomorphic", "valid_graph", "valid_format", "parsable_json")
_FORM: Final = ("parsable_json", "valid_format", "valid_graph", "isomorphic")
_MAP_FIELDS: Final[dict[str, type]] = {
    "extracted_json": str,
    **dict.fromkeys(_FORM, bool),
    **dict.fromkeys(SIMILARITIES, float),
    "best_rotation": str,
}
_AVERAGES = ("overall_similarity", "facing_similarity", "directional_similarity")
_MAP_SECTION = re.compile(r"<cogmap>((?:(?!</?cogmap>).)*)</cogmap>", re.IGNORECASE | re.DOTALL)


# The official protocol


def score_official(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score the cognitive map in one response.

    Args:
        row: columns ``response`` (text) and ``grounded_cogmap`` (the true map, as JSON text or as a mapping).

    Returns:
        ``extracted_json`` (the map read, or None) and the columns of `compare_maps`.

    Raises:
        DataError: a column is missing.
    """
    generated = extract_map(text_column(row, "response"))
    truth = column(row, "grounded_cogmap")
    grounded = extract_map(truth) if isinstance(truth, str) else truth
    return {"extracted_json": generated, **compare_maps(generated, grounded)}


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return counts and means of cognitive-map metrics, overall and by setting.

    Args:
        rows: the column ``id`` together with those of `score_official`.

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
    """Count the best rotations; ``none`` for maps that share no relation with the ground truth in any."""
    return dict(Counter(row["best_rotation"] or "none" for row in rows))


# The strict protocol


def score_strict(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score the cognitive map of one response: whole and valid JSON, in its section.

    Its section is the last complete ``<cogmap>`` block, or else the answer section. Nothing is repaired.

    Args:
        row: columns ``response`` (text) and ``grounded_cogmap`` (the true map, as JSON text or as a mapping).

    Returns:
        The columns of `score_official`, and ``fault``: the code of what is wrong with the form,
        or None.

    Raises:
        DataError: a column is missing, or the true map cannot be read.
    """
    truth = column(row, "grounded_cogmap")
    grounded = extract_map(truth) if isinstance(truth, str) else truth
    if not isinstance(grounded, dict) or not compare_maps(grounded, grounded)["valid_graph"]:
        raise DataError("grounded_cogmap is no cognitive map; each thing has a name and a position of two numbers")
    drawn, fault = _read_map(text_column(row, "response"))
    return {"extracted_json": drawn, **compare_maps(drawn, grounded), "fault": fault}


def _read_map(response: str) -> tuple[dict[str, Any] | None, str | None]:
    sections = _MAP_SECTION.findall(response)
    section, fault = (sections[-1], None) if sections else answer_section(response)
    if section is None:
        return None, fault.code if fault else None
    start, end = section.find("{"), section.rfind("}")
    if start < 0 or end < start:
        return None, "no_map"
    try:
        drawn: dict[str, Any] = json.loads(section[start : end + 1])
    except (ValueError, RecursionError):
        return None, "broken_json"
    return drawn, None


# The tables of both protocols


def cells(stats: Stats, *, over_valid: bool) -> Iterator[Cell]:
    """Yield shares and mean similarities of cognitive maps, overall (without translation) and by setting.

    Args:
        stats: the columns of `score_official` and ``setting``.
        over_valid: whether similarities are averaged over the valid maps only, as upstream does. Otherwise a map that
            is not valid counts 0, so that a model gains nothing by writing none.
    """
    every = np.ones(len(stats["setting"]), dtype=bool)
    measures = {name: Measure(stats[name], every) for name in _SHARES}
    measures |= {name: Measure(stats[name], stats["valid_graph"] if over_valid else every) for name in SIMILARITIES}
    return cross(setting_groups(stats), measures)


# What `star score --benchmark mindcube-cogmap` takes of it


def _official_row(row: Row) -> dict[str, Any]:
    """Score the cognitive map wherever it is in the text, as MindCube does."""
    return _map_scores(score_official(row), None)


def _strict_row(row: Row) -> dict[str, Any]:
    """Score the cognitive map in its section."""
    found = score_strict(row)
    return _map_scores(found, found.pop("fault"))


def _map_scores(found: dict[str, Any], fault: str | None) -> dict[str, Any]:
    """Return a map's columns; right is what is isomorphic."""
    correct, score = found["isomorphic"], found["overall_similarity"]
    return common_fields(correct=correct, score=score, parsed=found["parsable_json"], fault=fault) | found


def _kept(row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: found[name] for name in (*_FORM, *SIMILARITIES)}
    return {**kept, "best_rotation": found["best_rotation"] or "", "setting": row_setting(row)}


MINDCUBE_COGMAP: Final = Benchmark(
    name="mindcube-cogmap",
    title="MindCube cognitive maps",
    reads={"completion": "response", "cogmap": "grounded_cogmap", **identity("id", "setting")},
    required=("cogmap",),
    rules={
        "official": Rules(
            partial(score_each, score_row=_official_row, keep=_kept),
            partial(cells, over_valid=True),
            _MAP_FIELDS,
            of_rows(aggregate, {**identity(*_FORM, *SIMILARITIES, "best_rotation"), "id": "setting"}),
        ),
        "strict": Rules(
            partial(score_each, score_row=_strict_row, keep=_kept), partial(cells, over_valid=False), _MAP_FIELDS
        ),
    },
    headline="isomorphic",
    shown=("isomorphic", "overall_similarity", "directional_similarity", "facing_similarity"),
    scene=scene_of,
)
