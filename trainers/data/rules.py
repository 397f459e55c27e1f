"""The rules of TRANCE for one change of a scene, in one place for the generator and for checking files.

Facts from hughplay/TVR (``trance/render.py``). Stricter than upstream in one point: every change, not only of
position or size, must leave all changed objects well in view of all three cameras, so that every question can
be answered from every final view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.tvr.world import (
    ATTRIBUTES,
    PAIR_COLUMN,
    PAIR_VALUE,
    POSITION,
    apply,
    move_type,
    overlaps,
    visible,
)
from trainers.data.bodies import bodies_of
from trainers.data.occlusion import occluded

if TYPE_CHECKING:
    from benchmarks.tvr.world import State
    from trainers.data.bodies import Floats
    from trainers.data.cameras import Stage

RULES: Final = {
    "no_change": "the new value is the old one",
    "changed_twice": "the same attribute of the same object changes twice",
    "bad_move": "the move leaves the world or stays out of the picture",
    "changed_moved_out": "an object that was changed before moves out of the picture",
    "hidden_changed": "an object outside the picture changes, and not by moving in",
    "occluded_at_start": "the object is hidden behind others in the initial view",
    "overlap": "the object comes too near to another",
    "occluded": "a changed object is hidden behind others, or too small, in one of the three views",
}

_SIZE: Final = ATTRIBUTES.index("size")


class Course(NamedTuple):
    """A scene part of the way through its changes.

    Attributes:
        initial: before the first change.
        state: as it is now.
        rotations: ``(10,)`` radians.
        stage: its cameras, or None where they are not known: then the two occlusion rules are not tested.
        changes: (object, pair) so far.
    """

    initial: State
    state: State
    rotations: Floats
    stage: Stage | None
    changes: tuple[tuple[int, int], ...] = ()


def after(course: Course, index: int, pair: int) -> Course:
    """Return the course with one more change; whether it is allowed is `broken_rule`'s to say."""
    return course._replace(state=apply(course.state, index, pair), changes=(*course.changes, (index, pair)))


def broken_rule(course: Course, index: int, pair: int, *, repeats: bool = False) -> str | None:
    """Return the first rule that a change would break, a key of `RULES`, or None where it is allowed.

    Args:
        course: the scene so far.
        index: the object, 0 to 9.
        pair: code into `PAIRS`.
        repeats: whether an attribute of an object may change twice, as upstream lets it.
    """
    column = int(PAIR_COLUMN[pair])
    here = bool(visible(course.state.positions[index]))
    rule = _broken_by_value(course, index, pair, column, here=here)
    if rule is not None:
        return rule
    if not repeats and any(i == index and PAIR_COLUMN[p] == column for i, p in course.changes):
        return "changed_twice"
    then = after(course, index, pair)
    if column in (POSITION, _SIZE) and overlaps(then.state, index):
        return "overlap"
    if course.stage is None:
        return None
    if here and occluded(bodies_of(course.initial, course.rotations), [index], course.stage.cameras[:1]) is not None:
        return "occluded_at_start"
    changed = sorted({i for i, _ in then.changes})
    hidden = occluded(bodies_of(then.state, course.rotations), changed, course.stage.cameras)
    return None if hidden is None else "occluded"


def _broken_by_value(course: Course, index: int, pair: int, column: int, *, here: bool) -> str | None:
    """Rules about the old and new value alone."""
    if column != POSITION:
        if not here:
            return "hidden_changed"
        return "no_change" if course.state.attributes[index, column] == PAIR_VALUE[pair] else None
    kind = kind_of_move(course, index, pair)
    if kind is None:
        return "bad_move"
    return "changed_moved_out" if kind == "out" and any(i == index for i, _ in course.changes) else None


def kind_of_move(course: Course, index: int, pair: int) -> str | None:
    """Return inner, out or in; None for a move that TRANCE refuses."""
    place = course.state.positions[index]
    return move_type(place, apply(course.state, index, pair).positions[index])
