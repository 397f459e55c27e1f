"""Which prompts reinforcement learning can learn from: those that a model solves sometimes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rewards.errors import DataError
from trainers.data.chain_filter import Tally
from trainers.data.lines import json_line, whole_file
from trainers.data.training_rows import COMPLETIONS, completion_of, read_rows, rebased, score_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    from trainers.data.training_rows import OnProgress, Row

RULES: Final = {
    "row": "the line is a row with a completion and gold, or with `correct`",
    "too_hard": "enough samples are right",
    "too_easy": "not too many samples are right",
}
_OF_A_SAMPLE: Final = (*COMPLETIONS, "sample", "correct", "parsed", "score", "total", "parts", "unit", "fault")


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
    ``star score --out`` writes it), else if its completion is, by the row's gold. Written is one row a prompt, in the
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
    return Tally(counts.total(), counts["kept"], {rule: counts[rule] for rule in RULES if counts[rule]})


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
