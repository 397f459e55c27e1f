"""MMSI-Bench's types and tables, and its two protocols: `score_official`, decision for decision, and `score_strict`.

Sources: OpenRobotLab/MMSI-Bench 4e28bff ``vlmeval/dataset/mmsi_bench.py`` and ``README.md``;
EvolvingLMMs-Lab/lmms-eval 75571cf ``lmms_eval/tasks/mmsi_bench/utils.py``. Known quirks, kept on purpose: the
first letter that stands alone in the whole response counts, reasoning included; lmms-eval also takes lower
case, so the article of "a. bike" is an answer; backticks and (README, lmms-eval) braces are searched before
the rest.

Circular evaluation (``MMSIBenchCircular`` there): a question counts if it is right under every rotation of its
options. Rotation *i* of the question with index *k* has the index k + i · 10⁶.
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
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy.typing as npt

    from benchmarks.benchmark import Row
    from benchmarks.tables import Bools, Stats

TYPES = (
    "Positional Relationship (Cam.–Cam.)",
    "Positional Relationship (Obj.–Obj.)",
    "Positional Relationship (Reg.–Reg.)",
    "Positional Relationship (Cam.–Obj.)",
    "Positional Relationship (Obj.–Reg.)",
    "Positional Relationship (Cam.–Reg.)",
    "Attribute (Meas.)",
    "Attribute (Appr.)",
    "Motion (Cam.)",
    "Motion (Obj.)",
    "MSR",
)
"""The types in the order in which the paper's tables print them; MSR is multi-step reasoning."""

STRIDE: Final = 1_000_000
"""What the indexes of two rotations of a question differ by."""

_DOUBLE_TICKS = re.compile(r"``([^`]*)``")
_TICKS = re.compile(r"`([^`]*)`")
_LETTER = re.compile(r"\b[A-D]\b(?!\s[a-zA-Z])")
_LETTER_ANY_CASE = re.compile(r"\b[A-F]\b(?!\s[a-zA-Z])", re.IGNORECASE)


def canonical_type(name: str) -> str:
    """Return a type's name with its en dash, where some copies write a hyphen; other names stay as they are.

    >>> canonical_type("Positional Relationship (Cam.-Obj.)") == TYPES[3]
    True
    """
    dashed = name.replace(".-", ".–")
    return dashed if dashed in TYPES else name


# The official protocol


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


def score_official(row: Mapping[str, Any]) -> dict[str, Any]:
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
            `score_official`.

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


# The strict protocol


def score_strict(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score the letter in the answer section, and nothing else.

    Args:
        row: columns ``response`` and ``answer``, optionally ``options``, see `benchmarks.strict.score_completion`.

    Returns:
        The columns of `benchmarks.strict.score_section`.

    Raises:
        DataError: a column is missing, or the target is no letter.
    """
    response, truth = text_column(row, "response"), text_column(row, "answer")
    return score_completion(response, truth, kind="choice", options=row.get("options"))


# Circular evaluation, and the tables of both protocols


def circular_measures(index: npt.NDArray[np.int64], correct: Bools) -> dict[str, Measure]:
    """Return circular and plain accuracy over questions, each counted at the row of a question with the lowest index.

    Args:
        index: ``(n,)``, of each row.
        correct: ``(n,)``, whether the row is right.

    Returns:
        ``circular`` (right under every rotation) and ``vanilla`` (right under the first).

    >>> found = circular_measures(np.array([7, 1000007]), np.array([True, False]))
    >>> [(name, measure.values[measure.counts].tolist()) for name, measure in found.items()]
    [('circular', [False]), ('vanilla', [True])]
    """
    in_order = np.argsort(index, kind="stable")
    _, first, question = np.unique(index[in_order] % STRIDE, return_index=True, return_inverse=True)
    wrong = np.bincount(question, weights=~correct[in_order])
    counts, circular = np.zeros(len(index), dtype=bool), np.zeros(len(index), dtype=bool)
    counts[in_order[first]] = True
    circular[in_order[first]] = wrong == 0
    return {"circular": Measure(circular, counts), "vanilla": Measure(correct, counts)}


def read_index(value: Any) -> int:
    """Return the index of a row.

    Raises:
        DataError: it is no whole number.
    """
    try:
        return int(value)
    except (ValueError, TypeError) as error:
        raise DataError(f"index {value!r} is not a whole number") from error


def cells(stats: Stats) -> Iterator[Cell]:
    """Yield accuracy and the share of unparsed rows over all rows (the micro average) and by type.

    Where rows have an index and some are rotations, also those of `circular_measures`.

    Args:
        stats: ``correct``, ``parsed``, ``type`` and ``index`` (-1 where there is none).
    """
    every = np.ones(len(stats["correct"]), dtype=bool)
    measures = {"accuracy": Measure(stats["correct"], every), "unparsed": Measure(~stats["parsed"], every)}
    if (stats["index"] >= 0).all() and (stats["index"] >= STRIDE).any():
        measures |= circular_measures(stats["index"], stats["correct"])
    return cross({"overall": every, **masks(stats["type"], TYPES)}, measures)


# What `star score --benchmark mmsi` takes of it


def _official_row(row: Row) -> dict[str, Any]:
    """Score as MMSI-Bench, its README and lmms-eval do."""
    found = score_official(row)
    letter, score = found["official_extracted"], found["official_score"]
    shown = common_fields(correct=score == 1, score=score, parsed=letter is not None, answer=letter)
    return shown | found


def _kept(row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
    kits = {name: found[name] for name in ("lmms_score",) if name in found}
    category, index = row.get("category"), row.get("index")
    name = "" if category is None else str(category)
    return {
        "type": canonical_type(name) or "untyped",
        "category": name,
        "index": -1 if index is None else read_index(index),
        **kits,
    }


def _question(row: Row) -> int | None:
    """Return what the rotations of a question share; without an index nothing tells."""
    index = row.get("index")
    return None if index is None else read_index(index) % STRIDE


def _aggregate_rows(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return aggregate({**row, "category": row["category"] or None} for row in rows)


MMSI: Final = Benchmark(
    name="mmsi",
    title="MMSI-Bench",
    reads={"completion": "response", "target": "answer", "kind": "category", **identity("options", "index")},
    required=("target",),
    rules={
        "official": Rules(
            partial(score_each, score_row=_official_row, keep=_kept),
            cells,
            {
                **dict.fromkeys(("official_extracted", "lmms_extracted", "lmms_note"), str),
                **dict.fromkeys(("official_score", "readme_score", "lmms_score"), float),
            },
            of_rows(_aggregate_rows, {**identity("lmms_score", "category"), "official_score": "score"}),
        ),
        "strict": Rules(partial(score_each, score_row=score_strict, keep=_kept), cells, {}),
    },
    headline="accuracy",
    shown=("accuracy", "circular", "unparsed"),
    columns={"kind": ("category", "question_type")},
    tasks={"mmsi": {"category": "MSR"}},
    scene=_question,
)
