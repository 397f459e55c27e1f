"""How generated scenes stand in files: a line of ``data.jsonl`` each, and the training rows of ``metadata.jsonl``.

The record of a TVR scene is that of hughplay/TVR's slim records, with the three keys of its renderable records that an
image needs. The record of a multi-view scene is this project's own. Beside them lie ``image/`` and ``metadata.jsonl``,
which make the same folder one that Hugging Face's ``imagefolder`` loads.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StrictInt,
    ValidationError,
    model_validator,
)

from benchmarks.tvr.codec import decode_scene, encode_scene, encode_scenes
from benchmarks.tvr.world import ATTRIBUTES, CAMERA_NAMES, N_OBJECTS, PAIR_CODE, PAIRS, VIEWS, State
from rewards.errors import DataError
from trainers.scenes.cameras import LAMP_NAMES, VIEW_LETTERS, Stage, nominal_stage
from trainers.scenes.multiview import QUARTERS, MultiviewScene, seen_in, view_relations
from trainers.scenes.multiview_maps import asked_of_map, map_of_scene
from trainers.scenes.multiview_questions import Question  # noqa: TC001  pydantic reads it
from trainers.scenes.prompts import multiview_prompt, tvr_prompt
from trainers.scenes.solids import Sight, bodies_of, placed
from trainers.scenes.tvr import Change, Scene, targets
from trainers.validation import first_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from parsers.types import Relation

DATA: Final = "data.jsonl"
IMAGES: Final = "image"
NEAREST_CAMERA: Final = 6.0  # along the ground, world units; visible objects reach 5.2


def read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any] | DataError]]:
    """Yield ``file:line`` and the record of each line of a JSONL file, or what is wrong with that line.

    Raises:
        DataError: the file cannot be opened.
    """
    try:
        handle = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    with handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield where, DataError(f"{where}: no JSON: {error}")
                continue
            whole = isinstance(record, dict)
            yield where, record if whole else DataError(f"{where}: a list or value, not a record")


# A TVR scene as a line of data.jsonl


def image_name(index: int, view: str, *, final: bool) -> str:
    """Return the file name that TRANCE gives an image.

    >>> image_name(7, "left", final=True)
    'img_000007-fin.L.png'
    """
    return f"img_{index:06d}-{'fin' if final else 'init'}.{VIEW_LETTERS[view]}.png"


def tvr_record(scene: Scene, views: Sequence[str] = VIEWS, *, images: bool = True) -> dict[str, Any]:
    """Return a scene in TRANCE's slim form.

    ``rotation``, ``cameras`` and ``lamps``, which upstream writes in its renderable form only, are added:
    they are what an image can be made from again.

    Args:
        scene: any scene.
        views: of the final images; the initial one is always the center's.
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
    options = [list(option) if isinstance(option, tuple) else option for option in change.options]
    record = {"obj_idx": change.obj_idx, "attr": attribute, "val": written, "options": options}
    return record if change.move is None else record | {"type": change.move}


def _has_all(*names: str) -> AfterValidator:
    """Refuse a mapping that lacks one of some keys; more are allowed."""

    def check(places: dict[str, Any]) -> dict[str, Any]:
        missing = [name for name in names if name not in places]
        if missing:
            raise ValueError(f"there is no {missing[0]}")
        return places

    return AfterValidator(check)


_Place = tuple[FiniteFloat, FiniteFloat, FiniteFloat]  # x, y, z in world units
_Cameras = Annotated[dict[str, _Place], _has_all(*CAMERA_NAMES.values())]
_Lamps = Annotated[dict[str, _Place], _has_all(*LAMP_NAMES)]


def _is_value(value: Any) -> str | tuple[str, int]:
    match value:
        case str():
            return value
        case [str(direction), int(steps)]:
            return direction, steps
    raise ValueError(f"should be a value, or [direction, steps] of a move, not {value!r:.60}")


_Value = Annotated[Any, AfterValidator(_is_value)]


class _TvrObject(BaseModel):
    rotation: FiniteFloat = 0.0  # the rest of an object is read by `benchmarks.tvr.codec`


class _MultiviewObject(BaseModel):
    rotation: FiniteFloat


class _StateRecord(BaseModel):
    objects: list[_TvrObject]


class _ChangeRecord(BaseModel):
    obj_idx: Annotated[StrictInt, Field(ge=0, lt=N_OBJECTS)]
    attr: str
    val: _Value
    options: list[_Value] | None = None
    type: str | None = None

    def pair(self) -> tuple[str, str]:
        return self.attr, self.val if isinstance(self.val, str) else f"{self.val[0]}.{self.val[1]}"

    @model_validator(mode="after")
    def _in_this_world(self) -> Self:
        if self.pair() not in PAIR_CODE or isinstance(self.val, str) != (self.attr in ATTRIBUTES):
            raise ValueError(f"{self.attr} {self.val!r} is not a change of this world")
        return self


class _TvrRecord(BaseModel):
    idx: int
    states: Annotated[list[_StateRecord], Field(min_length=1)]
    transformations: list[_ChangeRecord]
    cameras: _Cameras | None = None
    lamps: _Lamps | None = None


def read_tvr_record(record: Mapping[str, Any]) -> Scene:
    """Read a record of TRANCE, slim or renderable. What an image needs and the record lacks is nominal.

    Raises:
        DataError: the record does not have this form, with the key; whether it keeps TRANCE's rules is not tested here.
    """
    try:
        read = _TvrRecord.model_validate(record)
    except ValidationError as error:
        raise DataError(f"no record of TRANCE: {first_fault(error)}") from None
    ends = (0, len(read.states) - 1)
    try:
        both = encode_scenes([record["states"][number]["objects"] for number in ends])
    except DataError as error:
        raise DataError(f"states[{ends[error.row or 0]}].{error.message}") from None
    initial, final = (State(*parts) for parts in zip(*both, strict=True))
    rotations = np.zeros(N_OBJECTS)
    rotations[: len(read.states[0].objects)] = [item.rotation for item in read.states[0].objects]
    changes = tuple(
        Change(
            change.obj_idx,
            PAIR_CODE[change.pair()],
            change.type,
            tuple([change.val] if change.options is None else change.options),
        )
        for change in read.transformations
    )
    return Scene(read.idx, initial, final, changes, rotations, _read_stage(read))


def _read_stage(read: _TvrRecord) -> Stage:
    cameras, lamps = nominal_stage()
    if read.cameras is not None:
        cameras = np.array([read.cameras[name] for name in CAMERA_NAMES.values()])
    if read.lamps is not None:
        lamps = np.array([read.lamps[name] for name in LAMP_NAMES])
    if np.hypot(*cameras[:, :2].T).min() < NEAREST_CAMERA:
        raise DataError(f"a camera stands nearer than {NEAREST_CAMERA} to the middle, among the objects")
    return Stage(cameras, lamps)


# A multi-view scene and its question as a line of data.jsonl


def view_image_name(index: int, view: int) -> str:
    """Return the file name of an image, views counted from 0.

    >>> view_image_name(7, 0)
    'img_000007-view1.png'
    """
    return f"img_{index:06d}-view{view + 1}.png"


def multiview_record(index: int, scene: MultiviewScene, question: Question, *, images: bool = True) -> dict[str, Any]:
    """Return a scene and its question as one line of ``data.jsonl``; everything that the images are made from."""
    turned = zip(decode_scene(scene.state), scene.rotations.tolist(), strict=False)
    return {
        "idx": index,
        "task": "multiview",
        "objects": [item | {"rotation": angle} for item, angle in turned],
        "names": list(scene.names),
        "slots": list(scene.slots),
        "quarters": list(scene.quarters),
        "cameras": scene.stage.cameras.tolist(),
        "lamps": dict(zip(LAMP_NAMES, scene.stage.lamps.tolist(), strict=True)),
        "images": [view_image_name(index, view) for view in range(len(scene.quarters))] if images else [],
        "question": question._asdict(),
    }


_Quarter = Annotated[StrictInt, Field(ge=0, lt=QUARTERS)]


class _MultiviewRecord(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    idx: StrictInt
    objects: list[_MultiviewObject]
    names: tuple[str, ...]
    slots: tuple[_Quarter | None, ...]
    quarters: tuple[_Quarter, ...]
    cameras: list[_Place]
    lamps: _Lamps
    question: Question

    @model_validator(mode="after")
    def _equally_many(self) -> Self:
        if not len(self.names) == len(self.slots) == len(self.objects) or len(self.cameras) != len(self.quarters):
            raise ValueError("objects, names and slots, or cameras and quarters, are not equally many")
        return self


def read_multiview_record(record: Mapping[str, Any]) -> tuple[MultiviewScene, Question]:
    """Read a line of ``data.jsonl``: the inverse of `multiview_record`.

    Raises:
        DataError: it is no such line, with the key.
    """
    try:
        read = _MultiviewRecord.model_validate(record)
    except ValidationError as error:
        raise DataError(f"no record of a multi-view question: {first_fault(error)}") from None
    state = encode_scene(record["objects"])
    rotations = np.zeros(N_OBJECTS)
    rotations[: len(read.objects)] = [item.rotation for item in read.objects]
    stage = Stage(np.array(read.cameras), np.array([read.lamps[name] for name in LAMP_NAMES]))
    return MultiviewScene(state, rotations, stage, read.names, read.slots, read.quarters), read.question


# Training rows


def tvr_rows(
    scene: Scene,
    views: Sequence[str] = VIEWS,
    *,
    attributes: Sequence[str] = ATTRIBUTES,
    size: tuple[int, int] = (128, 128),
    seen: tuple[Sight, Sight] | None = None,
) -> list[dict[str, Any]]:
    """Return one row for each final view; see `trainers.data.training_rows`.

    ``target`` is the canonical answer. ``relations`` holds for each of the two images the triplets ``[object 1,
    object 2, relation]`` that place the changed objects among those that are well seen, ``references`` the names in
    them: the columns that `rewards.reference_reward` reads. ``scene`` is the same for the views of one scene, which
    have one prompt. ``n_visible`` counts the objects of the initial image.
    ``images_file_names`` are what Hugging Face's ``imagefolder`` loads as ``images``. *seen* is what the scene's
    cameras see before and after the changes, where `generate_seen` has told it.
    """
    changed = sorted({change.obj_idx for change in scene.changes})
    initial, final = seen or (
        Sight(bodies_of(state, scene.rotations), scene.stage.cameras) for state in (scene.initial, scene.final)
    )
    before = placed(initial, changed)
    common = {
        "task": "trance" if "position" in attributes else "tvr",
        "idx": scene.idx,
        "n_visible": int(initial.bodies.shown.sum()),
        "prompt": tvr_prompt(scene, attributes, size=size),
        "target": ", ".join(map(str, targets(scene))),
    }
    rows = []
    for view in views:
        relations = [before, placed(final, changed, VIEWS.index(view))]
        names = (image_name(scene.idx, "center", final=False), image_name(scene.idx, view, final=True))
        rows.append(
            {"images_file_names": [f"{IMAGES}/{name}" for name in names]}
            | {"id": f"tvr-{scene.idx}-{view}", "scene": f"tvr-{scene.idx}"}
            | common
            | {
                "view": view,
                "references": [_names(triplets) for triplets in relations],
                "relations": [[list(triplet) for triplet in triplets] for triplets in relations],
            }
        )
    return rows


def _names(triplets: Sequence[Relation]) -> list[str]:
    return list(dict.fromkeys(name for triplet in triplets for name in (triplet.subject, triplet.object)))


def map_row(task: str, index: int, scene: MultiviewScene) -> dict[str, Any]:
    """Return the training row of a scene's map, or of the camera's way; see `trainers.data.training_rows`."""
    views = range(len(scene.quarters))
    return {
        "images_file_names": [f"{IMAGES}/{view_image_name(index, view)}" for view in views],
        "id": f"{task}-{index}",
        "idx": index,
        "category": f"{len(views)} views",
        "scene": f"ring-{index}",
        **asked_of_map(task, map_of_scene(scene)),
    }


def multiview_row(index: int, scene: MultiviewScene, question: Question) -> dict[str, Any]:
    """Return the training row of a question; see `trainers.data.training_rows`."""
    views = range(len(scene.quarters))
    return {
        "images_file_names": [f"{IMAGES}/{view_image_name(index, view)}" for view in views],
        "id": f"ring-{index}",
        "idx": index,
        "task": "multiview",
        "category": question.kind,
        "scene": f"ring-{index}",
        "question": question.text,
        "prompt": multiview_prompt(question.text, len(views)),
        "target": question.answer,
        "options": None if question.options is None else list(question.options),
        "references": [[scene.names[thing] for thing in seen_in(scene, view)] for view in views],
        "relations": [[list(triplet) for triplet in view_relations(scene, view)] for view in views],
    }
