r"""ViewSpatial-Bench's types and tables, and its two protocols.

Sources: ZJU-REAL/ViewSpatial-Bench 2e85a5e ``evaluate.py``; EvolvingLMMs-Lab/lmms-eval 75571cf
``lmms_eval/tasks/viewspatial/utils.py``, which scores each row the same; open-compass/VLMEvalKit e8e78f0
``vlmeval/dataset/viewspatialbench.py``, see `benchmarks.vlmevalkit`.

Known quirks, kept on purpose: only what follows the last line end counts, so an answer that ends with one is none; in
it the first letter A-D that stands alone, in either case, so the article of "a bit to the left, B" is A, and so is the
"A" of "Option A is wrong, B". A word that ends with an apostrophe holds one too: "d" of "I'd say B".
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from benchmarks.benchmark import (
    Benchmark,
    Rules,
    common_fields,
    identity,
    mean,
    of_rows,
    score_each,
    text_column,
)
from benchmarks.strict import bare_options, score_completion
from benchmarks.tables import by_kind
from benchmarks.vlmevalkit import match_option
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchmarks.benchmark import Row
    from benchmarks.tables import Cell, Stats

TYPES = (
    "Camera perspective - Relative Direction",
    "Camera perspective - Object View Orientation",
    "Person perspective - Object View Orientation",
    "Person perspective - Relative Direction",
    "Person perspective - Scene Simulation Relative Direction",
)
"""The types in the order in which the paper's tables print them."""

_LETTER = re.compile(r"\b[A-D]\b", re.IGNORECASE)
_SCANNET = re.compile(r"scene\d{4}_\d\d")


# The official protocol


def extract_option(text: str) -> str | None:
    r"""Return the first letter A-D that stands alone in the last line, in upper case, or None.

    >>> extract_option("B. left\nIt is a bit to the left"), extract_option("B\n")
    ('A', None)
    """
    found = _LETTER.search(text.rpartition("\n")[2])
    return found[0].upper() if found else None


def score_official(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response as ViewSpatial-Bench and VLMEvalKit do.

    Args:
        row: columns ``response`` and ``answer`` (a letter, or ``"A. right"``).

    Returns:
        ``official_extracted``, ``official_score``, ``vlmevalkit_extracted`` and ``vlmevalkit_score``: a letter or None,
        and 0 or 1.

    Raises:
        DataError: a column is missing, or the target is no letter A-D.
    """
    text, answer = text_column(row, "response"), text_column(row, "answer")
    truth = extract_option(answer)
    if truth is None:
        raise DataError(f"the target {answer!r} is no letter A-D")
    official, kit = extract_option(text), match_option(text)
    return {
        "official_extracted": official,
        "official_score": float(official == truth),
        "vlmevalkit_extracted": kit,
        "vlmevalkit_score": float(kit == truth),
    }


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tables of ViewSpatial-Bench and of the kits under their own names.

    Args:
        rows: input columns (``question_type``) together with those of `score_official`.

    Returns:
        ``official`` (accuracies in [0, 1], overall and by type), ``lmms`` (likewise; 0 for a type without rows) and
        ``vlmevalkit`` (times 100).
    """
    rows = list(rows)
    official, by_type = _accuracies(rows, "official_score")
    overall, types = _accuracies(rows, "vlmevalkit_score")
    return {
        "official": {"overall_accuracy": official, **by_type},
        "lmms": {"overall_accuracy": official, **{_metric_key(name): by_type.get(name, 0.0) for name in TYPES}},
        "vlmevalkit": {"overall": 100 * overall, **{f"{name}_accuracy": 100 * value for name, value in types.items()}},
    }


def _accuracies(rows: list[Mapping[str, Any]], column: str) -> tuple[float, dict[str, float]]:
    names = dict.fromkeys((*TYPES, *(row["question_type"] for row in rows)))
    means = {name: mean([row[column] for row in rows if row["question_type"] == name]) for name in names}
    return mean([row[column] for row in rows]) or 0.0, {
        name: value for name, value in means.items() if value is not None
    }


def _metric_key(name: str) -> str:
    return f"{name.replace(' - ', '_').replace(' ', '_').lower()}_accuracy"


# The strict protocol


def score_strict(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score the letter in the answer section, and nothing else.

    Args:
        row: columns ``response`` and ``answer``, optionally ``options``: texts, or the lines of one text.

    Returns:
        The columns of `benchmarks.strict.score_section`.

    Raises:
        DataError: a column is missing, or the target is no letter.
    """
    response, answer = text_column(row, "response"), text_column(row, "answer")
    return score_completion(response, answer, kind="choice", options=read_choices(row.get("options")))


def read_choices(value: Any) -> dict[str, str] | None:
    r"""Return the texts of options by letter, of a list or of the owners' text.

    >>> read_choices("A. left\nB. front-right")
    {'A': 'left', 'B': 'front-right'}
    """
    return bare_options(value.strip().split("\n") if isinstance(value, str) and "\n" in value.strip() else value)


# What `star score --benchmark viewspatial` takes of it


def cells(stats: Stats) -> Iterator[Cell]:
    """Yield accuracy and the share of unparsed rows over all rows (the micro average) and by type."""
    return by_kind(stats, TYPES)


def _official_row(row: Row) -> dict[str, Any]:
    """Score as ViewSpatial-Bench and VLMEvalKit do."""
    found = score_official(row)
    letter, score = found["official_extracted"], found["official_score"]
    shown = common_fields(correct=score == 1, score=score, parsed=letter is not None, answer=letter)
    return shown | found


def _kept(row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
    kits = {name: found[name] for name in ("vlmevalkit_score",) if name in found}
    return {"kind": str(row.get("question_type") or "untyped"), **kits}


def scene_of(path: str) -> str:
    """Return the scene of an image's path: of ScanNet its id, of COCO the image.

    >>> scene_of("ViewSpatial-Bench/scannetv2_val/scene0011_00/original_images/280.jpg"), scene_of("val2017/000285.jpg")
    ('scene0011_00', '000285')
    """
    found = _SCANNET.search(path)
    return found[0] if found else PurePosixPath(path).stem


def _scene(row: Row) -> str | None:
    paths = row.get("image_path")
    first = paths[0] if isinstance(paths, list) and paths else paths
    return scene_of(first) if isinstance(first, str) and first else None


VIEWSPATIAL: Final = Benchmark(
    name="viewspatial",
    title="ViewSpatial-Bench",
    reads={
        "completion": "response",
        "target": "answer",
        "kind": "question_type",
        **identity("options", "image_path"),
    },
    required=("target",),
    rules={
        "official": Rules(
            partial(score_each, score_row=_official_row, keep=_kept),
            cells,
            {
                **dict.fromkeys(("official_extracted", "vlmevalkit_extracted"), str),
                **dict.fromkeys(("official_score", "vlmevalkit_score"), float),
            },
            of_rows(aggregate, {"question_type": "kind", "official_score": "score", **identity("vlmevalkit_score")}),
        ),
        "strict": Rules(partial(score_each, score_row=score_strict, keep=_kept), cells, {}),
    },
    headline="accuracy",
    columns={
        "kind": ("question_type", "doc.question_type", "camera_perspective_relative_direction_accuracy.question_type"),
        "options": ("options", "choices", "candidates", "doc.choices"),
        "image_path": ("image_path", "doc.image_path"),
    },
    tasks={"choice": {"question_type": TYPES[0]}},
    scene=_scene,
)
