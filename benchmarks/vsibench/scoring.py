r"""VSI-Bench's and ReVSI's question types and tables, and their two protocols.

Sources: vision-x-nyu/thinking-in-space 51e089c ``lmms_eval/tasks/vsibench/utils.py``, the owners' scorer;
EvolvingLMMs-Lab/lmms-eval 75571cf ``lmms_eval/tasks/vsibench/utils.py``, which has since diverged, and
``lmms_eval/tasks/revsi/utils.py``, to which ReVSI's owners (3dlg-hcvc/revsi 9299454) refer; open-compass/VLMEvalKit
e8e78f0 ``vlmeval/dataset/vsibench.py``, see `benchmarks.vlmevalkit`; its ``revsi.py`` scores as ReVSI's.

Known quirks, kept on purpose: what stands before the first space is the answer, without final full stops. Line ends are
no spaces, so ``B\nbecause`` is wrong, and so is `` B`` under VSI-Bench; ReVSI strips first. Python reads the numbers:
``1_000``, ``inf`` and digits of other scripts are some, ``3m`` and ``1,200`` are none. lmms-eval takes the first number
or number word of VSI-Bench's answers, wherever it stands: "one" of "one apple, room 2"; and of ``1,200`` the 1.
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.benchmark import (
    Benchmark,
    Rules,
    column,
    common_fields,
    identity,
    of_rows,
    score_each,
    text_column,
)
from benchmarks.strict import bare_options, score_completion
from benchmarks.tables import Cell, Measure, cross, macro, masks
from benchmarks.vlmevalkit import match_number, match_option
from rewards.answers import mra
from rewards.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from benchmarks.benchmark import Row
    from benchmarks.tables import Stats


class Questions(NamedTuple):
    """The questions of one of the two benchmarks.

    Attributes:
        title: what people call the benchmark.
        numeric: types whose answer is a number.
        choice: types whose answer is a letter.
        parts: type -> the task that it is a part of; others are tasks of their own.
        tasks: in the order in which tables print them.
    """

    title: str
    numeric: frozenset[str]
    choice: frozenset[str]
    parts: Mapping[str, str]
    tasks: tuple[str, ...]

    def check(self, question_type: str) -> str:
        """Return a type of these.

        Raises:
            DataError: it is none.
        """
        if question_type in self.numeric or question_type in self.choice:
            return question_type
        known = sorted(self.numeric | self.choice)
        hint = did_you_mean(question_type, known) or f" ({known[0]}, ..., {known[-1]})"
        raise DataError(f"question type {question_type!r} is not one of {self.title}'s {len(known)}{hint}")


VSIBENCH_QUESTIONS: Final = Questions(
    "VSI-Bench",
    frozenset({"object_counting", "object_abs_distance", "object_size_estimation", "room_size_estimation"}),
    frozenset(
        {
            *(f"object_rel_direction_{level}" for level in ("easy", "medium", "hard")),
            "object_rel_distance",
            "route_planning",
            "obj_appearance_order",
        }
    ),
    {f"object_rel_direction_{level}": "object_rel_direction" for level in ("easy", "medium", "hard")},
    (
        "object_counting",
        "object_abs_distance",
        "object_size_estimation",
        "room_size_estimation",
        "object_rel_distance",
        "object_rel_direction",
        "route_planning",
        "obj_appearance_order",
    ),
)

_REVSI_PARTS: Final = {
    "object_rel_direction": ("forward_easy", "backward_easy", "forward_hard", "backward_hard"),
    "object_rel_distance": ("closest", "farthest"),
    "object_counting": ("single", "multiple"),
    "room_size_estimation": ("single", "multiple"),
}
REVSI_QUESTIONS: Final = Questions(
    "ReVSI",
    frozenset(
        {
            "object_abs_distance",
            "object_size_estimation",
            *(f"{task}_{part}" for task in ("object_counting", "room_size_estimation") for part in _REVSI_PARTS[task]),
        }
    ),
    frozenset(
        {
            "route_planning",
            *(
                f"{task}_{part}"
                for task in ("object_rel_direction", "object_rel_distance")
                for part in _REVSI_PARTS[task]
            ),
        }
    ),
    {f"{task}_{part}": task for task, parts in _REVSI_PARTS.items() for part in parts},
    VSIBENCH_QUESTIONS.tasks[:-1],
)

MRA = "MRA:.5:.95:.05"
_DIGITS = re.compile(r"-?\d+(?:\.\d+)?")
_LETTERS = re.compile(r"[a-z]+")
_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_TEENS = ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS: Final = {
    **{word: value for value, word in enumerate((*_UNITS, *_TEENS))},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    "hundred": 100,
    "thousand": 1000,
}


# The official protocol


def first_word(text: str) -> str:
    r"""Return what stands before the first space, without final full stops and then without white space around it.

    >>> first_word("B. because"), first_word("3.5. m"), first_word(" B"), first_word("B\nso")
    ('B', '3.5', '', 'B\nso')
    """
    return text.split(" ", 1)[0].rstrip(".").strip()


def read_float(text: str) -> float | None:
    """Return a number as Python reads it, or None.

    >>> read_float("1_000"), read_float("3m")
    (1000.0, None)
    """
    try:
        return float(text)
    except ValueError:
        return None


def first_number(text: str) -> float | None:
    """Return the first number or number word that lmms-eval finds in VSI-Bench's answers, or None.

    A number word goes on with further ones, whatever is between them but another word; ``and`` is passed over.

    >>> first_number("There are twenty-one, or 22"), first_number("three hundred and 21"), first_number("a chair")
    (21.0, 300.0, None)
    """
    lowered = text.strip().lower()
    digits, words = _DIGITS.search(lowered), _LETTERS.finditer(lowered)
    first = next((word for word in words if word[0] in _WORDS), None)
    if digits and (first is None or digits.start() < first.start()):
        return float(digits[0])
    return None if first is None else float(_spelled(first[0], words))


def _spelled(word: str, more: Iterator[re.Match[str]]) -> int:
    """Return the value of a number word and those that follow it: hundreds multiply, thousands end a group."""
    following = (match[0] for match in more)
    thousands = rest = 0
    while word in _WORDS:
        value = _WORDS[word]
        if value == 1000:
            thousands, rest = thousands + max(rest, 1) * 1000, 0
        else:
            rest = max(rest, 1) * 100 if value == 100 else rest + value
        word = next((other for other in following if other != "and"), "")
    return thousands + rest


def true_number(text: str) -> float:
    """Return a true number.

    Raises:
        DataError: it is none above zero; the owners' formula divides by it.
    """
    value = read_float(text)
    if value is None or not 0 < value < math.inf:
        raise DataError(f"the target {text!r} is no number above zero")
    return value


def score_official(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response as VSI-Bench, lmms-eval and VLMEvalKit do.

    Args:
        row: columns ``question_type``, ``prediction`` and ``ground_truth`` (a letter or a number, as text).

    Returns:
        ``metric`` (``accuracy`` or `MRA`), ``extracted`` and ``score`` in [0, 1] of the owners; the same of the kits:
        ``lmms_extracted``, ``lmms_score``, ``vlmevalkit_extracted`` and ``vlmevalkit_score``. What was extracted is
        text, or None.

    Raises:
        DataError: a column is missing, there is no such type, or the target is not of its kind.
    """
    text, word, truth, numeric = _read(row, VSIBENCH_QUESTIONS, strip=False)
    said, lmms, kit = (read_float(word), first_number(text), match_number(text)) if numeric else (None,) * 3
    letter = None if numeric else match_option(text)
    return {
        **_scored(word, said, truth, numeric=numeric),
        "lmms_extracted": _written(lmms) if numeric else word,
        "lmms_score": _accuracy(lmms, truth) if numeric else _agrees(word, truth),
        "vlmevalkit_extracted": _written(kit) if numeric else letter,
        "vlmevalkit_score": _accuracy(kit, truth) if numeric else _agrees(letter, truth.strip()),
    }


def score_revsi(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response as ReVSI does: ``metric``, ``extracted`` and ``score``; see `score_official`."""
    _, word, truth, numeric = _read(row, REVSI_QUESTIONS, strip=True)
    return _scored(word, read_float(word) if numeric else None, truth, numeric=numeric)


def _read(row: Mapping[str, Any], questions: Questions, *, strip: bool) -> tuple[str, str, str, bool]:
    numeric = questions.check(column(row, "question_type")) in questions.numeric
    text, truth = text_column(row, "prediction"), text_column(row, "ground_truth")
    return text, first_word(text.strip() if strip else text), truth, numeric


def _scored(word: str, said: float | None, truth: str, *, numeric: bool) -> dict[str, Any]:
    score = _accuracy(said, truth) if numeric else _agrees(word, truth)
    return {"metric": MRA if numeric else "accuracy", "extracted": word, "score": score}


def _accuracy(said: float | None, truth: str) -> float:
    right = true_number(truth)
    return 0.0 if said is None else mra(said, right)


def _agrees(said: str | None, truth: str) -> float:
    return float(said is not None and said.lower() == truth.lower())


def _written(number: float | None) -> str | None:
    return None if number is None else str(number)


# The owners' tables


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tables of VSI-Bench and of the kits under their own names.

    Args:
        rows: input columns together with those of `score_official`.

    Returns:
        ``official`` and ``vlmevalkit`` (times 100) and ``lmms`` (in [0, 1], rounded; 0 for tasks without rows): the
        mean over tasks, and each task's mean; the levels of relative direction are averaged first.
    """
    rows = list(rows)
    named = {
        task: f"{task}_{MRA if task in VSIBENCH_QUESTIONS.numeric else 'accuracy'}" for task in VSIBENCH_QUESTIONS.tasks
    }
    tables = {}
    for name, scores in (("official", "score"), ("vlmevalkit", "vlmevalkit_score")):
        overall, tasks = task_means(rows, scores, VSIBENCH_QUESTIONS)
        tables[name] = {"overall": overall * 100} | {named[task]: value * 100 for task, value in tasks.items()}
    overall, tasks = task_means(rows, "lmms_score", VSIBENCH_QUESTIONS)
    lmms = {named[task].replace(MRA, "mra"): round(tasks.get(task, 0.0), 6) for task in VSIBENCH_QUESTIONS.tasks}
    return {
        "official": tables["official"],
        "lmms": {"vsibench_overall": round(overall, 6), **lmms},
        "vlmevalkit": tables["vlmevalkit"],
    }


def aggregate_revsi(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return ReVSI's table under its own names, in [0, 1]; 0 for tasks without rows."""
    overall, tasks = task_means(list(rows), "score", REVSI_QUESTIONS)
    return {
        "official": {"overall_acc": overall} | {f"{task}_acc": tasks.get(task, 0.0) for task in REVSI_QUESTIONS.tasks}
    }


def task_means(rows: Iterable[Mapping[str, Any]], scores: str, questions: Questions) -> tuple[float, dict[str, float]]:
    """Return the mean over tasks and each task's mean, of those that have rows; parts of a task are averaged first."""
    types: dict[str, list[float]] = {}
    for row in rows:
        types.setdefault(row["question_type"], []).append(float(row[scores]))
    parts: dict[str, list[float]] = {}
    for name, values in types.items():
        parts.setdefault(questions.parts.get(name, name), []).append(sum(values) / len(values))
    means = {task: sum(parts[task]) / len(parts[task]) for task in questions.tasks if task in parts}
    return (sum(means.values()) / len(means) if means else 0.0), means


# The strict protocol


def score_strict(row: Mapping[str, Any], questions: Questions = VSIBENCH_QUESTIONS) -> dict[str, Any]:
    """Score the letter or the number in the answer section, and nothing else.

    Args:
        row: columns ``question_type``, ``prediction`` and ``ground_truth``, optionally ``options``.
        questions: whose they are.

    Returns:
        The columns of `benchmarks.strict.score_section`; a number is ``correct`` where it is within 5% of the ground
        truth.

    Raises:
        DataError: a column is missing, there is no such type, or the target is not of its kind.
    """
    numeric = questions.check(column(row, "question_type")) in questions.numeric
    text, truth = text_column(row, "prediction"), text_column(row, "ground_truth")
    if numeric:
        true_number(truth)
        return score_completion(text, truth, kind="number")
    return score_completion(text, truth, kind="choice", options=bare_options(row.get("options")))


# The tables of both protocols


def cells(stats: Stats, questions: Questions) -> Iterator[Cell]:
    """Yield scores overall, by task, and by the parts of tasks.

    Overall and tasks with parts are means over tasks and parts of their mean scores. ``accuracy`` is the share of right
    rows: of numbers those within 5%. ``unparsed`` is the share of rows in which nothing could be read.

    Args:
        stats: ``score``, ``correct``, ``parsed`` and ``type``.
        questions: whose rows they are.
    """
    types = stats["type"]
    every = np.ones(len(types), dtype=bool)
    measures = {"score": stats["score"], "accuracy": stats["correct"], "unparsed": ~stats["parsed"]}
    for metric, values in measures.items():
        yield Cell("overall", metric, macro(values, types, every, questions.parts))
    tasks = np.array([questions.parts.get(name, name) for name in types.tolist()], dtype=object)
    for task, rows in masks(tasks, questions.tasks).items():
        for metric, values in measures.items():
            yield Cell(task, metric, macro(values, types, rows))
    parts = {name: rows for name, rows in masks(types, tuple(questions.parts)).items() if name in questions.parts}
    yield from cross(parts, {metric: Measure(values, every) for metric, values in measures.items()})


# What `star score --benchmark vsibench` and `--benchmark revsi` take of it


_KIT_FIELDS: Final = {
    **dict.fromkeys(("lmms_extracted", "vlmevalkit_extracted"), str),
    **dict.fromkeys(("lmms_score", "vlmevalkit_score"), float),
}


def _official_row(row: Row, score: Callable[[Row], dict[str, Any]]) -> dict[str, Any]:
    """Score as the owners do, and as the kits where they differ."""
    found = score(row)
    word, number = found["extracted"], found["metric"] == MRA
    parsed = read_float(word) is not None if number else len(word) == 1 and word.isascii() and word.isalpha()
    right = math.isclose(found["score"], 1.0)
    shown = common_fields(correct=right, score=found["score"], parsed=parsed, answer=word if parsed else None)
    return shown | found


def _kept(row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
    kits = {name: found[name] for name, kind in _KIT_FIELDS.items() if kind is float and name in found}
    return {**kits, "type": row["question_type"]}


def _benchmark(name: str, questions: Questions, official: Rules, logs: tuple[str, ...]) -> Benchmark:
    """Return a benchmark of these questions.

    Args:
        name: what ``--benchmark`` calls it.
        questions: its questions.
        official: its owners' protocol.
        logs: where in lmms-eval's logs the question's own columns stand.
    """
    scene = ("scene_name", "scene_id", "video")
    return Benchmark(
        name=name,
        title=questions.title,
        reads={
            "completion": "prediction",
            "target": "ground_truth",
            "kind": "question_type",
            **identity("options"),
        },
        required=("target", "kind"),
        rules={
            "official": official,
            "strict": Rules(
                partial(score_each, score_row=partial(score_strict, questions=questions), keep=_kept),
                partial(cells, questions=questions),
                {},
            ),
        },
        headline="score",
        shown=("score", "accuracy", "unparsed"),
        columns={
            "kind": ("question_type", *(f"{log}.question_type" for log in logs)),
            "scene": (*scene, *(f"{log}.{name}" for log in logs for name in scene)),
            "options": ("options", "candidates", *(f"{log}.options" for log in logs)),
        },
        tasks={"choice": {"question_type": "route_planning"}, "number": {"question_type": "object_abs_distance"}},
    )


def _official(
    score: Callable[[Row], dict[str, Any]],
    questions: Questions,
    summarise: Callable[[Iterable[Row]], dict[str, Any]],
    kit_fields: Mapping[str, type],
) -> Rules:
    """Return the owners' protocol; of the kits' columns the numbers are kept for the summary."""
    kept = identity(*(name for name, kind in kit_fields.items() if kind is float))
    return Rules(
        partial(score_each, score_row=partial(_official_row, score=score), keep=_kept),
        partial(cells, questions=questions),
        {"metric": str, "extracted": str, **kit_fields},
        of_rows(summarise, {"question_type": "type", "score": "score", **kept}),
    )


VSIBENCH: Final = _benchmark(
    "vsibench",
    VSIBENCH_QUESTIONS,
    _official(score_official, VSIBENCH_QUESTIONS, aggregate, _KIT_FIELDS),
    ("doc", "vsibench_overall", "vsibench_score"),
)
REVSI: Final = _benchmark(
    "revsi", REVSI_QUESTIONS, _official(score_revsi, REVSI_QUESTIONS, aggregate_revsi, {}), ("doc", "overall_acc")
)
