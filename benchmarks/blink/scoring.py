r"""BLINK's tasks and tables, and its two protocols.

Sources: zeyofu/BLINK_Benchmark 2d6a779 ``eval/test_benchmark.py`` and ``eval/evaluate.py``; EvolvingLMMs-Lab/lmms-eval
75571cf ``lmms_eval/tasks/blink/utils.py``; open-compass/VLMEvalKit e8e78f0 ``vlmeval/dataset/utils/multiple_choice.py``
without a judge, see `benchmarks.vlmevalkit.infer_option`.

Known quirks, kept on purpose. The owners take a bare ``B`` or ``(B)``, or the one ``(B)`` that stands between white
space in what follows the last empty line, or else in the answer; so ``(B).`` and ``B. left`` are none. What they cannot
read they give to GPT-3.5; without it such a row is wrong here, with the fault ``needs_judge``. lmms-eval takes the
letter that the answer begins with, whatever follows: "The answer is B" is T, and "Both" is B.
"""

from __future__ import annotations

import re
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
from benchmarks.tables import Cell, Measure, by_kind, macro
from benchmarks.vlmevalkit import infer_option
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchmarks.benchmark import Row
    from benchmarks.tables import Stats

MULTI_VIEW = "Multi-view_Reasoning"
TASKS = (
    MULTI_VIEW,
    "Visual_Similarity",
    "Counting",
    "Relative_Depth",
    "Jigsaw",
    "Art_Style",
    "Functional_Correspondence",
    "Semantic_Correspondence",
    "Spatial_Relation",
    "Object_Localization",
    "Visual_Correspondence",
    "Relative_Reflectance",
    "Forensic_Detection",
    "IQ_Test",
)
_LETTERS = "ABCDE"
_BARE = {form for letter in _LETTERS for form in (letter, f"({letter})")}
_FIRST_LETTER = re.compile(r"[(\s]*([A-Z])", re.IGNORECASE)
_TARGET = re.compile(rf"\(?([{_LETTERS}])\)?")
_ID = re.compile(r"(?:val|test)_(.+)_\d+")


# The official protocol


def extract_own(text: str, options: int = len(_LETTERS)) -> str | None:
    r"""Return the letter that the owners read without asking a model, or None.

    Args:
        text: the answer.
        options: how many there are.

    >>> extract_own("(A) is hidden.\n\nSo it is (B)"), extract_own("B. left"), extract_own("(A) or (B)")
    ('B', None, None)
    """
    if text in _BARE:
        return text.strip("()")
    known = {f"({letter})" for letter in _LETTERS[:options]}
    last = known.intersection(text.rpartition("\n\n")[2].split())
    named = last if len(last) == 1 else known.intersection(text.split())
    return named.pop()[1] if len(named) == 1 else None


def extract_lmms(text: str) -> str:
    """Return the letter that an answer begins with, in upper case; empty text where there is none."""
    found = _FIRST_LETTER.match(text.strip())
    return found[1].upper() if found else ""


def score_official(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response as BLINK (without a judge), lmms-eval and VLMEvalKit do.

    Args:
        row: columns ``response`` and ``answer`` (``"(A)"`` or a letter), optionally ``options`` (texts).

    Returns:
        ``official_extracted``, ``official_score``, and the same of ``lmms`` and ``vlmevalkit``: a letter or None, and 0
        or 1.

    Raises:
        DataError: a column is missing, or the target is not known.
    """
    text, truth = text_column(row, "response"), true_letter(text_column(row, "answer"))
    options = bare_options(row.get("options"))
    official = extract_own(text, len(options or _LETTERS))
    lmms, kit = extract_lmms(text), infer_option(text, options or dict.fromkeys(_LETTERS[:4], ""))
    return {
        "official_extracted": official,
        "official_score": float(official == truth),
        "lmms_extracted": lmms,
        "lmms_score": float(lmms == truth),
        "vlmevalkit_extracted": kit,
        "vlmevalkit_score": float(kit == truth),
    }


def true_letter(answer: str) -> str:
    """Return the letter of a target.

    Raises:
        DataError: there is none; the answers of the split ``test`` are not published.
    """
    found = _TARGET.fullmatch(answer.strip())
    if found is None:
        why = "the answers of the split test are not published" if answer == "hidden" else "it is no letter A-E"
        raise DataError(f"the target {answer!r} cannot be used: {why}")
    return found[1]


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tables of BLINK and of the kits under their own names.

    Args:
        rows: input columns (``sub_task``) together with those of `score_official`.

    Returns:
        ``official``: ``Total``, the mean over tasks, and each task's accuracy; ``lmms``: ``blink_acc``, the mean over
        rows, and each task's; ``vlmevalkit``: the same with ``Overall``. Of the tasks that have rows, in [0, 1].
    """
    rows = list(rows)
    tables = {}
    for name, overall in (("official", "Total"), ("lmms", "blink_acc"), ("vlmevalkit", "Overall")):
        scores = [(row["sub_task"], row[f"{name}_score"]) for row in rows]
        tasks = {
            task: mean([score for kind, score in scores if kind == task])
            for task in dict.fromkeys((*TASKS, *(kind for kind, _ in scores)))
        }
        means = {task: value for task, value in tasks.items() if value is not None}
        over = list(means.values()) if name == "official" else [score for _, score in scores]
        tables[name] = {overall: mean(over) or 0.0, **means}
    return tables


# The strict protocol


def score_strict(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score the letter in the answer section, and nothing else.

    Args:
        row: columns ``response`` and ``answer``, optionally ``options``.

    Returns:
        The columns of `benchmarks.strict.score_section`.

    Raises:
        DataError: a column is missing, or the target is not known.
    """
    response, truth = text_column(row, "response"), true_letter(text_column(row, "answer"))
    return score_completion(response, truth, kind="choice", options=bare_options(row.get("options")))


# What `star score --benchmark blink` takes of it


def cells(stats: Stats) -> Iterator[Cell]:
    """Yield accuracy and the share of unparsed rows, overall (the mean over tasks, the owners' total) and by task."""
    every = np.ones(len(stats["correct"]), dtype=bool)
    for metric, values in (("accuracy", stats["correct"]), ("unparsed", ~stats["parsed"])):
        total = macro(values, stats["kind"], every)
        one_task = len(set(stats["kind"].tolist())) == 1  # then it is a share, with a share's interval
        yield Cell("overall", metric, Measure(values, every) if one_task else total)
    yield from (cell for cell in by_kind(stats, TASKS) if cell.group != "overall")


def _official_row(row: Row) -> dict[str, Any]:
    """Score as BLINK, lmms-eval and VLMEvalKit do."""
    found = score_official(row)
    letter, score = found["official_extracted"], found["official_score"]
    fault = "needs_judge" if letter is None else None
    shown = common_fields(correct=score == 1, score=score, parsed=letter is not None, answer=letter, fault=fault)
    return shown | found


def _kept(row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
    kits = {name: found[name] for name in ("lmms_score", "vlmevalkit_score") if name in found}
    told = _ID.fullmatch(str(row.get("id")))
    return {"kind": str(row.get("sub_task") or (told[1] if told else "untyped")), **kits}


BLINK: Final = Benchmark(
    name="blink",
    title="BLINK",
    reads={"completion": "response", "target": "answer", "kind": "sub_task", **identity("id", "options")},
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
                aggregate, {"sub_task": "kind", "official_score": "score", **identity("lmms_score", "vlmevalkit_score")}
            ),
        ),
        "strict": Rules(partial(score_each, score_row=score_strict, keep=_kept), cells, {}),
    },
    headline="accuracy",
    columns={
        "completion": ("full_prediction",),
        "id": ("idx", "doc.idx", "blink_acc.id"),
        "kind": ("sub_task", "doc.sub_task", "blink_acc.sub_task"),
        "options": ("options", "choices", "doc.choices"),
    },
    tasks={"choice": {"sub_task": MULTI_VIEW}},
)
