"""What is worth training on: chains of thought that are right, and prompts that a model solves sometimes.

Chains are filtered by their result, as the paper filters those of its teacher: one is kept only if it has the strict
form, shows the three steps, and its answer is right.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.files.write import whole_file
from parsers.completion import parse_completion
from parsers.references import parse_steps
from parsers.types import Records
from rewards.errors import DataError
from rewards.references import reference_names, score_references
from rewards.tasks import load_task
from trainers.data.files import json_line
from trainers.data.training_rows import (
    COMPLETIONS,
    completion_of,
    gold_of,
    image_files,
    read_rows,
    rebased,
    score_row,
    task_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TextIO

    from parsers.references import Steps
    from trainers.data.training_rows import OnProgress, Row

CHAIN_RULES: Final = {
    "row": "the line is a row with a completion and a target",
    "form": "the completion is <think>...</think><answer>...</answer>",
    "steps": "the reasoning shows its three steps",
    "unparsed": "the answer can be read",
    "wrong": "the answer is right",
    "reference": "the references of the views are good enough",
}
"""What is asked of a chain, in this order."""
PROMPT_RULES: Final = {
    "row": "the line is a row with a completion and a target, or with `correct`",
    "too_hard": "enough samples are right",
    "too_easy": "not too many samples are right",
}
_OF_A_SAMPLE: Final = (*COMPLETIONS, "sample", "correct", "parsed", "score", "total", "parts", "unit", "fault")


class Drop(NamedTuple):
    """Why a row is dropped.

    Attributes:
        rule: one of `CHAIN_RULES`.
        message: one line for people, with ``file:line``.
        right_references: whether the answer is wrong, but the references of all views are right.
    """

    rule: str
    message: str
    right_references: bool = False


class Tally(NamedTuple):
    """What became of the rows of a file.

    Attributes:
        read: rows that were read.
        kept: rows that were kept.
        dropped: rule -> rows that broke it first.
        right_references: of the dropped chains, those with right references and a wrong answer.
    """

    read: int
    kept: int
    dropped: Mapping[str, int]
    right_references: int = 0


def judge_chain(
    row: Mapping[str, Any],
    where: str,
    *,
    task: str | None = None,
    min_reference_score: float | None = None,
    relation_weight: float = 0.0,
) -> Drop | None:
    """Return why a chain is not good enough to learn from, or None if it is.

    Args:
        row: a row with ``completion`` and ``target``; see `trainers.data.training_rows`.
        where: its place, for messages.
        task: of rows that do not tell.
        min_reference_score: least `reference_score`, in [0, 1]; a row without reference labels does not reach it.
        relation_weight: share of R_ref that relations decide.
    """
    try:
        completion = completion_of(row, where)
        score = score_row(row, completion, where, task=task)
        gold = gold_of(row, where)
        views = len(image_files(row, Path(), where)) or None
        envelope = parse_completion(completion)
        if envelope.fault is not None:
            return Drop("form", f"{where}: form: {envelope.fault.message} ({envelope.fault.code})")
        steps = parse_steps(envelope.think or "", views=views)
        if steps.fault is not None:
            return Drop("steps", f"{where}: steps: {steps.fault.message} ({steps.fault.code})")
        question = load_task(task_of(row, where, task)).kind == "question"
        found = reference_score(steps, gold, question=question, relation_weight=relation_weight)
        least = min_reference_score
        sound = found is not None and found >= (1.0 if least is None else least)
        if score.fault is not None and not _readable(score.answer):
            return Drop("unparsed", f"{where}: unparsed: {score.fault.message} ({score.fault.code})", sound)
        if not score.correct:
            return Drop("wrong", f"{where}: wrong: {envelope.answer!r:.60} is not {gold['target']!r:.60}", sound)
        if least is not None and found is None:
            return Drop("reference", f"{where}: reference: the row has no reference labels")
        if least is not None and found is not None and found < least:
            return Drop("reference", f"{where}: reference: R_ref is {found:.3f}, less than {least:g}")
    except DataError as error:
        return Drop("row", str(error))
    return None


def _readable(answer: object) -> bool:
    """Whether anything was read: an answer to a question, or at least one record of a list."""
    return answer is not None and (not isinstance(answer, Records) or len(answer) > 0)


def reference_score(
    steps: Steps, gold: Mapping[str, Any], *, question: bool, relation_weight: float = 0.0
) -> float | None:
    """Return how good the references of a chain are, in [0, 1]; None where the row has no reference labels.

    Of a question, the mean F1 of the views, see `rewards.references.score_references`. Of a list of changes, the mean
    share of the true names that are named: its labels are the objects that place the changes, and who looks for
    changes has to go by the others, too.

    Args:
        steps: of the reasoning.
        gold: of the row.
        question: whether the row's task is one.
        relation_weight: share that relations decide, of questions that have relation labels.
    """
    if "references" not in gold:
        return None
    if question:
        relations = gold.get("relations")
        weight = relation_weight if relations is not None else 0.0
        return score_references(steps.references, gold["references"], relations=relations, relation_weight=weight).value
    views = reference_names(gold["references"])
    found = [len(names & steps.references.names(view)) / len(names) if names else 1.0 for view, names in views.items()]
    return sum(found) / len(found)


def filter_chains(
    source: Path,
    kept: Path,
    dropped: Path,
    *,
    task: str | None = None,
    min_reference_score: float | None = None,
    relation_weight: float = 0.0,
    right_references: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Tally:
    """Divide a file of chains into those to keep and those to drop, in their order.

    A dropped row has a further column ``dropped``, ``{"rule", "message"}``; of a line that is no row, only that.
    Filtering by the answer also drops chains that look rightly and conclude wrongly; they are counted.

    Args:
        source: rows with completions.
        kept: is written.
        dropped: is written.
        task: of rows that do not tell.
        min_reference_score: least `reference_score`, in [0, 1]; it is also the least of references that count as right
            beside a wrong answer (None: all of them must be).
        relation_weight: share of it that relations decide.
        right_references: takes the dropped chains whose references are right and whose answer is wrong, in place of
            ``dropped``.
        on_progress: is called with the number of rows read.

    Raises:
        DataError: the file cannot be opened.
    """
    counts: Counter[str] = Counter()
    with ExitStack() as files:
        good, bad = files.enter_context(whole_file(kept)), files.enter_context(whole_file(dropped))
        apart = files.enter_context(whole_file(right_references)) if right_references else bad
        for number, (where, row) in enumerate(read_rows(source), start=1):
            if isinstance(row, DataError):
                drop: Drop | None = Drop("row", str(row))
                record: dict[str, Any] = {}
            else:
                drop = judge_chain(
                    row, where, task=task, min_reference_score=min_reference_score, relation_weight=relation_weight
                )
                record = row
            if drop is None:
                good.write(json_line(rebased(record, source.parent, kept.parent)))
            else:
                file, path = (apart, right_references or dropped) if drop.right_references else (bad, dropped)
                reason = {"rule": drop.rule, "message": drop.message}
                file.write(json_line({**rebased(record, source.parent, path.parent), "dropped": reason}))
                counts["right_references"] += drop.right_references
            counts[drop.rule if drop else "kept"] += 1
            if on_progress is not None:
                on_progress(number, None)
    sound = counts.pop("right_references", 0)
    return Tally(counts.total(), counts["kept"], {rule: counts[rule] for rule in CHAIN_RULES if counts[rule]}, sound)


@dataclass(slots=True)
class _Group:
    """The samples of one prompt."""

    row: Row
    samples: int = 0
    correct: int = 0


def filter_prompts(
    source: Path,
    kept: Path,
    dropped: Path,
    *,
    low: float,
    high: float,
    task: str | None = None,
    on_progress: OnProgress | None = None,
) -> Tally:
    """Keep the prompts of which a share in [low, high] of the samples is right.

    Samples belong together by ``prompt_id``, else by ``id``. A sample is right if its row says so (``correct``, as
    ``star score --out`` writes it), else if its completion is, by the row's target. Written is one row a prompt, in the
    order in which prompts come first, with ``pass_rate`` and ``samples`` and without what belongs to one sample.

    Args:
        source: a file with several samples a prompt.
        kept: is written.
        dropped: is written; its rows have a further column ``dropped``, ``{"rule", "message"}``.
        low: least share, from 0.
        high: greatest share, to 1.
        task: of rows that do not tell.
        on_progress: is called with the number of rows read.

    Returns:
        Numbers of prompts, and of bad lines under ``row``.

    Raises:
        DataError: the file cannot be opened.
    """
    groups: dict[str, _Group] = {}
    counts: Counter[str] = Counter()
    with whole_file(kept) as good, whole_file(dropped) as bad:
        for error in _gather(source, groups, task, on_progress):
            counts["row"] += 1
            bad.write(json_line({"dropped": {"rule": "row", "message": str(error)}}))
        for key, group in groups.items():
            rate = group.correct / group.samples
            rule = "too_hard" if rate < low else "too_easy" if rate > high else "kept"
            counts[rule] += 1
            folder, file = (kept.parent, good) if rule == "kept" else (dropped.parent, bad)
            row = rebased(group.row, source.parent, folder) | {"pass_rate": rate, "samples": group.samples}
            _write(file, row, rule, f"{key}: {group.correct} of {group.samples} samples are right")
    return Tally(counts.total(), counts["kept"], {rule: counts[rule] for rule in PROMPT_RULES if counts[rule]})


def _gather(
    source: Path, groups: dict[str, _Group], task: str | None, on_progress: OnProgress | None
) -> Iterator[DataError]:
    """Count the samples of each prompt; yield what is wrong with lines."""
    for number, (where, row) in enumerate(read_rows(source), start=1):
        if on_progress is not None:
            on_progress(number, None)
        if isinstance(row, DataError):
            yield row
            continue
        try:
            key, correct = _key(row, where), _is_correct(row, where, task)
        except DataError as error:
            yield error
            continue
        group = groups.setdefault(key, _Group({name: row[name] for name in row if name not in _OF_A_SAMPLE}))
        group.samples += 1
        group.correct += correct


def _key(row: Row, where: str) -> str:
    for name in ("prompt_id", "id"):
        if row.get(name) is not None:
            return str(row[name])
    raise DataError(f"{where}: prompt_id: the row has neither that nor an id, so its samples cannot be told apart")


def _is_correct(row: Row, where: str, task: str | None) -> bool:
    if isinstance(row.get("correct"), bool):
        return bool(row["correct"])
    return score_row(row, completion_of(row, where), where, task=task).correct


def _write(file: TextIO, row: dict[str, Any], rule: str, message: str) -> None:
    file.write(json_line(row if rule == "kept" else {**row, "dropped": {"rule": rule, "message": message}}))
