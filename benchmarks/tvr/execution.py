"""Carrying out lists of transformations on scenes, all rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.tvr.codec import UNREADABLE, Steps
from benchmarks.tvr.world import (
    ATTRIBUTES,
    PAIR_COLUMN,
    POSITION,
    State,
    edit,
    in_world,
    overlaps,
    present,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchmarks.tvr.world import Bools

_SIZE = ATTRIBUTES.index("size")


class Execution(NamedTuple):
    """What became of the scenes of n rows.

    Attributes:
        state: the scenes after the last step, ``(n, 10, .)``.
        overlap: ``(n,)``, an object stood too near to another after a move or a change of its size. Errors
            stay, also where a later step undoes them.
        left_world: ``(n,)``, a move ended outside the world. It is carried out all the same.
        skipped: ``(n,)``, number of steps that could not be carried out.
    """

    state: State
    overlap: Bools
    left_world: Bools
    skipped: npt.NDArray[np.int64]


def executable(state: State, steps: Steps) -> Bools:
    """Which steps are readable and name an object of their scene, ``(steps,)``."""
    can: Bools = (steps.pairs != UNREADABLE) & present(state)[steps.rows, steps.objects]
    return can


def execute(state: State, steps: Steps) -> Execution:
    """Carry out the steps of n rows in order on their scenes, ``(n, 10, .)``. The given state is kept.

    A step that is not `executable` is left out and counted. The loop is over the steps' places in their
    lists, the first steps of all rows at once: as many turns as the longest list has steps.
    """
    n = len(state.positions)
    after = State(state.attributes.copy(), state.positions.copy())
    can = executable(state, steps)
    overlap, left_world = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    skipped = np.bincount(steps.rows[~can], minlength=n)
    longest_first = np.argsort(-steps.lengths, kind="stable")
    turns = np.arange(steps.lengths.max(initial=0))
    still_going = n - np.searchsorted(np.sort(steps.lengths), turns, side="right")
    for turn, active in enumerate(still_going):
        rows = longest_first[:active]
        at = steps.starts[rows] + turn
        rows, at = rows[can[at]], at[can[at]]
        objects, columns = steps.objects[at], PAIR_COLUMN[steps.pairs[at]]
        edit(after, rows, objects, steps.pairs[at])
        moved = columns == POSITION
        left_world[rows[moved]] |= ~in_world(after.positions[rows[moved], objects[moved]])
        tested = moved | (columns == _SIZE)
        rows, objects = rows[tested], objects[tested]
        overlap[rows] |= overlaps(State(after.attributes[rows], after.positions[rows]), objects)
    return Execution(after, overlap, left_world, skipped)
