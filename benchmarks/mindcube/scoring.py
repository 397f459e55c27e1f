"""MindCube's settings and tables, and its two protocols: `score_official`, decision for decision, and `score_strict`.

Sources: mll-lab-nu/MindCube 6d8fd9a ``src/evaluation/core/extractors.py`` and ``evaluator.py``;
EvolvingLMMs-Lab/lmms-eval 75571cf ``lmms_eval/tasks/mindcube/utils.py``. Known quirks, kept on purpose: the
whole response is searched, reasoning included, so the last ``X.`` anywhere wins over the answer; only the tag
``<Answer>`` with a capital A is known; lower-case letters never count.

This is about letters; cognitive maps are in `benchmarks.mindcube.cogmap_scoring`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.benchmark import (
    Benchmark,
    Rules,
    column,
    common_fields,
    identity,
    mean,
    of_rows,
    score_each,
    text_column,
)
from benchmarks.strict import score_completion
from benchmarks.tables import Cell, Measure, cross, masks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchmarks.benchmark import Row
    from benchmarks.tables import Bools, Stats

SETTINGS = ("rotation", "among", "around", "translation")
"""The settings in the order in which tables print them."""

SEARCH_ORDER = ("around", "rotation", "translation", "among")
"""The order in which the official code looks for a setting's name in an id: the first found wins."""

OUTSIDE_OVERALL = frozenset({"translation"})
"""Settings that the official overall accuracy leaves out."""

_LETTER_AND_STOP = re.compile(r"[A-E](?=\.)")
_TAGGED = re.compile(r"<Answer>([^<]*)")
_IN_TAG = tuple(
    re.compile(pattern) for pattern in (r"[Mm]y answer is ([A-E])", r"[Tt]he answer is ([A-E])", r"\b([A-E])\b")
)
# The upstream patterns that need "X." are left out: the first rule has taken every text that holds one.
_IN_TEXT = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:^|\n)(?:Answer: )?([A-E])(?:$|\s)",
        r"[*\"]([A-E])[*\"]",
        r"\bAnswer:?\s*([A-E])\b",
        r"[Mm]y answer is ([A-E])",
        r"answer is ([A-E])",
    )
)
_ALONE = re.compile(r"\b[A-E]\b")
_TARGET_IN_TAGS = re.compile(r"\s*<answer>\s*([A-E])(?:\.(?:\s.*)?)?\s*</answer>\s*", re.DOTALL)


def setting_of(item_id: str) -> str:
    """Return the setting whose name the id contains, or ``"other"``.

    >>> setting_of("aroundnew_group12_q1_2_1"), setting_of("linear_7")
    ('around', 'other')
    """
    lowered = item_id.lower()
    return next((name for name in SEARCH_ORDER if name in lowered), "other")


# The official protocol


def extract_answer(text: str) -> str | None:
    r"""Return the letter A-E that MindCube reads out of a response, or None.

    In order: the last letter before a full stop; inside ``<Answer>``, phrases and then the last letter that
    stands alone; phrases in the whole text; the first letter alone in the lowest line that has one.

    >>> extract_answer("<think>option B. is wrong</think><answer>A</answer>")
    'B'
    >>> extract_answer("so it is plan C\n<answer>a. left</answer>")
    'C'
    """
    stops = _LETTER_AND_STOP.findall(text)
    if stops:
        return str(stops[-1])
    tagged = _TAGGED.search(text)
    letter = _last_of_first(_IN_TAG, tagged.group(1)) if tagged else None
    return letter or _last_of_first(_IN_TEXT, text) or _lowest_line(text)


def _last_of_first(patterns: tuple[re.Pattern[str], ...], text: str) -> str | None:
    """Return the last match of the first pattern that matches at all."""
    for pattern in patterns:
        found = pattern.findall(text)
        if found:
            return str(found[-1])
    return None


def _lowest_line(text: str) -> str | None:
    for line in reversed(text.split("\n")):
        match = _ALONE.search(line)
        if match:
            return match.group()
    return None


def lmms_type(item_id: str) -> str:
    """Return lmms-eval's type, by the id's exact first part: ``ROTATION_1``, ``translation_1`` are other."""
    first = item_id.split("_", 1)[0]
    return {"among": "among", "rotation": "rotation", "around": "around", "aroundnew": "around"}.get(first, "other")


def score_official(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response as MindCube and as lmms-eval do.

    Args:
        row: columns ``id``, ``response`` and ``gt_answer`` (a letter A-E; empty: MindCube skips the row). A column
            ``setting`` stands in for an id that does not tell it.

    Returns:
        ``extracted`` (letter or None), ``correct``, ``setting``, ``lmms_extracted``, ``lmms_score`` (0 or 1),
        ``lmms_type``.

    Raises:
        DataError: a column is missing.
    """
    given = row.get("setting")
    item_id = text_column(row, "id") if given is None else f"{given}_"
    response, truth = text_column(row, "response"), target_letter(column(row, "gt_answer"))
    extracted, lmms_extracted = extract_answer(response), extract_answer(response.strip())
    return {
        "extracted": extracted,
        "correct": extracted is not None and extracted == truth,
        "setting": setting_of(item_id),
        "lmms_extracted": lmms_extracted,
        "lmms_score": float(lmms_extracted == truth),
        "lmms_type": lmms_type(item_id),
    }


def target_letter(truth: Any) -> Any:
    """Return the letter of a target in tags, as lmms-eval logs it; anything else as it is.

    >>> target_letter("<answer>A. Yes</answer>"), target_letter("B"), target_letter("")
    ('A', 'B', '')
    """
    tagged = _TARGET_IN_TAGS.fullmatch(truth) if isinstance(truth, str) else None
    return tagged[1] if tagged else truth


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the two official result tables under their own names.

    Args:
        rows: input columns together with those of `score_official`.

    Returns:
        ``official_basic`` (counts and accuracies in [0, 1]; translation is counted apart from the overall
        numbers) and ``lmms`` (means in [0, 1]).
    """
    rows = list(rows)
    return {"official_basic": _basic(rows), "lmms": _lmms(rows)}


def _basic(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    settings: dict[str, dict[str, Any]] = {}
    for name in (*SEARCH_ORDER, "other"):
        hits = [bool(row["correct"]) for row in rows if row["setting"] == name and row["gt_answer"]]
        settings[name] = {**_counts(hits), "include_in_overall": name not in OUTSIDE_OVERALL}
    counted = [bool(row["correct"]) for row in rows if row["setting"] not in OUTSIDE_OVERALL and row["gt_answer"]]
    return {**_counts(counted), "unfiltered_total": len(rows), "settings": settings}


def _counts(hits: list[bool]) -> dict[str, Any]:
    return {
        "total": len(hits),
        "gen_cogmap_correct": sum(hits),
        "gen_cogmap_accuracy": sum(hits) / len(hits) if hits else 0.0,
    }


def _lmms(rows: list[Mapping[str, Any]]) -> dict[str, float]:
    table = {"overall": mean([row["lmms_score"] for row in rows]) or 0.0}
    for name in ("among", "rotation", "around"):
        table[name] = mean([row["lmms_score"] for row in rows if row["lmms_type"] == name]) or 0.0
    return table


# The strict protocol


def score_strict(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score the letter in the answer section, and nothing else.

    Args:
        row: columns ``response`` and ``gt_answer``, optionally ``options``, see `benchmarks.strict.score_completion`.

    Returns:
        The columns of `benchmarks.strict.score_section`.

    Raises:
        DataError: a column is missing, or the target is no letter.
    """
    response, truth = text_column(row, "response"), target_letter(text_column(row, "gt_answer"))
    return score_completion(response, truth, kind="choice", options=row.get("options"))


# The tables of both protocols


def cells(stats: Stats) -> Iterator[Cell]:
    """Yield accuracy and the share of unparsed rows, overall (without translation, as upstream) and by setting.

    Args:
        stats: ``correct``, ``parsed``, ``setting`` and ``has_gold``: MindCube skips rows without a target.
    """
    counts = stats["has_gold"]
    measures = {"accuracy": Measure(stats["correct"], counts), "unparsed": Measure(~stats["parsed"], counts)}
    return cross(setting_groups(stats), measures)


def setting_groups(stats: Stats) -> dict[str, Bools]:
    """Return which rows are of which setting, ``(n,)``; ``overall`` is without translation, as upstream."""
    setting = stats["setting"]
    return {"overall": ~np.isin(setting.astype(str), sorted(OUTSIDE_OVERALL)), **masks(setting, SETTINGS)}


# What `star score --benchmark mindcube` takes of it


def _official_row(row: Row) -> dict[str, Any]:
    """Score as MindCube and lmms-eval do."""
    found = score_official(row)
    letter, correct = found["extracted"], found["correct"]
    shown = common_fields(correct=correct, score=float(correct), parsed=letter is not None, answer=letter)
    return shown | found


def _official_kept(row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: found[name] for name in ("setting", "lmms_score", "lmms_type")}
    return {**kept, "has_gold": bool(row["gt_answer"])}


def _strict_kept(row: Row, _: Any) -> dict[str, Any]:
    return {"setting": row_setting(row), "has_gold": True}


def row_setting(row: Row) -> str:
    """Return the setting of a row: as a column says, or else its id."""
    given = row.get("setting")
    return setting_of(str((row.get("id") if given is None else given) or ""))


def scene_of(row: Row) -> str | None:
    """Return the part of an id that names the scene: ``among_group325`` of ``among_group325_q2_1_2``."""
    setting, _, rest = str(row.get("id") or "").partition("_")
    group = rest.split("_", 1)[0]
    return f"{setting}_{group}" if group.startswith("group") else None


MINDCUBE: Final = Benchmark(
    name="mindcube",
    title="MindCube",
    reads={"completion": "response", "target": "gt_answer", **identity("id", "options", "setting")},
    required=("target",),
    rules={
        "official": Rules(
            partial(score_each, score_row=_official_row, keep=_official_kept),
            cells,
            {**dict.fromkeys(("extracted", "setting", "lmms_extracted", "lmms_type"), str), "lmms_score": float},
            of_rows(
                aggregate,
                {**identity("correct", "setting", "lmms_score", "lmms_type"), "gt_answer": "has_gold"},
            ),
        ),
        "strict": Rules(partial(score_each, score_row=score_strict, keep=_strict_kept), cells, {}),
    },
    headline="accuracy",
    tasks={"mindcube": {}},
    scene=scene_of,
)
