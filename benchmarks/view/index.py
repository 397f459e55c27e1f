"""A run in memory: every row is read and scored once, only numbers of it stay, and texts are read again on demand."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.view.reading import Files, prompt_numbers
from rewards.errors import ConfigError, DataError
from rewards.score import resolve, score_batch
from rewards.targets import GIVEN_COLUMNS, read_target, unpack_rows
from rewards.tasks import load_task, task_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.files.blocks import Block
    from benchmarks.view.reading import Piece
    from parsers.completion import Mode, Prefilled

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int32]
    Bools = NDArray[np.bool_]

SHOWN_ERRORS: Final = 50
"""Rows that could not be read or scored of which it is said why; the others are counted."""
_TITLE: Final = 90  # characters of a title or a target in the list
_DTYPES: Final = {"total": np.float64, "correct": np.bool_, "partial": np.bool_, "fault": np.int16}
_SCORED: Final = ("completion", "target")


class Scoring(NamedTuple):
    """How completions are scored.

    Attributes:
        task: of all rows; None: what each row's column ``task`` says, and ``tvr`` where it says nothing.
        preset: see `rewards.score_completion`, as the rest.
        mode: likewise.
        think_prefilled: likewise.
        overrides: likewise.
    """

    task: str | None = None
    preset: str = "default"
    mode: Mode = "strict"
    think_prefilled: Prefilled = "auto"
    overrides: Mapping[str, Any] = {}

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `rewards.score_completion`, but for the task."""
        read = {"mode": self.mode, "think_prefilled": self.think_prefilled}
        return {"preset": self.preset, **read, **self.overrides}


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The rows that answer one prompt in one step, counted; arrays of shape (groups,).

    Attributes:
        rows: of all groups, those of one side by side in the order of the files, (rows,).
        starts: where each begins in *rows*, and at the end their number, (groups + 1,).
        mean, low, high: of the rewards; NaN where there is nothing to score.
        std: sample standard deviation, as trainers take it for advantages; 0 for a single row.
        right: rows that are correct.
        faults: rows with a fault.
        outranked: whether some wrong row is rewarded as much as some right one, or more.
        step: of training; NaN where there is none.
        prompt: a number that groups of one prompt share, at all steps and in all runs; 0 where nothing tells.
        view: of `Run.views`; -1 where there is none.
        task: of `Run.tasks`.
        true: records of the target; -1 where a target is none of records.
        titles, targets: a few words each.
    """

    rows: Ints
    starts: Ints
    mean: Floats
    std: Floats
    low: Floats
    high: Floats
    right: Ints
    faults: Ints
    outranked: Bools
    step: Floats
    prompt: NDArray[np.uint64]
    view: Ints
    task: Ints
    true: Ints
    titles: Sequence[str]
    targets: Sequence[str]

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def size(self) -> Ints:
        """The number of rows of each."""
        return np.diff(self.starts)

    def of(self, group: int) -> list[int]:
        """Return the rows of a group."""
        found: list[int] = self.rows[self.starts[group] : self.starts[group + 1]].tolist()
        return found


@dataclass(frozen=True, eq=False)
class Run:
    """Files whose rows are scored. Arrays have the shape (rows,).

    Attributes:
        name: for people.
        files: reads the rows again.
        scoring: under which the numbers are.
        pieces: the blocks of the files.
        piece: the block of each row.
        at: its place there.
        total: its reward; NaN where there is nothing to score.
        correct: whether it is right.
        fault: its first fault, of *codes*; -1 where it has none.
        codes: fault codes.
        named: records that it names; of a question, 1 for an answer and else 0.
        partial: whether some part besides the format's is rewarded.
        views, tasks: names that rows have in these columns.
        groups: the rows by prompt and step.
        told_by: by what prompts are told apart: a role of `benchmarks.view.reading.KNOWN`, or ``""``.
        errors: what is wrong with the first rows that are left out.
        left_out: how many there are.
    """

    name: str
    files: Files
    scoring: Scoring
    pieces: Sequence[Piece]
    piece: Ints
    at: Ints
    total: Floats
    correct: Bools
    fault: NDArray[np.int16]
    codes: Sequence[str]
    named: Ints
    partial: Bools
    views: Sequence[str]
    tasks: Sequence[str]
    groups: Groups
    told_by: str
    errors: Sequence[str]
    left_out: int

    @property
    def steps(self) -> list[float]:
        """The steps that there are, in order."""
        found: list[float] = np.unique(self.groups.step[~np.isnan(self.groups.step)]).tolist()
        return found

    def rows(self, places: Sequence[int]) -> list[Row]:
        """Read some rows."""
        found = []
        for row in places:
            piece = self.pieces[self.piece[row]]
            block, at = self.files.block(piece), int(self.at[row])
            if at >= len(block):
                raise DataError(
                    f"{self.files.names[piece.file]}: the file is shorter than when it was opened; start again"
                )
            found.append(Row(self, row, piece, block, at))
        return found


class Row(NamedTuple):
    """One row as its file has it."""

    run: Run
    number: int
    piece: Piece
    block: Block
    at: int

    def get(self, role: str) -> Any:
        """Return what it has in a role, or None."""
        values = self.block.columns.get(role)
        return None if values is None else values[self.at]

    @property
    def file(self) -> str:
        """The file it is from."""
        return self.run.files.names[self.piece.file]

    @property
    def line(self) -> int:
        """Its line there, or the number of the row."""
        return int(self.block.chunk.lines[self.block.at[self.at]])

    @property
    def place(self) -> str:
        """``file:line``."""
        return self.block.chunk.place(self.block.at[self.at])

    @property
    def whole(self) -> Mapping[str, Any]:
        """All its columns."""
        found: Any = self.block.chunk.rows[self.block.at[self.at]]
        return found  # type: ignore[no-any-return]

    @property
    def task(self) -> str:
        """The task that it is scored as."""
        return tasks_of(self.block, self.run.scoring)[self.at]

    @property
    def has_completion(self) -> bool:
        """Whether there is something to score, and it is no row to train on."""
        return self.piece.file not in self.run.files.without_completions

    def labels(self) -> dict[str, Any]:
        """Return what it is scored against, besides the target."""
        return {role: self.get(role) for role in GIVEN_COLUMNS if role in self.block.columns}


# --- building ---------------------------------------------------------------------------------------------------------


def open_run(
    name: str,
    files: Files,
    scoring: Scoring,
    *,
    most: int | None = None,
    on_progress: Callable[[int, float | None], None] | None = None,
) -> Run:
    """Read and score the rows of some files.

    Args:
        name: for people.
        files: the rows.
        scoring: how completions are scored.
        most: rows to read, about: the block with the last of them is read whole; None for all.
        on_progress: called with the rows read so far and the share of the current file.

    Raises:
        DataError: no row can be shown; it says why of the first.
        ConfigError: for a wrong task, preset or option.
    """
    building = _Building(scoring)
    for piece, block, chunk in files.blocks():
        building.add(piece, block, scored=piece.file not in files.without_completions)
        if on_progress is not None:
            on_progress(building.count, chunk.read)
        if most is not None and building.count >= most:
            break
    if not building.count:
        why = f": {building.errors[0]}" if building.errors else ""
        raise DataError(f"{', '.join(files.names[:3])}: there are no rows that can be shown{why}")
    return building.finish(name, files)


class _Building:
    """Takes blocks one after the other."""

    def __init__(self, scoring: Scoring) -> None:
        self.scoring = scoring
        self.count = self.left_out = 0
        self.pieces: list[Piece] = []
        self.errors: list[str] = []
        self.columns: dict[str, list[NDArray[Any]]] = {
            name: [] for name in ("piece", "at", "total", "correct", "fault", "named", "partial", "group")
        }
        self.names: dict[str, dict[str, int]] = {"code": {}, "view": {}, "task": {}}
        self.known: dict[int, int] = {}  # number of a group's key -> group
        self.of_groups: list[tuple[Any, ...]] = []
        self.told_by = ""

    def add(self, piece: Piece, block: Block, *, scored: bool) -> None:
        tasks = tasks_of(block, self.scoring)
        scores, errors = score_block(block, tasks, self.scoring) if scored else ([None] * len(block), {})
        self._refuse({**block.errors, **{block.at[at]: message for at, message in errors.items()}}, block)
        kept = [at for at in range(len(block)) if at not in errors]
        found = [scores[at] for at in kept]
        columns = {
            "piece": [len(self.pieces)] * len(kept),
            "at": kept,
            "total": [nan if score is None else score.total for score in found],
            "correct": [score is not None and score.correct for score in found],
            "fault": [-1 if score is None else self._number("code", score.fault) for score in found],
            "named": [0 if score is None else score.named for score in found],
            "partial": [score is not None and score.partial for score in found],
            "group": self._groups(block, kept, tasks),
        }
        for name, values in columns.items():
            self.columns[name].append(np.array(values, dtype=_DTYPES.get(name, np.int32)))
        self.pieces.append(piece)
        self.count += len(kept)

    def _refuse(self, errors: Mapping[int, str], block: Block) -> None:
        """Take rows that are left out, by their place in the chunk."""
        self.left_out += len(errors)
        for at, message in sorted(errors.items()):
            if len(self.errors) < SHOWN_ERRORS:
                self.errors.append(f"{block.chunk.place(at)}: {message}")

    def _number(self, kind: str, name: str | None) -> int:
        return -1 if name is None else self.names[kind].setdefault(name, len(self.names[kind]))

    def _groups(self, block: Block, kept: Sequence[int], tasks: Sequence[str]) -> list[int]:
        told_by, prompts = prompt_numbers(block)
        self.told_by = self.told_by or told_by
        numbers = block.groups()
        empty = [None] * len(block)
        steps, views = (block.columns.get(role, empty) for role in ("step", "view"))
        found = []
        for at in kept:
            number = numbers[at]
            group = None if number is None else self.known.get(number)
            if group is None:
                group = len(self.of_groups)
                if number is not None:
                    self.known[number] = group
                view = self._number("view", None if views[at] is None else str(views[at])[:_TITLE])
                facts = (as_step(steps[at]), prompts[at] or 0, view, self._number("task", tasks[at]))
                target, true = _read_target(block.columns["target"][at], tasks[at])
                self.of_groups.append((*facts, true, shorten(_title(block, at)), shorten(target)))
            found.append(group)
        return found

    def finish(self, name: str, files: Files) -> Run:
        rows = {column: np.concatenate(parts) for column, parts in self.columns.items()}
        group = rows.pop("group")
        return Run(
            name=name,
            files=files,
            scoring=self.scoring,
            pieces=self.pieces,
            codes=list(self.names["code"]),
            views=list(self.names["view"]),
            tasks=list(self.names["task"]),
            groups=_counted(group, rows["total"], rows["correct"], rows["fault"], self.of_groups),
            told_by=self.told_by,
            errors=self.errors,
            left_out=self.left_out,
            **rows,
        )


def _counted(
    group: Ints, total: Floats, correct: Bools, fault: NDArray[np.int16], facts: Sequence[tuple[Any, ...]]
) -> Groups:
    order = np.argsort(group, kind="stable").astype(np.int32)
    starts = np.searchsorted(group[order], np.arange(len(facts) + 1)).astype(np.int32)
    size, first = np.diff(starts), starts[:-1]
    values, right = total[order], correct[order]
    mean = np.add.reduceat(values, first) / size
    squares = np.add.reduceat(np.square(values - np.repeat(mean, size)), first)
    best_wrong = np.maximum.reduceat(np.where(right, -np.inf, values), first)
    worst_right = np.minimum.reduceat(np.where(right, values, np.inf), first)
    step, prompt, view, task, true, titles, targets = zip(*facts, strict=True)
    low, high = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
    return Groups(
        rows=order,
        starts=starts,
        mean=mean,
        # Equal rewards have no spread, whatever rounding makes of their mean.
        std=np.where(low == high, 0.0, np.sqrt(squares / np.maximum(size - 1, 1))),
        low=low,
        high=high,
        right=np.add.reduceat(right, first, dtype=np.int32),
        faults=np.add.reduceat(fault[order] >= 0, first, dtype=np.int32),
        outranked=np.isfinite(best_wrong) & np.isfinite(worst_right) & (best_wrong >= worst_right),
        step=np.array(step, dtype=np.float64),
        prompt=np.array(prompt, dtype=np.uint64),
        view=np.array(view, dtype=np.int32),
        task=np.array(task, dtype=np.int32),
        true=np.array(true, dtype=np.int32),
        titles=titles,
        targets=targets,
    )


# --- scoring ----------------------------------------------------------------------------------------------------------


class Scored(NamedTuple):
    """What stays of a score; see `Run`.

    Attributes:
        total: the reward.
        correct: whether it is right.
        fault: the code of the first, or None.
        named: records that are named.
        partial: whether some part besides the format's is rewarded.
    """

    total: float
    correct: bool
    fault: str | None
    named: int
    partial: bool


def score_block(block: Block, tasks: Sequence[str], scoring: Scoring) -> tuple[list[Scored | None], dict[int, str]]:
    """Score the rows of a block: what stays of each, and what is wrong with those that cannot be scored.

    Raises:
        ConfigError: for a wrong task, preset or option.
    """
    found: list[Scored | None] = [None] * len(block)
    errors: dict[int, str] = {}
    for task in dict.fromkeys(tasks):
        resolve(task, scoring.preset, **scoring.overrides)  # what is wrong for all rows is no row's fault
        rows = [at for at in range(len(block)) if tasks[at] == task]
        try:
            scores = _score(_columns(block, rows), task, scoring)
        except (DataError, ConfigError):  # the latter where packed targets name several tasks
            for at in rows:
                try:
                    found[at] = _score(_columns(block, [at]), task, scoring)[0]
                except (DataError, ConfigError) as error:
                    errors[at] = error.message if isinstance(error, DataError) else str(error)
        else:
            for at, score in zip(rows, scores, strict=True):
                found[at] = score
    return found, errors


def score_again(rows: Sequence[Row], scoring: Scoring) -> list[Scored | None]:
    """Score rows of a run under another reward: what stays of each; None of rows to train on.

    Raises:
        ConfigError: for a wrong preset.
    """
    found: dict[int, Scored] = {}
    there = [row for row in rows if row.has_completion]
    for task in dict.fromkeys(row.task for row in there):
        of_task = [row for row in there if row.task == task]
        roles = (*_SCORED, *(role for role in GIVEN_COLUMNS if any(role in row.block.columns for row in of_task)))
        columns = {role: [row.get(role) for row in of_task] for role in roles}
        for row, score in zip(of_task, _score(columns, task, scoring), strict=True):
            found[row.number] = score
    return [found.get(row.number) for row in rows]


def _columns(block: Block, rows: Sequence[int]) -> dict[str, list[Any]]:
    roles = (*_SCORED, *(role for role in GIVEN_COLUMNS if role in block.columns))
    return {role: [block.columns[role][at] for at in rows] for role in roles}


def _score(columns: Mapping[str, Any], task: str, scoring: Scoring) -> list[Scored]:
    labels = {role: column for role, column in columns.items() if role in GIVEN_COLUMNS}
    batch = score_batch(columns["completion"], columns["target"], task=task, **labels, **scoring.settings())
    codes = [None if fault is None else fault.code for fault in batch.faults]
    partial = np.any([values > 0 for part, values in batch.parts.items() if part != "format"], axis=0)
    columns_of_scores = (batch.total.tolist(), batch.correct.tolist(), codes, batch.n_pred.tolist(), partial.tolist())
    return list(map(Scored, *columns_of_scores))


def tasks_of(block: Block, scoring: Scoring) -> list[str]:
    """Return the task that each row is scored as.

    Raises:
        ConfigError: the column ``task`` holds something else.
    """
    if scoring.task is not None or "task" not in block.columns:
        return [scoring.task or "tvr"] * len(block)
    named = ["tvr" if name is None else str(name) for name in block.columns["task"]]
    if unknown := {*named} - {*task_names()}:
        raise ConfigError(
            f"{block.chunk.path}: the column 'task' holds {min(unknown)[:60]!r}, which is no task of ours; "
            f"say which it is: --task {' or --task '.join(task_names())}"
        )
    return named


# --- words ------------------------------------------------------------------------------------------------------------


def as_step(value: Any) -> float:
    """Return a step as a number; NaN for none."""
    try:
        return nan if value is None else float(value)
    except (TypeError, ValueError):
        return nan


def shorten(text: str) -> str:
    """Return a text in one line of a list."""
    line = " ".join(text[: 4 * _TITLE].split())
    return line if len(line) <= _TITLE else f"{line[: _TITLE - 1]}…"


def _title(block: Block, at: int) -> str:
    given = block.columns.get("group", block.columns.get("id"))
    if given is not None and given[at] is not None:
        return str(given[at])
    return block.chunk.place(block.at[at]).rpartition("/")[2]


def target_text(value: Any, task: str) -> str:
    """Return a target as people write it; as the file has it where it cannot be read."""
    return _read_target(value, task)[0]


def _read_target(value: Any, task: str) -> tuple[str, int]:
    """Return a target as `target_text` does, and how many records it holds; -1 where that is no number."""
    try:
        inner = unpack_rows([value]).targets[0]
        record_format = load_task(task).record_format
        if record_format is None:
            return str(inner), -1
        records = read_target(inner, record_format)
    except (DataError, ConfigError):
        return str(value), -1
    return ", ".join(map(record_format.render, records)) or "none", len(records)
