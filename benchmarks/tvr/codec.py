"""TRANCE's records -> the arrays of `benchmarks.tvr.world`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, product
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.tvr.world import (
    ABSENT,
    ATTRIBUTES,
    GRID_UNIT,
    N_OBJECTS,
    PAIR_COLUMN,
    PAIRS,
    PARKED,
    POSITION,
    VALUES,
    State,
)
from parsers.types import Records
from rewards.errors import DataError, nearest

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    import numpy.typing as npt

_FAR: Final = 10**6  # no coordinate of a record reaches this; absent objects stand there
_NAMES: Final = itemgetter(*ATTRIBUTES)
_KINDS: Final = list(product(*(range(len(VALUES[name])) for name in ATTRIBUTES)))
_KIND_CODE: Final = {
    tuple(VALUES[name][code] for name, code in zip(ATTRIBUTES, kind, strict=True)): number
    for number, kind in enumerate(_KINDS)
}
_KIND_COLUMNS: Final = np.array([*_KINDS, (ABSENT,) * POSITION], dtype=np.int8)  # the last row: no object


def encode_scene(objects: Sequence[Mapping[str, Any]]) -> State:
    """Encode one scene, see `encode_scenes`; arrays have the shapes ``(10, 4)`` and ``(10, 2)``.

    Raises:
        DataError: as `encode_scenes`.
    """
    try:
        batch = encode_scenes([objects])
    except DataError as error:
        raise DataError(f"scene 0: {error.args[0]}") from None
    return State(batch.attributes[0], batch.positions[0])


def encode_scenes(scenes: Sequence[Sequence[Mapping[str, Any]]], *, name: str = "objects") -> State:
    """Encode scenes as TRANCE writes them: lists of objects ``{color, shape, size, material, position}``.

    Args:
        scenes: 1 to 10 objects each; a shorter scene is filled with absent ones.
        name: how an error names a list of objects.

    Raises:
        DataError: an unknown value, a position that is not two integers, no or too many objects; its ``row`` is the
            number of the scene.
    """
    try:
        sizes = [len(scene) for scene in scenes]
        flat = list(chain.from_iterable(scenes))
        kinds = [_KIND_CODE[names] for names in map(_NAMES, flat)]
        places = [item["position"] for item in flat]
        numbers = np.array(places).reshape(-1, 2)  # ragged or foreign: an error here
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        raise _scene_error(scenes, name) from None
    counts = np.array(sizes, dtype=np.int64)
    right = numbers.dtype.kind in "biuf" and len(numbers) == len(flat) and bool((np.abs(numbers) < _FAR).all())
    if not right or (numbers != np.rint(numbers)).any() or ((counts < 1) | (counts > N_OBJECTS)).any():
        raise _scene_error(scenes, name)
    filled = np.arange(N_OBJECTS) < counts[:, None]
    codes = np.full(filled.shape, len(_KINDS))
    codes[filled] = kinds
    positions = np.tile(PARKED, (len(scenes), 1, 1))
    positions[filled] = numbers
    return State(_KIND_COLUMNS[codes], positions)


def decode_scene(state: State) -> list[dict[str, Any]]:
    """Return the objects of one scene ``(10, .)`` as TRANCE writes them; the inverse of `encode_scene`."""
    columns = [VALUES[name] for name in ATTRIBUTES]
    return [
        {name: values[code] for name, values, code in zip(ATTRIBUTES, columns, codes, strict=True)}
        | {"position": place}
        for codes, place in zip(state.attributes.tolist(), state.positions.tolist(), strict=True)
        if codes[0] != ABSENT
    ]


def _scene_error(scenes: Iterable[Any], name: str) -> DataError:
    """Find the first fault of scenes that could not be encoded. Slow; runs once, before the error."""
    for row, scene in enumerate(scenes):
        if isinstance(scene, str) or not hasattr(scene, "__len__") or not 1 <= len(scene) <= N_OBJECTS:
            return DataError(f"{name} is not a list of 1 to {N_OBJECTS} objects", row=row)
        for place, item in enumerate(scene):
            fault = _object_fault(item)
            if fault is not None:
                return DataError(f"{name}[{place}]{fault}", row=row)
    return DataError("the scenes are not lists of objects")


def _object_fault(item: Any) -> str | None:
    try:
        values = {name: item[name] for name in ATTRIBUTES}
        position = item["position"]
    except (KeyError, TypeError):
        return f" is not an object with the keys {', '.join(ATTRIBUTES)}, position"
    for name, value in values.items():
        if value not in VALUES[name]:
            return f".{name} {value!r} is not a {name}{nearest(value, VALUES[name])}"
    if isinstance(position, str) or not hasattr(position, "__len__") or len(position) != len("xy"):
        right = False
    else:
        right = all(map(_is_coordinate, position))
    return None if right else f".position {position!r} is not two integers (grid units of {GRID_UNIT})"


def _is_coordinate(number: Any) -> bool:
    a_number = isinstance(number, (int, float, np.number))
    return a_number and bool(-_FAR < number < _FAR and number == round(number))


class Steps(NamedTuple):
    """The transformations of many rows, end to end.

    Attributes:
        starts: ``(rows + 1,)``; row r owns the steps ``starts[r]:starts[r + 1]``, in the order written.
        objects: ``(steps,)``, 0-based index 0..9; 0 where the step is unreadable.
        pairs: ``(steps,)``, code into `benchmarks.tvr.world.PAIRS`; `UNREADABLE` where the step names no
            object, attribute or value of the world.
    """

    starts: npt.NDArray[np.int64]
    objects: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.int64]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of steps of each row, ``(rows,)``."""
        return np.diff(self.starts)

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The row that each step belongs to, ``(steps,)``."""
        return np.repeat(np.arange(len(self.starts) - 1), self.lengths)

    def select(self, rows: npt.NDArray[np.int64]) -> Steps:
        """Return the steps of some rows, which become rows 0, 1, ..."""
        lengths = self.lengths[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        at = np.repeat(self.starts[rows] - starts[:-1], lengths) + np.arange(starts[-1])
        return Steps(starts, self.objects[at], self.pairs[at])

    def restrict(self, allowed: npt.NDArray[np.bool_]) -> Steps:
        """Make steps unreadable that change what their row may not, ``(rows, 5)``, position last."""
        outside = ~allowed[self.rows, PAIR_COLUMN[self.pairs]]
        return self._replace(pairs=np.where(outside, UNREADABLE, self.pairs))


UNREADABLE: Final = -1


def _spellings(name: str, value: str) -> tuple[Hashable, ...]:
    """Return what a record may hold for a value; a move is ``front.2``, ``[front, 2]``, ``[front, "2"]``."""
    if name != "position":
        return (value,)
    direction, step = value.rsplit(".", 1)
    return value, (direction, int(step)), (direction, step)


_STEP_CODE: Final = {
    (index, name, spelling): index * len(PAIRS) + code
    for index in range(N_OBJECTS)
    for code, (name, value) in enumerate(PAIRS)
    for spelling in _spellings(name, value)
}


def encode_steps(answers: Iterable[Any]) -> Steps:
    """Encode the transformations of many rows. Never raises: what cannot be read becomes an unreadable step.

    Args:
        answers: one for each row: a list of transformations, each ``{"obj_idx", "attr", "val"}``,
            ``{"index", "attribute", "value"}`` or a triple; a parsed `Records`, whose invalid pieces
            are unreadable steps; None, which is an empty list. Anything else is one unreadable step. An index
            or a number of steps may be any number equal to it (2.0).

    >>> steps = encode_steps([[(2, "color", "cyan"), {"obj_idx": 9, "attr": "position", "val": ["left", 1]}],
    ...                       None, [(-1, "color", "cyan"), (10, "color", "cyan"), "nonsense"]])
    >>> steps.starts.tolist(), steps.objects.tolist(), steps.pairs.tolist()
    ([0, 2, 2, 5], [2, 9, 0, 0, 0], [6, 15, -1, -1, -1])
    """
    codes: list[int] = []
    starts = [0]
    for answer in answers:
        codes.extend(map(_step_code, _pieces(answer)))
        starts.append(len(codes))
    flat = np.array(codes, dtype=np.int64)
    readable = flat != UNREADABLE
    objects, pairs = np.divmod(flat, len(PAIRS))
    return Steps(
        np.array(starts, dtype=np.int64),
        np.where(readable, objects, 0),
        np.where(readable, pairs, UNREADABLE),
    )


def _pieces(answer: Any) -> Sequence[Any]:
    if isinstance(answer, (list, tuple)):
        return answer
    if answer is None:
        return ()
    if isinstance(answer, Records):
        return (*answer.items, *answer.invalid)
    return (answer,)


def _step_code(item: Any) -> int:
    try:
        return _STEP_CODE[_triple(item)]
    except (KeyError, TypeError, ValueError):  # unknown; unhashable or not iterable; not three parts
        return UNREADABLE


def _triple(item: Any) -> tuple[Any, Any, Any]:
    """Return (index, attribute, value), hashable where it can be right; raises on anything else."""
    if not isinstance(item, (dict, Mapping)):  # dict first: an abstract class is slow to ask
        index, attribute, value = item
    elif "obj_idx" in item:
        index, attribute, value = item["obj_idx"], item["attr"], item["val"]
    else:
        index, attribute, value = item["index"], item["attribute"], item["value"]
    return index, attribute, tuple(value) if isinstance(value, list) else value


def step_fault(item: Any) -> str | None:
    """Say what is wrong with one transformation of a reference, or None where it can be read."""
    try:
        index, attribute, value = _triple(item)
    except (KeyError, TypeError, ValueError):
        return f" {item!r} is not a transformation (obj_idx, attr, val)"
    if _step_code(item) != UNREADABLE:
        return None
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < N_OBJECTS:
        return f": index {index!r} is not 0 to {N_OBJECTS - 1}"
    if not isinstance(attribute, str) or attribute not in VALUES:
        return f": {attribute!r} is not an attribute{nearest(attribute, VALUES)}"
    return f": {value!r} is not a {attribute}{nearest(value, VALUES[attribute])}"
