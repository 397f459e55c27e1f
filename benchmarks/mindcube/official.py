"""MindCube's own scorer, decision for decision, and the variant of lmms-eval.

Sources: mll-lab-nu/MindCube 6d8fd9a ``src/evaluation/core/extractors.py`` and ``evaluator.py``;
EvolvingLMMs-Lab/lmms-eval 75571cf ``lmms_eval/tasks/mindcube/utils.py``. Known quirks, kept on purpose: the
whole response is searched, reasoning included, so the last ``X.`` anywhere wins over the answer; only the tag
``<Answer>`` with a capital A is known; lower-case letters never count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from benchmarks.columns import column, mean, text_column
from benchmarks.mindcube.settings import OUTSIDE_OVERALL, SEARCH_ORDER, setting_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


def score_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response as MindCube and as lmms-eval do.

    Args:
        row: columns ``id``, ``response`` and ``gt_answer`` (a letter A-E; empty: MindCube skips the row).

    Returns:
        ``extracted`` (letter or None), ``correct``, ``setting``, ``lmms_extracted``, ``lmms_score`` (0 or 1),
        ``lmms_type``.

    Raises:
        DataError: a column is missing.
    """
    item_id, response, truth = text_column(row, "id"), text_column(row, "response"), column(row, "gt_answer")
    extracted, lmms_extracted = extract_answer(response), extract_answer(response.strip())
    return {
        "extracted": extracted,
        "correct": extracted is not None and extracted == truth,
        "setting": setting_of(item_id),
        "lmms_extracted": lmms_extracted,
        "lmms_score": float(lmms_extracted == truth),
        "lmms_type": lmms_type(item_id),
    }


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the two official result tables under their own names.

    Args:
        rows: input columns together with those of `score_row`.

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
