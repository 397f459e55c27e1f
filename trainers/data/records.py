"""An item of a TVR data set, and how TRANCE writes it: ``data.jsonl``, one line an item.

The form is that of hughplay/TVR's slim records, with the three keys of its renderable records that an image
needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.tvr.codec import decode_scene, encode_scene
from benchmarks.tvr.world import N_OBJECTS, PAIR_CODE, PAIRS
from parsers.values import Transformation
from rewards.errors import DataError
from trainers.data.cameras import CAMERA_NAMES, LAMP_NAMES, VIEW_LETTERS, VIEWS, Stage, nominal_stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.tvr.world import State
    from trainers.data.bodies import Floats

NEAREST_CAMERA: Final = 6.0  # along the ground, world units; visible objects reach 5.2


class Change(NamedTuple):
    """One transformation.

    Attributes:
        obj_idx: the object, 0-based.
        pair: code into `PAIRS`.
        move: inner, out, in; None where it is no move.
        options: all values that answer it: moves that end out of the picture cannot be told apart.
    """

    obj_idx: int
    pair: int
    move: str | None
    options: tuple[Any, ...]


class Scene(NamedTuple):
    """One item of a data set.

    Attributes:
        idx: number of the item.
        initial: ten objects before the changes.
        final: the same objects after them.
        changes: the changes in order.
        rotations: ``(10,)`` radians about the vertical; they never change.
        stage: cameras and lamps, the same before and after.
    """

    idx: int
    initial: State
    final: State
    changes: tuple[Change, ...]
    rotations: Floats
    stage: Stage


def targets(scene: Scene) -> list[Transformation]:
    """Return the answer: the changes as ``2.color.cyan``, moves as ``2.position.front-left.2``."""
    return [Transformation(change.obj_idx, *PAIRS[change.pair]) for change in scene.changes]


def image_name(index: int, view: str, *, final: bool) -> str:
    """Return the file name that TRANCE gives an image.

    >>> image_name(7, "left", final=True)
    'img_000007-fin.L.png'
    """
    return f"img_{index:06d}-{'fin' if final else 'init'}.{VIEW_LETTERS[view]}.png"


def to_record(scene: Scene, views: Sequence[str] = VIEWS, *, images: bool = True) -> dict[str, Any]:
    """Return a scene in TRANCE's slim form.

    ``rotation``, ``cameras`` and ``lamps``, which upstream writes in its renderable form only, are added:
    they are what an image can be made from again.

    Args:
        scene: any scene.
        views: of the final images; the initial one is always the centre's.
        images: whether there are images to be named.
    """

    def state(objects: State, seen: Sequence[str], *, final: bool) -> dict[str, Any]:
        turned = zip(decode_scene(objects), scene.rotations.tolist(), strict=True)
        names = {CAMERA_NAMES[view]: image_name(scene.idx, view, final=final) for view in seen if images}
        return {"objects": [item | {"rotation": angle} for item, angle in turned], "images": names}

    return {
        "idx": scene.idx,
        "states": [
            state(scene.initial, ("center",), final=False),
            state(scene.final, views, final=True),
        ],
        "transformations": [_transformation(change) for change in scene.changes],
        "cameras": dict(zip(CAMERA_NAMES.values(), scene.stage.cameras.tolist(), strict=True)),
        "lamps": dict(zip(LAMP_NAMES, scene.stage.lamps.tolist(), strict=True)),
    }


def _transformation(change: Change) -> dict[str, Any]:
    attribute, value = PAIRS[change.pair]
    written: Any = value
    if attribute == "position":
        direction, step = value.rsplit(".", 1)
        written = [direction, int(step)]
    record = {
        "obj_idx": change.obj_idx,
        "attr": attribute,
        "val": written,
        "options": _listed(change.options),
    }
    return record if change.move is None else record | {"type": change.move}


def _listed(options: Sequence[Any]) -> list[Any]:
    return [list(option) if isinstance(option, tuple) else option for option in options]


def from_record(record: Mapping[str, Any]) -> Scene:
    """Read a record of TRANCE, slim or renderable. What an image needs and the record lacks is nominal.

    Raises:
        DataError: the record does not have this form; whether it keeps TRANCE's rules is not tested here.
    """
    try:
        states, written = record["states"], record["transformations"]
        before, final = states[0]["objects"], states[-1]["objects"]
        index = int(record["idx"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"no record of TRANCE (idx, states[].objects, transformations): {error!r}") from None
    initial = encode_scene(before)
    changes = tuple(_read_change(item, f"transformations[{k}]") for k, item in enumerate(written))
    return Scene(index, initial, encode_scene(final), changes, _read_rotations(before), _read_stage(record))


def _read_change(item: Any, where: str) -> Change:
    try:
        attribute, value = item["attr"], item["val"]
        name = f"{value[0]}.{value[1]}" if attribute == "position" else value
        index, pair = item["obj_idx"], PAIR_CODE[attribute, name]
        options = tuple(tuple(o) if isinstance(o, list) else o for o in item.get("options", [value]))
    except (KeyError, IndexError, TypeError) as error:
        raise DataError(f"{where} is not a change of this world: {error!r}") from None
    if not isinstance(index, int) or not 0 <= index < N_OBJECTS:
        raise DataError(f"{where}.obj_idx {index!r} is not one of 0 to {N_OBJECTS - 1}")
    return Change(index, pair, item.get("type"), options)


def _read_rotations(objects: Sequence[Mapping[str, Any]]) -> Floats:
    rotations = np.zeros(N_OBJECTS)
    rotations[: len(objects)] = [float(item.get("rotation", 0.0)) for item in objects]
    return rotations


def _read_stage(record: Mapping[str, Any]) -> Stage:
    nominal = nominal_stage()
    try:
        cameras = (
            [record["cameras"][name] for name in CAMERA_NAMES.values()] if "cameras" in record else nominal.cameras
        )
        lamps = [record["lamps"][name] for name in LAMP_NAMES] if "lamps" in record else nominal.lamps
        stage = Stage(np.array(cameras, dtype=np.float64), np.array(lamps, dtype=np.float64))
        fits = stage.cameras.shape == stage.lamps.shape == (3, 3)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"cameras and lamps are not three places each: {error!r}") from None
    if not fits or not (np.isfinite(stage.cameras).all() and np.isfinite(stage.lamps).all()):
        raise DataError("cameras and lamps are not three places of three numbers each")
    if np.hypot(*stage.cameras[:, :2].T).min() < NEAREST_CAMERA:
        raise DataError(f"a camera stands nearer than {NEAREST_CAMERA} to the middle, among the objects")
    return stage
