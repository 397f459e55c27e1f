"""MMSI-Bench's own scorer, decision for decision, the one its README prints, and that of lmms-eval.

Sources: OpenRobotLab/MMSI-Bench 4e28bff ``vlmeval/dataset/mmsi_bench.py`` and ``README.md``;
EvolvingLMMs-Lab/lmms-eval 75571cf ``lmms_eval/tasks/mmsi_bench/utils.py``. Known quirks, kept on purpose: the
first letter that stands alone in the whole response counts, reasoning included; lmms-eval also takes lower
case, so the article of "a. bike" is an answer; backticks and (README, lmms-eval) braces are searched before
the rest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from benchmarks.columns import column, mean
from benchmarks.mmsi.types import TYPES, canonical_type
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_DOUBLE_TICKS = re.compile(r"``([^`]*)``")
_TICKS = re.compile(r"`([^`]*)`")
_LETTER = re.compile(r"\b[A-D]\b(?!\s[a-zA-Z])")
_LETTER_ANY_CASE = re.compile(r"\b[A-F]\b(?!\s[a-zA-Z])", re.IGNORECASE)


def extract_official(text: str) -> str | None:
    """Return the first letter A-D that stands alone with no word after it, in ticks first, or None.

    >>> extract_official("<think>Option A, or B</think><answer>C</answer>"), extract_official("A bike: ``C``")
    ('A', 'C')
    """
    return _first(_LETTER, _in_ticks(text))


def extract_readme(text: str) -> str | None:
    """Return what the README's function reads: as `extract_official`, but in braces after ticks."""
    return _first(_LETTER, _in_braces(_in_ticks(text)))


def extract_lmms(text: str) -> str | None:
    """Return what lmms-eval reads: as `extract_readme`, with A-F in either case; the letter is upper case."""
    letter = _first(_LETTER_ANY_CASE, _in_braces(_in_ticks(text)))
    return letter.upper() if letter else None


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match.group() if match else None


def _in_ticks(text: str) -> str:
    for pattern in (_DOUBLE_TICKS, _TICKS):
        match = pattern.search(text)
        text = match.group(1) if match else text
    return text


def _in_braces(text: str) -> str:
    start = text.find("{")
    end = text.find("}", start)
    return text[start + 1 : end] if 0 <= start < end else text


def score_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response in the three official ways, without the optional judge model.

    Args:
        row: columns ``response`` and ``answer`` (a letter).

    Returns:
        ``official_extracted`` (letter or None), ``official_score`` (0 or 1), ``readme_score`` (0, 1, or None
        where nothing is found), ``lmms_extracted``, ``lmms_score`` and ``lmms_note``.

    Raises:
        DataError: a column is missing, or the answer is not text.
    """
    response, answer = column(row, "response"), column(row, "answer")
    if not isinstance(answer, str):
        raise DataError(f"answer must be a letter, not {answer!r}")
    text, truth = "" if response is None else str(response), answer.lower().replace("\n", " ").strip()
    official, readme, lmms = extract_official(text), extract_readme(text), extract_lmms(text)
    return {
        "official_extracted": official,
        "official_score": _agrees(official, truth),
        "readme_score": None if readme is None else _agrees(readme, truth),
        "lmms_extracted": lmms,
        "lmms_score": _agrees(lmms, truth),
        "lmms_note": "cannot find answer" if lmms is None else None,
    }


def _agrees(letter: str | None, truth: str) -> float:
    return float(letter is not None and letter.lower() == truth)


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the official tables under their own names.

    Args:
        rows: input columns (``category`` or ``question_type`` where types are wanted) together with those of
            `score_row`.

    Returns:
        ``official``: ``overall`` and ``categories`` as they are named in the rows; ``lmms``: ``average`` and
        the types of the benchmark that occur. Means in [0, 1].
    """
    official: dict[str, list[float]] = {}
    lmms: dict[str, list[float]] = {}
    rows = list(rows)
    for row in rows:
        category = row.get("category", row.get("question_type"))
        if category is not None:
            official.setdefault(category, []).append(row["official_score"])
            lmms.setdefault(canonical_type(category), []).append(row["lmms_score"])
    return {
        "official": {
            "overall": mean([row["official_score"] for row in rows]) or 0.0,
            "categories": {name: mean(scores) for name, scores in official.items()},
        },
        "lmms": {
            "average": mean([row["lmms_score"] for row in rows]) or 0.0,
            **{name: mean(lmms[name]) for name in TYPES if name in lmms},
        },
    }
