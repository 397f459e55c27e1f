"""The teachers that know what is true: chains for the scenes of ``star data generate``, bare labels for any rows.

SFT on labels alone is the baseline that the paper compares with: it memorizes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.files.write import whole_file
from rewards.errors import ConfigError, DataError
from rewards.targets import read_target
from rewards.tasks import load_task
from trainers.data.files import Written, json_line
from trainers.data.filter import judge_chain
from trainers.data.generate import SETTINGS, saved_settings
from trainers.data.training_rows import gold_of, read_training_rows, rebased, row_id, rows_file, score_row, task_of
from trainers.scenes.chains import multiview_chain, tvr_chain
from trainers.scenes.records import DATA, read_multiview_record, read_tvr_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trainers.data.training_rows import OnProgress, Row


def write_oracle_chains(
    folder: Path,
    out: Path,
    *,
    seed: int = 0,
    on_error: Callable[[DataError], None] | None = None,
    on_progress: OnProgress | None = None,
) -> Written:
    """Write a chain of thought for every row of a generated data set; a row that is wrong costs no other.

    Each chain is judged as `trainers.data.filter` judges any other, so that none is written that is not right.

    Args:
        folder: of ``star data generate``.
        out: JSON Lines; the rows with ``completion`` and ``teacher``.
        seed: of the wordings.
        on_error: takes what is wrong with a row.
        on_progress: takes the number done.

    Raises:
        ConfigError: the folder is no such data set.
        DataError: a file cannot be opened.
    """
    size, records = _size(folder), Records(folder / DATA)

    def chain(row: Row, where: str) -> str:
        return _chain(row, where, records, size=size, seed=seed)

    return _write(folder, out, chain, teacher="oracle", on_error=on_error, on_progress=on_progress)


def write_labels(
    source: Path,
    out: Path,
    *,
    task: str | None = None,
    on_error: Callable[[DataError], None] | None = None,
    on_progress: OnProgress | None = None,
) -> Written:
    """Write the label of every row as its completion, without any reasoning: ``<think></think><answer>B</answer>``.

    Args:
        source: a file of rows, or a folder with ``metadata.jsonl``.
        out: JSON Lines; the rows with ``completion`` and ``teacher``.
        task: of rows that do not tell.
        on_error: takes what is wrong with a row.
        on_progress: takes the number done.

    Raises:
        DataError: a file cannot be opened.
    """

    def label(row: Row, where: str) -> str:
        name, target = load_task(task_of(row, where, task)), gold_of(row, where)["target"]
        text = str(target)
        if name.record_format is not None and not isinstance(target, str):
            text = ", ".join(map(str, read_target(target, name.record_format)))
        written = f"<think></think><answer>{text}</answer>"
        if not score_row(row, written, where, task=task).correct:
            raise DataError(f"{where}: target: {text!r:.60} is no answer that is read as it was meant")
        return written

    return _write(source, out, label, teacher="labels", on_error=on_error, on_progress=on_progress)


def _write(
    source: Path,
    out: Path,
    complete: Callable[[Row, str], str],
    *,
    teacher: str,
    on_error: Callable[[DataError], None] | None,
    on_progress: OnProgress | None,
) -> Written:
    written = failed = 0
    with whole_file(out) as file:
        for where, row in read_training_rows(source):
            try:
                if isinstance(row, DataError):
                    raise row
                completion = complete(row, where)
            except DataError as error:
                failed += 1
                if on_error is not None:
                    on_error(error)
            else:
                written += 1
                moved = rebased(row, rows_file(source).parent, out.parent)
                file.write(json_line({**moved, "completion": completion, "teacher": teacher}))
            if on_progress is not None:
                on_progress(written + failed, None)
    return Written(written + failed, written, failed)


def _size(folder: Path) -> tuple[int, int]:
    """Return the size of the images, in which the prompts give places."""
    rows_there = all(file.is_file() for file in (folder / SETTINGS, folder / DATA, rows_file(folder)))
    if not rows_there:
        raise ConfigError(
            f"{folder}: the oracle needs a whole folder of `star data generate`, with {SETTINGS}, {DATA} and its rows"
        )
    return saved_settings(folder / SETTINGS).size


def _chain(row: Row, where: str, records: Records, *, size: tuple[int, int], seed: int) -> str:
    place, record = records.find(row.get("idx"), where)
    key = row_id(row, where)
    try:
        if record.get("task") == "multiview":
            chain = multiview_chain(*read_multiview_record(record), seed=seed, key=key)
        else:
            chain = tvr_chain(read_tvr_record(record), str(row["view"]), size=size, seed=seed, key=key)
    except (DataError, KeyError, ValueError) as error:
        raise DataError(f"{place}: scene: {error}") from error
    drop = judge_chain({**row, "completion": chain}, where)
    if drop is not None:
        raise DataError(f"{drop.message}; the row is not the one of the scene at {place}")
    return chain


class Records:
    """The records of a ``data.jsonl``, found by ``idx``; only where they lie is kept in memory.

    Args:
        path: the file; a line that is no record is found by nobody.

    Raises:
        DataError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[Any, tuple[int, int]] = {}
        offset = 0
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    self._places.setdefault(_index_of(line), (number, offset))
                    offset += len(line)
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}") from None

    def find(self, index: Any, where: str) -> tuple[str, dict[str, Any]]:
        """Return ``file:line`` and the record of a scene.

        Raises:
            DataError: there is none.
        """
        if type(index) is not int or index not in self._places:
            raise DataError(f"{where}: idx: {self.path} has no record {index!r}")
        number, offset = self._places[index]
        with self.path.open("rb") as file:
            file.seek(offset)
            return f"{self.path}:{number}", json.loads(file.readline())


def _index_of(line: bytes) -> int | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    index = record.get("idx") if isinstance(record, dict) else None
    return index if type(index) is int else None
