"""Rows of a predictions file -> per-row statistics, as arrays. Every TVR metric is a mean of these.

A row is a mapping with the columns

* ``prediction``: the model's transformations, see `benchmarks.tvr.codec.encode_steps`;
* ``transformations`` or ``target``: the reference's, in the same forms;
* ``initial_objects`` and ``final_objects``: the scene before and after. Where only the first is given, the
  second is what the reference makes of it. Without a scene, lists are compared as they are written
  (`compare_triples`);
* where wanted ``attributes``, those that may change (all five; a prediction of another is a step that cannot
  be carried out), ``view`` (``left``, ``Camera_Left``) and ``n_visible`` (read where there is no scene).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.tvr.codec import UNREADABLE, Steps, encode_scenes, encode_steps, step_fault
from benchmarks.tvr.execution import executable, execute
from benchmarks.tvr.world import (
    ATTRIBUTES,
    N_OBJECTS,
    PAIR_COLUMN,
    PAIRS,
    POSITION,
    State,
    differences,
    present,
    visible,
)
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from benchmarks.tvr.world import Bools

    Row = Mapping[str, Any]
    Counts = npt.NDArray[np.int64]
    Keys = npt.NDArray[np.int64]

COLUMNS: Final = (*ATTRIBUTES, "position")
UNKNOWN: Final = -1
_TRIPLES: Final = N_OBJECTS * len(PAIRS)
_N_COLUMNS: Final = len(COLUMNS)


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
    """Rows with their encoded steps, and the number of each row, by which an error names it."""

    rows: Sequence[Row]
    targets: Sequence[Any]
    predicted: Steps
    true: Steps
    numbers: Counts

    def select(self, chosen: Counts) -> _Batch:
        members = chosen.tolist()
        return _Batch(
            [self.rows[i] for i in members],
            [self.targets[i] for i in members],
            self.predicted.select(chosen),
            self.true.select(chosen),
            self.numbers[chosen],
        )


def row_stats(rows: Sequence[Row]) -> RowStats:
    """Compute the statistics of rows.

    Args:
        rows: see the head of this module.

    Raises:
        DataError: a column is missing, or a scene or a reference is wrong; its ``row`` says where. A prediction never
            raises.
    """
    for i, row in enumerate(rows):
        if "prediction" not in row or row.get(_target_key(row)) is None:
            raise DataError("no prediction, or no transformations (or target)", row=i)
    targets = [row[_target_key(row)] for row in rows]
    allowed = _allowed(rows)
    predicted = encode_steps([row["prediction"] for row in rows]).restrict(allowed)
    true = encode_steps(targets).restrict(allowed)
    batch = _Batch(rows, targets, predicted, true, np.arange(len(rows)))
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


def _allowed(rows: Sequence[Row]) -> Bools:
    """Which attributes may change in each row, ``(n, 5)``."""
    masks: dict[tuple[str, ...], list[bool]] = {}
    rules = []
    for i, row in enumerate(rows):
        given = row.get("attributes")
        names = COLUMNS if given is None else tuple(map(str, given if isinstance(given, list) else [given]))
        if names not in masks:
            unknown = [name for name in names if name not in COLUMNS]
            if unknown:
                raise DataError(f"attributes: {unknown[0]!r} is not one of {', '.join(COLUMNS)}", row=i)
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
    steps, place = batch.targets[row], at - int(batch.true.starts[row])
    name, number = _target_key(batch.rows[row]), int(batch.numbers[row])
    if not isinstance(steps, (list, tuple)):
        raise DataError(f"{name} {steps!r} is not a list of transformations", row=number)
    reason = step_fault(steps[place]) or f" {steps[place]!r} is not possible in this scene or task"
    raise DataError(f"{name}[{place}]{reason}", row=number)


def _outcome(batch: _Batch) -> _Outcome:
    """Compare rows that have a scene by its final state, the others as lists of triples."""
    has_scene = np.array([row.get("initial_objects") is not None for row in batch.rows], dtype=bool)
    scenes, lists = np.flatnonzero(has_scene), np.flatnonzero(~has_scene)
    parts = _by_state(batch.select(scenes)), _by_triples(batch.select(lists))
    in_order = np.argsort(np.concatenate([scenes, lists]))
    return _Outcome(*(np.concatenate(columns)[in_order] for columns in zip(*parts, strict=True)))


def _by_state(batch: _Batch) -> _Outcome:
    initial = _encode(batch.rows, batch.numbers, "initial_objects")
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
    read = _encode([batch.rows[i] for i in chosen.tolist()], batch.numbers[chosen], "final_objects")
    if given.all():
        final = read
    else:
        final = execute(initial, batch.true).state
        final.attributes[given], final.positions[given] = read
    unequal = (present(final) != present(initial)).any(axis=1)
    if unequal.any():
        row = int(batch.numbers[unequal.argmax()])
        raise DataError("initial_objects and final_objects differ in number", row=row)
    return final


def _encode(rows: Sequence[Row], numbers: Counts, column: str) -> State:
    """Return the scenes in a column of some rows; an error names the row by its number."""
    try:
        return encode_scenes([row[column] for row in rows], name=column)
    except DataError as error:
        raise DataError(str(error.args[0]), row=int(numbers[error.row or 0])) from None


def _by_triples(batch: _Batch) -> _Outcome:
    n, predicted = len(batch.rows), batch.predicted
    equal, wrong_cells = compare_triples(predicted, batch.true, batch.targets)
    counts = [row.get("n_visible") for row in batch.rows]
    for i, count in enumerate(counts):
        if count is not None and not isinstance(count, (int, np.integer)):
            raise DataError(f"n_visible {count!r} is not a whole number", row=int(batch.numbers[i]))
    return _Outcome(
        wrong_cells=wrong_cells,
        correct=equal,
        overlap=np.zeros(n, dtype=bool),
        left_world=np.zeros(n, dtype=bool),
        skipped=np.bincount(predicted.rows[predicted.pairs == UNREADABLE], minlength=n),
        n_visible=np.array([UNKNOWN if count is None else count for count in counts], dtype=np.int64),
    )


# Comparing lists where no scene is at hand to carry them out on


def compare_triples(predicted: Steps, true: Steps, targets: Sequence[Any]) -> tuple[Bools, Keys]:
    """Compare two lists of transformations for each of n rows, as sets and cell by cell.

    A cell is one (object, attribute). In each list the last value written to a cell counts; a cell that only
    one list writes to, or to which they write different values, is wrong. A predicted move that the
    ``options`` of a true move of the same object accept counts as that move. Otherwise moves are values as
    written: one of two steps is not two of one step.

    Args:
        predicted: the model's steps; unreadable ones make the sets differ and change no cell.
        true: the reference's steps, all readable.
        targets: the records that ``true`` was encoded from, for their ``options``.

    Returns:
        Whether the two sets of triples are equal (repeats ignored), ``(n,)``, and the number of wrong cells
        by attribute, position last, ``(n, 5)``.
    """
    n = len(true.starts) - 1
    readable = predicted.pairs != UNREADABLE
    wanted = _keys(true)
    said = _accept_options(_keys(predicted)[readable], wanted, targets)
    equal = np.bincount(predicted.rows[~readable], minlength=n) == 0
    equal[np.setxor1d(said, wanted) // _TRIPLES] = False
    said, wanted = _last_written(said), _last_written(wanted)
    touched = np.union1d(_cells(said), _cells(wanted))
    right = _cells(np.intersect1d(said, wanted))
    wrong = np.setdiff1d(touched, right, assume_unique=True)
    row_and_column = wrong // (N_OBJECTS * _N_COLUMNS) * _N_COLUMNS + wrong % _N_COLUMNS
    return equal, np.bincount(row_and_column, minlength=n * _N_COLUMNS).reshape(n, _N_COLUMNS)


def _keys(steps: Steps) -> Keys:
    """Number each (row, object, pair)."""
    return steps.rows * _TRIPLES + steps.objects * len(PAIRS) + steps.pairs


def _cells(keys: Keys) -> Keys:
    """Return the number of each key's (row, object, attribute)."""
    cells: Keys = keys // len(PAIRS) * _N_COLUMNS + PAIR_COLUMN[keys % len(PAIRS)]
    return cells


def _last_written(keys: Keys) -> Keys:
    """Keep, of the keys of one cell, the last."""
    backwards = keys[::-1]
    _, first = np.unique(_cells(backwards), return_index=True)
    return backwards[first]


def _accept_options(said: Keys, wanted: Keys, targets: Iterable[Any]) -> Keys:
    """Replace predicted moves by the true move whose options hold them; a true move itself stays."""
    owners, answers = [], []
    for row, target in enumerate(targets):
        for item in target:
            options = item.get("options") if isinstance(item, dict) else None
            if options and len(options) > 1:
                owners.append(row)
                answers.append([item, *({**item, "val": option} for option in options)])
    if not answers:
        return said
    steps = encode_steps(answers)
    keys = _keys(steps) + (np.array(owners) - np.arange(len(owners)))[steps.rows] * _TRIPLES
    own = keys[steps.starts[:-1]][steps.rows]
    others = (steps.pairs != UNREADABLE) & ~np.isin(keys, wanted)
    accepted = dict(zip(keys[others].tolist(), own[others].tolist(), strict=True))
    return np.array([accepted.get(key, key) for key in said.tolist()], dtype=np.int64)
