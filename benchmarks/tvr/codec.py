"""TRANCE's records -> the arrays of `benchmarks.tvr.world`, and back."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import chain, product
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.tvr.world import ABSENT, ATTRIBUTES, GRID_UNIT, N_OBJECTS, PARKED, POSITION, VALUES, State
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_FAR: Final = 10**6  # no coordinate of a record reaches this; absent objects stand there
_NAMES: Final = itemgetter(*ATTRIBUTES)
_KINDS: Final = list(product(*(range(len(VALUES[name])) for name in ATTRIBUTES)))
_KIND_CODE: Final = {
    tuple(VALUES[name][code] for name, code in zip(ATTRIBUTES, kind, strict=True)): number
    for number, kind in enumerate(_KINDS)
}
_KIND_COLUMNS: Final = np.array([*_KINDS, (ABSENT,) * POSITION], dtype=np.int8)  # the last row: no object


def encode_scene(objects: Sequence[Mapping[str, Any]]) -> State:
    """Encode one scene, see `encode_scenes`; arrays have the shapes ``(10, 4)`` and ``(10, 2)``."""
    batch = encode_scenes([objects])
    return State(batch.attributes[0], batch.positions[0])


def encode_scenes(
    scenes: Sequence[Sequence[Mapping[str, Any]]], *, where: str = "scene {row}: objects"
) -> State:
    """Encode scenes as TRANCE writes them: lists of objects ``{color, shape, size, material, position}``.

    Args:
        scenes: 1 to 10 objects each; a shorter scene is filled with absent ones.
        where: how an error names the list, with ``{row}`` for the place of the scene in ``scenes``.

    Raises:
        DataError: an unknown value, a position that is not two integers, no or too many objects.
    """
    try:
        sizes = [len(scene) for scene in scenes]
        flat = list(chain.from_iterable(scenes))
        kinds = [_KIND_CODE[names] for names in map(_NAMES, flat)]
        places = [item["position"] for item in flat]
        numbers = np.array(places).reshape(-1, 2)  # ragged or foreign: an error here
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        raise _wrong(scenes, where) from None
    counts = np.array(sizes, dtype=np.int64)
    right = (
        numbers.dtype.kind in "biuf" and len(numbers) == len(flat) and bool((np.abs(numbers) < _FAR).all())
    )
    if not right or (numbers != np.rint(numbers)).any() or ((counts < 1) | (counts > N_OBJECTS)).any():
        raise _wrong(scenes, where)
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


def _wrong(scenes: Iterable[Any], where: str) -> DataError:
    """Find the first fault of scenes that could not be encoded. Slow; runs once, before the error."""
    for row, scene in enumerate(scenes):
        name = where.format(row=row)
        if isinstance(scene, str) or not hasattr(scene, "__len__") or not 1 <= len(scene) <= N_OBJECTS:
            return DataError(f"{name} is not a list of 1 to {N_OBJECTS} objects")
        for place, item in enumerate(scene):
            fault = _object_fault(item)
            if fault is not None:
                return DataError(f"{name}[{place}]{fault}")
    return DataError(f"{where.format(row='?')}: not a list of scenes")


def _object_fault(item: Any) -> str | None:
    try:
        values = {name: item[name] for name in ATTRIBUTES}
        position = item["position"]
    except (KeyError, TypeError):
        return f" is not an object with the keys {', '.join(ATTRIBUTES)}, position"
    for name, value in values.items():
        if value not in VALUES[name]:
            near = get_close_matches(str(value), VALUES[name], 1)
            hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(VALUES[name])}"
            return f".{name} {value!r} is not a {name} ({hint})"
    if isinstance(position, str) or not hasattr(position, "__len__") or len(position) != len("xy"):
        right = False
    else:
        right = all(map(_is_coordinate, position))
    return None if right else f".position {position!r} is not two integers (grid units of {GRID_UNIT})"


def _is_coordinate(number: Any) -> bool:
    a_number = isinstance(number, (int, float, np.number))
    return a_number and bool(-_FAR < number < _FAR and number == round(number))
