r"""SITE-Bench's categories and tables, and its two protocols.

Sources: wenqi-wang20/SITE-Bench 36295bb ``eval_scripts/sitebench/utils.py``; EvolvingLMMs-Lab/lmms-eval 75571cf
``lmms_eval/tasks/sitebench/utils.py``, which scores each row the same; open-compass/VLMEvalKit e8e78f0
``vlmeval/dataset/sitebench.py``, see `benchmarks.vlmevalkit`.

Chance-adjusted accuracy: of N questions with n_i options of which X_i in {0, 1} are right,
CAA = (Σ X_i - Σ 1/n_i) / (N - Σ 1/n_i); 0 is what guessing scores, 1 is all right.

Known quirks, kept on purpose: letters count as ``(A)`` anywhere; else alone between spaces; else before a full stop;
else beside a colon; so the article of "A chair is left, B." is A. Of several the one counts that stands last *between
spaces*, and the first by the alphabet where none does, so "(B), not (A)" is A. Where nothing is found, upstream draws
an option at random. Here the draw is a function of the row's id, options and answer, so that a file always has the same
score, and such rows are told: the column ``guessed``, the fault of that name, and the share ``unparsed``.
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from string import ascii_uppercase
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
from benchmarks.tables import Cell, Measure, masks
from benchmarks.vlmevalkit import match_option
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from benchmarks.benchmark import Row
    from benchmarks.tables import Stats

CATEGORIES = (
    "counting & existence",
    "object localization & positioning",
    "3d information understanding",
    "multi-view & cross-image reasoning",
    "spatial relationship reasoning",
    "movement prediction & navigation",
)


# The official protocol


def find_letters(text: str, letters: Sequence[str]) -> list[str]:
    """Return the letters that are written in the first of the forms in which any is, in order of the alphabet.

    >>> find_letters("(B), not (A)", "ABC"), find_letters("A chair, so B.", "ABC"), find_letters("left", "ABC")
    (['A', 'B'], ['A'], [])
    """
    padded = f" {text.strip()} "
    forms: tuple[tuple[str, ...], ...] = (("({})",), (" {} ",), ("{}.",), ("{}:", ":{}", ": {}"))
    for form in forms:
        found = [letter for letter in letters if any(each.format(letter) in padded for each in form)]
        if found:
            return found
    return []


def choose(text: str, letters: Sequence[str]) -> str | None:
    """Return the letter that counts, or None where nothing is found.

    >>> choose("A is wrong, B is right", "ABCD"), choose("left", "ABCD")
    ('B', None)
    """
    padded = f" {text.strip()} "
    found = find_letters(text, letters)
    return max(found, key=lambda letter: padded.rfind(f" {letter} "), default=None)  # of equals the first


def draw(row: Mapping[str, Any], letters: Sequence[str]) -> str:
    """Return an option that stands for a random one: each as likely, and always the same of the same row."""
    known = repr([row.get("id"), row.get("options"), row["response"]]).encode("utf-8", "replace")
    return letters[int.from_bytes(blake2b(known, digest_size=8).digest(), "little") % len(letters)]


def score_official(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response as SITE-Bench and VLMEvalKit do.

    Args:
        row: columns ``response``, ``answer`` (a letter) and ``options`` (texts), and ``id``.

    Returns:
        ``official_extracted`` (a letter), ``guessed`` (whether it was drawn at random), ``official_score`` (0 or 1),
        ``vlmevalkit_extracted`` (a letter or None) and ``vlmevalkit_score``.

    Raises:
        DataError: a column is missing, or the target is not the letter of an option.
    """
    text, (truth, letters) = text_column(row, "response"), _asked(row)
    read, kit = choose(text, letters), match_option(text)
    letter = draw(row, letters) if read is None else read
    return {
        "official_extracted": letter,
        "guessed": read is None,
        "official_score": float(letter == truth),
        "vlmevalkit_extracted": kit,
        "vlmevalkit_score": float(kit == truth),
    }


def _asked(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the true letter and the letters of the options."""
    truth, options = text_column(row, "answer").strip().upper(), bare_options(row.get("options"))
    if not options or len(options) < 2:
        raise DataError(f"options: {row.get('options')!r:.60}, expected the texts of two options or more")
    letters = ascii_uppercase[: len(options)]
    if len(truth) != 1 or truth not in letters:
        raise DataError(f"the target {truth!r} is no letter A-{letters[-1]}")
    return truth, letters


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tables of SITE-Bench and of the kits under their own names, times 100.

    Args:
        rows: input columns (``category``) together with those of `score_official` and ``chance`` (1 / n).

    Returns:
        ``official``: ``accuracy`` (rounded); ``lmms``: the same, and accuracy and CAA by category (rounded; 0 for a
        category without rows); ``vlmevalkit``: accuracy and CAA, overall and of the categories that have rows.
    """
    rows = list(rows)
    lmms: dict[str, float] = {}
    for name in CATEGORIES:
        accuracy, caa = _both([row for row in rows if row["category"] == name], "official_score")
        key = name.replace(" & ", " and ").replace("-", "").replace(" ", "_")
        lmms |= {f"{key}_acc": round(accuracy, 5), f"{key}_caa": round(caa, 5)}
    overall, _ = _both(rows, "official_score")
    accuracy, caa = _both(rows, "vlmevalkit_score")
    kit = {"overall_accuracy": accuracy, "overall_caa": caa}
    for name in CATEGORIES:
        if some := [row for row in rows if row["category"] == name]:
            kit[f"{name}_accuracy"], kit[f"{name}_caa"] = _both(some, "vlmevalkit_score")
    return {
        "official": {"accuracy": round(overall, 5)},
        "lmms": {"accuracy": round(overall, 5), **lmms},
        "vlmevalkit": kit,
    }


def _both(rows: Sequence[Mapping[str, Any]], column: str) -> tuple[float, float]:
    """Return accuracy and chance-adjusted accuracy, times 100; 0 of no rows."""
    right, chance = mean([row[column] for row in rows]) or 0.0, mean([row["chance"] for row in rows]) or 0.0
    return 100 * right, 100 * (right - chance) / (1 - chance) if rows else 0.0


# The strict protocol


def score_strict(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score the letter in the answer section, and nothing else; nothing is drawn.

    Args:
        row: columns ``response``, ``answer`` and ``options``.

    Returns:
        The columns of `benchmarks.strict.score_section`.

    Raises:
        DataError: a column is missing, or the target is not the letter of an option.
    """
    truth, _ = _asked(row)
    response = text_column(row, "response")
    return score_completion(response, truth, kind="choice", options=bare_options(row.get("options")))


# What `star score --benchmark sitebench` takes of it


def cells(stats: Stats) -> Iterator[Cell]:
    """Yield chance-adjusted accuracy, accuracy and the share of unparsed rows, over all rows and by category.

    Args:
        stats: ``correct``, ``parsed``, ``chance`` (1 / n of n options) and ``kind``, ``(rows,)`` each.
    """
    every = np.ones(len(stats["correct"]), dtype=bool)
    for group, rows in {"overall": every, **masks(stats["kind"], CATEGORIES)}.items():
        # (X - 1/n) / (1 - mean of 1/n): the mean of these over a group is its CAA.
        expected = stats["chance"][rows].mean() if rows.any() else 0.0
        adjusted = (stats["correct"] - stats["chance"]) / (1 - expected)
        yield Cell(group, "caa", Measure(adjusted, rows))
        yield Cell(group, "accuracy", Measure(stats["correct"], rows))
        yield Cell(group, "unparsed", Measure(~stats["parsed"], rows))


def _official_row(row: Row) -> dict[str, Any]:
    """Score as SITE-Bench and VLMEvalKit do."""
    found = score_official(row)
    letter, score, guessed = found["official_extracted"], found["official_score"], found["guessed"]
    fault = "guessed" if guessed else None
    shown = common_fields(correct=score == 1, score=score, parsed=not guessed, answer=letter, fault=fault)
    return shown | found


def _kept(row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
    kits = {name: found[name] for name in ("vlmevalkit_score",) if name in found}
    _, letters = _asked(row)
    return {"kind": str(row.get("category") or "untyped").lower(), "chance": 1 / len(letters), **kits}


SITEBENCH: Final = Benchmark(
    name="sitebench",
    title="SITE-Bench",
    reads={"completion": "response", "target": "answer", "kind": "category", **identity("id", "options")},
    required=("target", "options"),
    rules={
        "official": Rules(
            partial(score_each, score_row=_official_row, keep=_kept),
            cells,
            {
                "official_extracted": str,
                "guessed": bool,
                "official_score": float,
                "vlmevalkit_extracted": str,
                "vlmevalkit_score": float,
            },
            of_rows(
                aggregate, {"category": "kind", "official_score": "score", **identity("chance", "vlmevalkit_score")}
            ),
        ),
        "strict": Rules(partial(score_each, score_row=score_strict, keep=_kept), cells, {}),
    },
    headline="caa",
    shown=("caa", "accuracy", "unparsed"),
    columns={
        "kind": ("category", "doc.category", "counting_and_existence_acc.category"),
        "options": ("options", "candidates", "doc.options"),
        "scene": ("visual", "image_path", "video_path", "doc.visual"),
    },
    tasks={"choice": {"category": CATEGORIES[3]}},
)
