"""Which chains of thought to keep: result-oriented filtering, as the paper filters those of its teacher.

A chain is kept only if it has the strict form, shows the three steps, and its answer is right.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from parsers.completion import parse_completion
from parsers.steps import parse_steps
from parsers.values import Records
from rewards.errors import DataError
from rewards.references import score_references
from trainers.data.lines import json_line, whole_file
from trainers.data.training_rows import completion_of, gold_of, image_files, read_rows, rebased, score_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsers.steps import Steps
    from trainers.data.training_rows import OnProgress

RULES: Final = {
    "row": "the line is a row with a completion and gold",
    "form": "the completion is <think>...</think><answer>...</answer>",
    "steps": "the reasoning shows its three steps",
    "unparsed": "the answer can be read",
    "wrong": "the answer is right",
    "reference": "the references of the views are good enough",
}
"""What is asked of a chain, in this order."""


class Drop(NamedTuple):
    """Why a row is dropped.

    Attributes:
        rule: one of `RULES`.
        message: one line for people, with ``file:line``.
    """

    rule: str
    message: str


class Tally(NamedTuple):
    """What became of the rows of a file.

    Attributes:
        read: rows that were read.
        kept: rows that were kept.
        dropped: rule -> rows that broke it first.
    """

    read: int
    kept: int
    dropped: Mapping[str, int]


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
        row: a row with ``completion`` and gold; see `trainers.data.training_rows`.
        where: its place, for messages.
        task: of rows that do not tell.
        min_reference_score: least R_ref, in [0, 1]; a row without reference labels does not reach it.
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
        if score.fault is not None and not _readable(score.answer):
            return Drop("unparsed", f"{where}: unparsed: {score.fault.message} ({score.fault.code})")
        if not score.correct:
            return Drop("wrong", f"{where}: wrong: {envelope.answer!r:.60} is not {gold['target']!r:.60}")
        return _judge_references(steps, gold, where, min_reference_score, relation_weight)
    except DataError as error:
        return Drop("row", str(error))


def _readable(answer: object) -> bool:
    """Whether anything was read: an answer to a question, or at least one record of a list."""
    return answer is not None and (not isinstance(answer, Records) or len(answer) > 0)


def _judge_references(
    steps: Steps, gold: Mapping[str, Any], where: str, least: float | None, relation_weight: float
) -> Drop | None:
    if least is None:
        return None
    if "references" not in gold:
        return Drop("reference", f"{where}: reference: the row has no reference labels")
    relations = gold.get("relations")
    weight = relation_weight if relations is not None else 0.0
    scored = score_references(steps.references, gold["references"], relations=relations, relation_weight=weight)
    if scored.value < least:
        return Drop("reference", f"{where}: reference: R_ref is {scored.value:.3f}, less than {least:g}")
    return None


def filter_chains(
    source: Path,
    kept: Path,
    dropped: Path,
    *,
    task: str | None = None,
    min_reference_score: float | None = None,
    relation_weight: float = 0.0,
    on_progress: OnProgress | None = None,
) -> Tally:
    """Divide a file of chains into those to keep and those to drop, in their order.

    A dropped row has a further column ``dropped``, ``{"rule", "message"}``; of a line that is no row, only that.

    Raises:
        DataError: the file cannot be opened.
    """
    counts: Counter[str] = Counter()
    with whole_file(kept) as good, whole_file(dropped) as bad:
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
                bad.write(json_line({**rebased(record, source.parent, dropped.parent), "dropped": drop._asdict()}))
            counts[drop.rule if drop else "kept"] += 1
            if on_progress is not None:
                on_progress(number, None)
    return Tally(counts.total(), counts["kept"], {rule: counts[rule] for rule in RULES if counts[rule]})
