"""MindCube's rows -> scores: letters, and cognitive maps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.evaluation.benchmark import Benchmark, Rules, of_rows, same, usual
from benchmarks.evaluation.scores import score_each
from benchmarks.mindcube import cogmap, cogmap_table, official, strict
from benchmarks.mindcube.metrics import SIMILARITIES, cells, map_cells
from benchmarks.mindcube.settings import setting_of

if TYPE_CHECKING:
    from benchmarks.evaluation.scores import Row, Scored

_FORM: Final = ("parsable_json", "valid_format", "valid_graph", "isomorphic")
_MAP_FIELDS: Final[dict[str, type]] = {
    "extracted_json": str,
    **dict.fromkeys(_FORM, bool),
    **dict.fromkeys(SIMILARITIES, float),
    "best_rotation": str,
}


def score_letter_as_official(row: Row) -> Scored:
    """Score as MindCube and lmms-eval do."""
    found = official.score_row(row)
    letter, correct = found["extracted"], found["correct"]
    shown = usual(correct=correct, score=float(correct), parsed=letter is not None, answer=letter)
    kept = {name: found[name] for name in ("setting", "lmms_score", "lmms_type")}
    return shown | found, {**kept, "has_gold": bool(row["gt_answer"])}


def score_letter_as_strict(row: Row) -> Scored:
    """Score the letter in the answer section."""
    return strict.score_row(row), {"setting": _setting(row), "has_gold": True}


def score_map_as_official(row: Row) -> Scored:
    """Score the cognitive map wherever it is in the text, as MindCube does."""
    return _map_scores(row, cogmap.score_row(row), None)


def score_map_as_strict(row: Row) -> Scored:
    """Score the cognitive map in its section."""
    found = strict.score_map(row)
    return _map_scores(row, found, found.pop("fault"))


def _map_scores(row: Row, found: dict[str, Any], fault: str | None) -> Scored:
    """Return a map's columns; right is what is isomorphic."""
    correct, score = found["isomorphic"], found["overall_similarity"]
    kept = {name: found[name] for name in (*_FORM, *SIMILARITIES)} | {"best_rotation": found["best_rotation"] or ""}
    shown = usual(correct=correct, score=score, parsed=found["parsable_json"], fault=fault)
    return shown | found, {**kept, "setting": _setting(row)}


def _setting(row: Row) -> str:
    return setting_of(str(row.get("id") or ""))


def _scene(row: Row) -> str | None:
    """Return the part of an id that names the scene: ``among_group325`` of ``among_group325_q2_1_2``."""
    setting, _, rest = str(row.get("id") or "").partition("_")
    group = rest.split("_", 1)[0]
    return f"{setting}_{group}" if group.startswith("group") else None


MINDCUBE: Final = Benchmark(
    name="mindcube",
    reads={"completion": "response", "target": "gt_answer", **same("id", "options")},
    required=("target",),
    rules={
        "official": Rules(
            partial(score_each, score_row=score_letter_as_official),
            cells,
            {**dict.fromkeys(("extracted", "setting", "lmms_extracted", "lmms_type"), str), "lmms_score": float},
            of_rows(
                official.aggregate,
                {**same("correct", "setting", "lmms_score", "lmms_type"), "gt_answer": "has_gold"},
            ),
        ),
        "strict": Rules(partial(score_each, score_row=score_letter_as_strict), cells, {}),
    },
    headline="accuracy",
    scene=_scene,
)

MINDCUBE_COGMAP: Final = Benchmark(
    name="mindcube-cogmap",
    reads={"completion": "response", "cogmap": "grounded_cogmap", **same("id")},
    required=("cogmap",),
    rules={
        "official": Rules(
            partial(score_each, score_row=score_map_as_official),
            partial(map_cells, over_valid=True),
            _MAP_FIELDS,
            of_rows(cogmap_table.aggregate, {**same(*_FORM, *SIMILARITIES, "best_rotation"), "id": "setting"}),
        ),
        "strict": Rules(
            partial(score_each, score_row=score_map_as_strict), partial(map_cells, over_valid=False), _MAP_FIELDS
        ),
    },
    headline="isomorphic",
    scene=_scene,
)
