"""Rows of a predictions file -> per-row statistics, as arrays. Every TVR metric is a mean of these.

A row is a mapping with the columns

* ``prediction``: the model's transformations, see `benchmarks.tvr.codec.encode_steps`;
* ``transformations`` or ``target``: the reference's, in the same forms;
* ``initial_objects`` and ``final_objects``: the scene before and after. Where only the first is given, the
  second is what the reference makes of it. Without a scene, lists are compared as they are written
  (`benchmarks.tvr.triples`);
* where wanted ``attributes``, those that may change (all five; a prediction of another is a step that cannot
  be carried out), ``view`` (``left``, ``Camera_Left``) and ``n_visible`` (read where there is no scene).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.tvr.codec import UNREADABLE, Steps, encode_scenes, encode_steps, step_fault
from benchmarks.tvr.execution import executable, execute
from benchmarks.tvr.triples import compare_triples
from benchmarks.tvr.world import (
    ATTRIBUTES,
    PAIR_COLUMN,
    POSITION,
    State,
    differences,
    present,
    visible,
)
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from benchmarks.tvr.world import Bools

    Row = Mapping[str, Any]
    Counts = npt.NDArray[np.int64]

COLUMNS: Final = (*ATTRIBUTES, "position")
UNKNOWN: Final = -1


class RowStats(NamedTuple):
    """Statistics of n rows; each is an array of length n.

    Attributes:
        dist: number of (object, attribute) cells in which the predicted and the true final state differ.
        norm_dist: ``dist`` divided by the number of true steps (by 1 where there is none), float32.
        loose_correct: ``dist == 0``.
        correct: ``loose_correct`` and no error on the way: no overlap, no place outside the world, no step
            that could not be carried out. Without a scene: the sets of triples are equal.
        err_overlap: some step brought an object too near to another.
        err_invalid_position: some step moved an object out of the world.
        pred_step: number of predicted steps, those that could not be carried out included.
        target_step: number of true steps.
        invalid_steps: number of predicted steps that could not be carried out.
        changed: ``(n, 5)``, whether the reference changes the attribute, position last.
        right: ``(n, 5)``, whether that attribute ends as it should on every object.
        n_visible: number of objects visible at first; -1 where it is not known.
        view: last part of the view's name in lower case, ``"left"`` for ``"Camera_Left"``; ``""`` for none.
        with_position: whether moves are part of the task.
    """

    dist: npt.NDArray[np.float32]
    norm_dist: npt.NDArray[np.float32]
    loose_correct: Bools
    correct: Bools
    err_overlap: Bools
    err_invalid_position: Bools
    pred_step: Counts
    target_step: Counts
    invalid_steps: Counts
    changed: Bools
    right: Bools
    n_visible: Counts
    view: npt.NDArray[np.str_]
    with_position: Bools


class _Outcome(NamedTuple):
    wrong_cells: Counts  # (n, 5)
    correct: Bools
    overlap: Bools
    left_world: Bools
    skipped: Counts
    n_visible: Counts


class _Batch(NamedTuple):
    """Rows with their encoded steps, and how an error names row i."""

    rows: Sequence[Row]
    targets: Sequence[Any]
    predicted: Steps
    true: Steps
    where: Callable[[int], str]

    def select(self, chosen: Counts) -> _Batch:
        members = chosen.tolist()
        return _Batch(
            [self.rows[i] for i in members],
            [self.targets[i] for i in members],
            self.predicted.select(chosen),
            self.true.select(chosen),
            lambda i: self.where(members[i]),
        )


def row_stats(rows: Sequence[Row], *, where: Callable[[int], str] = "row {}".format) -> RowStats:
    """Compute the statistics of rows.

    Args:
        rows: see the head of this module.
        where: how an error names row number ``i`` (from 0), e.g. ``predictions.jsonl:17``.

    Raises:
        DataError: a column is missing, or a scene or a reference is wrong. A prediction never raises.
    """
    for i, row in enumerate(rows):
        if "prediction" not in row or row.get(_target_key(row)) is None:
            raise DataError(f"{where(i)}: no prediction, or no transformations (or target)")
    targets = [row[_target_key(row)] for row in rows]
    allowed = _allowed(rows, where)
    predicted = encode_steps([row["prediction"] for row in rows]).restrict(allowed)
    true = encode_steps(targets).restrict(allowed)
    batch = _Batch(rows, targets, predicted, true, where)
    _refuse(batch, true.pairs == UNREADABLE)
    outcome = _outcome(batch)
    changed = np.zeros((len(rows), len(COLUMNS)), dtype=bool)
    changed[true.rows, PAIR_COLUMN[true.pairs]] = True
    dist = outcome.wrong_cells.sum(axis=1).astype(np.float32)
    return RowStats(
        dist=dist,
        norm_dist=dist / np.maximum(true.lengths, 1).astype(np.float32),
        loose_correct=dist == 0,
        correct=outcome.correct,
        err_overlap=outcome.overlap,
        err_invalid_position=outcome.left_world,
        pred_step=predicted.lengths,
        target_step=true.lengths,
        invalid_steps=outcome.skipped,
        changed=changed,
        right=outcome.wrong_cells == 0,
        n_visible=outcome.n_visible,
        view=np.array([str(row.get("view") or "").split("_")[-1].lower() for row in rows], dtype=np.str_),
        with_position=allowed[:, POSITION],
    )


def faults(rows: Sequence[Row], *, where: Callable[[int], str] = "row {}".format) -> dict[int, DataError]:
    """Return the error of each row that `row_stats` would refuse, by its number; empty where all are good."""
    try:
        row_stats(rows, where=where)
    except DataError as error:
        if len(rows) == 1:
            return {0: error}
    else:
        return {}
    middle = len(rows) // 2
    first = faults(rows[:middle], where=where)
    second = faults(rows[middle:], where=lambda i: where(middle + i))
    return first | {middle + i: error for i, error in second.items()}


def _allowed(rows: Sequence[Row], where: Callable[[int], str]) -> Bools:
    """Which attributes may change in each row, ``(n, 5)``."""
    masks: dict[tuple[str, ...], list[bool]] = {}
    rules = []
    for i, row in enumerate(rows):
        given = row.get("attributes")
        names = COLUMNS if given is None else tuple(map(str, given if isinstance(given, list) else [given]))
        if names not in masks:
            unknown = [name for name in names if name not in COLUMNS]
            if unknown:
                raise DataError(f"{where(i)}: attributes: {unknown[0]!r} is not one of {', '.join(COLUMNS)}")
            masks[names] = [name in names for name in COLUMNS]
        rules.append(masks[names])
    return np.array(rules, dtype=bool).reshape(-1, len(COLUMNS))


def _target_key(row: Row) -> str:
    return "transformations" if "transformations" in row else "target"


def _refuse(batch: _Batch, wrong: Bools) -> None:
    """Raise for the first wrong step of a reference, if there is one; ``wrong``: one flag a true step."""
    if not wrong.any():
        return
    at = int(wrong.argmax())
    row = int(batch.true.rows[at])
    pieces, place = batch.targets[row], at - int(batch.true.starts[row])
    name = f"{batch.where(row)}: {_target_key(batch.rows[row])}"
    if not isinstance(pieces, (list, tuple)):
        raise DataError(f"{name} {pieces!r} is not a list of transformations")
    reason = step_fault(pieces[place]) or f" {pieces[place]!r} is not possible in this scene or task"
    raise DataError(f"{name}[{place}]{reason}")


def _outcome(batch: _Batch) -> _Outcome:
    """Compare rows that have a scene by its final state, the others as lists of triples."""
    has_scene = np.array([row.get("initial_objects") is not None for row in batch.rows], dtype=bool)
    scenes, lists = np.flatnonzero(has_scene), np.flatnonzero(~has_scene)
    parts = _by_state(batch.select(scenes)), _by_triples(batch.select(lists))
    in_order = np.argsort(np.concatenate([scenes, lists]))
    return _Outcome(*(np.concatenate(columns)[in_order] for columns in zip(*parts, strict=True)))


def _by_state(batch: _Batch) -> _Outcome:
    scenes = [row["initial_objects"] for row in batch.rows]
    initial = encode_scenes(scenes, where=lambda i: f"{batch.where(i)}: initial_objects")
    _refuse(batch, ~executable(initial, batch.true))
    done = execute(initial, batch.predicted)
    wrong_cells = differences(done.state, _final(batch, initial)).sum(axis=1)
    faultless = ~done.overlap & ~done.left_world & (done.skipped == 0)
    return _Outcome(
        wrong_cells=wrong_cells,
        correct=faultless & (wrong_cells.sum(axis=1) == 0),
        overlap=done.overlap,
        left_world=done.left_world,
        skipped=done.skipped,
        n_visible=visible(initial.positions).sum(axis=1),
    )


def _final(batch: _Batch, initial: State) -> State:
    """Return the true final states: those that rows give, or else what their references lead to."""
    given = np.array([row.get("final_objects") is not None for row in batch.rows], dtype=bool)
    chosen = np.flatnonzero(given)
    read = encode_scenes(
        [batch.rows[i]["final_objects"] for i in chosen.tolist()],
        where=lambda i: f"{batch.where(int(chosen[i]))}: final_objects",
    )
    if given.all():
        final = read
    else:
        final = execute(initial, batch.true).state
        final.attributes[given], final.positions[given] = read
    unequal = (present(final) != present(initial)).any(axis=1)
    if unequal.any():
        row = batch.where(int(unequal.argmax()))
        raise DataError(f"{row}: initial_objects and final_objects differ in number")
    return final


def _by_triples(batch: _Batch) -> _Outcome:
    n, predicted = len(batch.rows), batch.predicted
    equal, wrong_cells = compare_triples(predicted, batch.true, batch.targets)
    counts = [row.get("n_visible") for row in batch.rows]
    for i, count in enumerate(counts):
        if count is not None and not isinstance(count, (int, np.integer)):
            raise DataError(f"{batch.where(i)}: n_visible {count!r} is not a whole number")
    return _Outcome(
        wrong_cells=wrong_cells,
        correct=equal,
        overlap=np.zeros(n, dtype=bool),
        left_world=np.zeros(n, dtype=bool),
        skipped=np.bincount(predicted.rows[predicted.pairs == UNREADABLE], minlength=n),
        n_visible=np.array([UNKNOWN if count is None else count for count in counts], dtype=np.int64),
    )
