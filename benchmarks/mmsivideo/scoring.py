r"""MMSI-Video-Bench's types and tables, and its two protocols.

Sources: InternRobotics/MMSI-Video-Bench b8da92c ``evaluation.py``; EvolvingLMMs-Lab/lmms-eval 75571cf
``lmms_eval/tasks/mmsi_video/utils.py``; open-compass/VLMEvalKit e8e78f0 ``vlmeval/dataset/mmsibench.py``, see
`benchmarks.vlmevalkit`.

Known quirks, kept on purpose: tags are left out, and the reasoning is not; the first of ``boxed{}``, ``answer is`` and
``answer:`` that the text holds decides, even where what follows is no letter, so "The answer is clear: B." is none; of
several boxes the first counts, of several of the others the last, up to a comma or a full stop. Without them only a
text counts that is a letter up to its first full stop. "no answer" anywhere is none. lmms-eval goes on where that is no
letter, and ends with the first of A to F, by the alphabet, that stands as ``(A)``, ``A.`` or alone: "So B. A is wrong"
is A.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

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
from benchmarks.tables import Measure, by_kind, cross, masks
from benchmarks.vlmevalkit import match_option
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchmarks.benchmark import Row
    from benchmarks.tables import Cell, Stats

_LMMS: Final = {
    "(Cross-Video) Memoery Update": "cross_video_memory_update",
    "(Cross-Video) Multi-View Integration": "cross_video_multi_view",
    "Planning": "planning",
    "Prediction": "prediction",
    "(Motion Understanding) Camera Motion": "motion_camera",
    "(Motion Understanding) Instance Motion": "motion_instance",
    "(Motion Understanding) Interactive Motion": "motion_interactive",
    "(Spatial Construction) Instance-Instance Spatial Relationship": "spatial_instance_instance",
    "(Spatial Construction) Instance-Scene Spatial Relationship": "spatial_instance_scene",
    "(Spatial Construction) Scene-Scene Spatial Relationship": "spatial_scene_scene",
    "(Spatial Construction) Instance/Scene Attribute": "spatial_attribute",
    "(Spatial Construction) Camera-Instance Spatial Relationship": "spatial_camera_instance",
    "(Spatial Construction) Camera-Scene Spatial Relationship": "spatial_camera_scene",
}
TYPES = tuple(_LMMS)
"""The types, spelled and ordered as the owners do."""

SUBSETS = ("Easy2hard", "Grounding", "Indoor_Scene_Perception", "Robot")
"""Columns of VLMEvalKit's table that say which part of a smaller benchmark a question belongs to."""

_LETTERS = "ABCDEF"
_SAYINGS = ('"answer":', "answer is", "answer:", '"Answer":', "Answer is", "Answer:")
_LMMS_SAYINGS = (*_SAYINGS, "The answer is", "the answer is")
_NOISE = str.maketrans(dict.fromkeys(" \"'\n:"))


# The official protocol


def extract_own(text: str) -> str | None:
    r"""Return the letter A-F that MMSI-Video-Bench reads, or None.

    >>> extract_own("The answer is A? No, the answer is B, I think."), extract_own(r"\boxed{C}"), extract_own("(D)")
    ('B', 'C', None)
    """
    text = _without_tags(text)
    if "no answer" in text:
        return None
    said = next(_said(text, _SAYINGS), None)
    return _letter(text.split(".", 1)[0] if said is None else said)


def extract_lmms(text: str) -> str | None:
    """Return the letter A-F that lmms-eval reads, or None.

    >>> extract_lmms("The answer is clear: B."), extract_lmms("So B. A is wrong"), extract_lmms("Because")
    ('B', 'A', None)
    """
    if "no answer" in text.lower():
        return None
    text = _without_tags(text.strip())
    for said in (*_said(text, _LMMS_SAYINGS), text.split(".", 1)[0]):
        if letter := _letter(said):
            return letter
    forms = (
        (letter, (f"({letter})" in text, f" {letter} " in f" {text} ", f"{letter}." in text)) for letter in _LETTERS
    )
    return next((letter for letter, found in forms if any(found)), None)


def _without_tags(text: str) -> str:
    return text.replace("<answer>", "").replace("</answer>", "")


def _said(text: str, sayings: tuple[str, ...]) -> Iterator[str]:
    """Yield what follows the last of each announcement that the text holds, up to a comma or a full stop."""
    if "boxed{" in text:
        yield text.split("boxed{", 2)[1].split("}", 1)[0]
    for saying in sayings:
        if saying in text:
            yield text.rpartition(saying)[2].split(",", 1)[0].split(".", 1)[0]


def _letter(text: str) -> str | None:
    """Return a letter A-F where the text is that and noise, else None."""
    bare = text.translate(_NOISE)
    return bare if len(bare) == 1 and bare in _LETTERS else None


def score_official(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response as MMSI-Video-Bench, lmms-eval and VLMEvalKit do.

    Args:
        row: columns ``response`` and ``ground_truth`` (a letter A-F).

    Returns:
        ``official_extracted``, ``official_score``, and the same of ``lmms`` and ``vlmevalkit``: a letter or None, and 0
        or 1.

    Raises:
        DataError: a column is missing, or the target is no letter A-F.
    """
    text, truth = text_column(row, "response"), text_column(row, "ground_truth").strip()
    if len(truth) != 1 or truth not in _LETTERS:
        raise DataError(f"the target {truth!r} is no letter A-F")
    read = {"official": extract_own(text), "lmms": extract_lmms(text), "vlmevalkit": match_option(text)}
    return {
        name: value
        for who, letter in read.items()
        for name, value in ((f"{who}_extracted", letter), (f"{who}_score", float(letter == truth)))
    }


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tables of MMSI-Video-Bench and of the kits under their own names.

    Args:
        rows: input columns (``type``) together with those of `score_official`.

    Returns:
        ``official`` (accuracies in [0, 1], ``Overall`` and of the types that have rows), ``lmms`` (times 100, rounded;
        0 for a type without rows), and ``vlmevalkit`` (times 100; by the owners' categories and by type).
    """
    rows = list(rows)
    official, lmms, kit = ({**_means(rows, f"{name}_score")} for name in ("official", "lmms", "vlmevalkit"))
    wide = [{**row, "type": _category(row["type"])[0]} for row in rows]
    return {
        "official": official,
        "lmms": {
            "overall_accuracy": round(100 * lmms["Overall"], 2),
            **{key: round(100 * lmms.get(name, 0.0), 2) for name, key in _LMMS.items()},
        },
        "vlmevalkit": {
            "overall": 100 * kit.pop("Overall"),
            **{
                f"task_type.{name}_accuracy": 100 * value
                for name, value in _means(wide, "vlmevalkit_score").items()
                if name != "Overall"
            },
            **{f"sub_task_type.{_category(name)[1]}_accuracy": 100 * value for name, value in kit.items()},
        },
    }


def _means(rows: list[Mapping[str, Any]] | list[dict[str, Any]], column: str) -> dict[str, float]:
    names = dict.fromkeys((*TYPES, *(row["type"] for row in rows)))
    means = {name: mean([row[column] for row in rows if row["type"] == name]) for name in names}
    overall = mean([row[column] for row in rows]) or 0.0
    return {"Overall": overall} | {name: value for name, value in means.items() if value is not None}


def _category(name: str) -> tuple[str, str]:
    """Return the category and the bare name of a type.

    >>> _category("(Motion Understanding) Camera Motion"), _category("Planning")
    (('Motion Understanding', 'Camera Motion'), ('Planning', 'Planning'))
    """
    category, closed, bare = name.partition(") ")
    return (category.removeprefix("("), bare) if closed else (name, name)


# The strict protocol


def score_strict(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score the letter in the answer section, and nothing else.

    Args:
        row: columns ``response`` and ``ground_truth``, optionally ``options``.

    Returns:
        The columns of `benchmarks.strict.score_section`.

    Raises:
        DataError: a column is missing, or the target is no letter.
    """
    response, truth = text_column(row, "response"), text_column(row, "ground_truth")
    return score_completion(response, truth, kind="choice", options=bare_options(row.get("options")))


# What `star score --benchmark mmsivideo` takes of it


def cells(stats: Stats) -> Iterator[Cell]:
    """Yield accuracy and the share of unparsed rows, over all rows, by type, and by part of a smaller benchmark."""
    yield from by_kind(stats, TYPES)
    every = np.ones(len(stats["correct"]), dtype=bool)
    measures = {"accuracy": Measure(stats["correct"], every), "unparsed": Measure(~stats["parsed"], every)}
    for subset in SUBSETS:
        parts = {part: rows for part, rows in masks(stats[subset], ()).items() if part}
        if parts:
            inside = {"Avg": stats[subset] != ""} | parts
            yield from cross({f"({subset}){part}": rows for part, rows in inside.items()}, measures)


def _official_row(row: Row) -> dict[str, Any]:
    """Score as MMSI-Video-Bench, lmms-eval and VLMEvalKit do."""
    found = score_official(row)
    letter, score = found["official_extracted"], found["official_score"]
    shown = common_fields(correct=score == 1, score=score, parsed=letter is not None, answer=letter)
    return shown | found


def _kept(row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
    kits = {name: found[name] for name in ("lmms_score", "vlmevalkit_score") if name in found}
    category, bare = (str(row.get(name) or "") for name in ("task_type", "sub_task_type"))
    composed = bare if bare == category else f"({category}) {bare}"
    kind = str(row.get("type") or (composed if bare else "untyped"))
    return {"kind": kind} | {subset: _part(row.get(subset)) for subset in SUBSETS} | kits


def _part(value: Any) -> str:
    return "" if value is None or value != value or str(value).lower() in ("nan", "none", "null") else str(value)  # noqa: PLR0124  NaN


def _first_video(row: Row) -> str | None:
    videos = row.get("video_list")
    first = videos[0] if isinstance(videos, list) and videos else None
    return first.get("path") if isinstance(first, dict) else None


MMSI_VIDEO: Final = Benchmark(
    name="mmsivideo",
    title="MMSI-Video-Bench",
    reads={
        "completion": "response",
        "target": "ground_truth",
        "kind": "type",
        **identity("options", "task_type", "sub_task_type", "video_list", *SUBSETS),
    },
    required=("target",),
    rules={
        "official": Rules(
            partial(score_each, score_row=_official_row, keep=_kept),
            cells,
            {
                f"{name}_{column}": kind
                for name in ("official", "lmms", "vlmevalkit")
                for column, kind in (("extracted", str), ("score", float))
            },
            of_rows(
                aggregate, {"type": "kind", "official_score": "score", **identity("lmms_score", "vlmevalkit_score")}
            ),
        ),
        "strict": Rules(partial(score_each, score_row=score_strict, keep=_kept), cells, {}),
    },
    headline="accuracy",
    columns={
        "kind": ("type", "doc.type"),
        "video_list": ("video_list", "doc.video_list"),
        **{name: (name,) for name in ("task_type", "sub_task_type", *SUBSETS)},
    },
    tasks={"choice": {"type": TYPES[2]}},
    scene=_first_video,
)
