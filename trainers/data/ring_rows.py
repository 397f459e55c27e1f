"""Ring scenes as files: their record, their training row, their images."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.tvr.codec import decode_scene, encode_scene
from benchmarks.tvr.world import N_OBJECTS
from rewards.errors import ConfigError, DataError
from trainers.data.bodies import Bodies
from trainers.data.cameras import LAMP_NAMES, Stage
from trainers.data.prepared_rows import multiview_prompt
from trainers.data.render import BACKENDS, width_height
from trainers.data.ring_questions import Question
from trainers.data.ring_scenes import RingScene, seen_in, view_relations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainers.data.render import Image, Size
    from trainers.data.training_rows import Row


def view_image_name(index: int, view: int) -> str:
    """Return the file name of an image, views counted from 0.

    >>> view_image_name(7, 0)
    'img_000007-view1.png'
    """
    return f"img_{index:06d}-view{view + 1}.png"


def ring_row(index: int, scene: RingScene, question: Question) -> Row:
    """Return the training row of a question; see `trainers.data.training_rows`."""
    views = range(len(scene.quarters))
    return {
        "images_file_names": [f"image/{view_image_name(index, view)}" for view in views],
        "id": f"ring-{index}",
        "idx": index,
        "task": "multiview",
        "category": question.kind,
        "group": str(index),
        "question": question.text,
        "prompt": multiview_prompt(question.text, len(views)),
        "target": question.answer,
        "options": None if question.options is None else list(question.options),
        "references": [[scene.names[thing] for thing in seen_in(scene, view)] for view in views],
        "relations": [[list(triplet) for triplet in view_relations(scene, view)] for view in views],
    }


def ring_record(index: int, scene: RingScene, question: Question, *, images: bool = True) -> dict[str, Any]:
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


def read_ring_record(record: Mapping[str, Any], where: str) -> tuple[RingScene, Question]:
    """Read a line of ``data.jsonl``: the inverse of `ring_record`.

    Raises:
        DataError: it is no such line.
    """
    try:
        asked = record["question"]
        lists = {name: tuple(asked[name]) for name in ("options", "objects") if asked[name] is not None}
        question = Question(**{**asked, **lists})
        rotations = np.zeros(N_OBJECTS)
        rotations[: len(record["objects"])] = [item["rotation"] for item in record["objects"]]
        lamps = [record["lamps"][name] for name in LAMP_NAMES]
        stage = Stage(np.array(record["cameras"], dtype=np.float64), np.array(lamps, dtype=np.float64))
        parts = (tuple(record[name]) for name in ("names", "slots", "quarters"))
        scene = RingScene(encode_scene(record["objects"]), rotations, stage, *parts)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{where}: no record of a multi-view question: {error!r}") from None
    if not len(scene.names) == len(scene.slots) == len(record["objects"]) or len(stage.cameras) != len(scene.quarters):
        raise DataError(f"{where}: objects, names and slots, or cameras and quarters, are not equally many")
    return scene, question


def draw_views(scene: RingScene, size: Size, backend: str = "raycast") -> list[Image]:
    """Draw all images of a scene; see `trainers.data.render.render`."""
    width, height = width_height(size)
    bodies = scene.bodies()
    if backend == "raycast":
        return _raycast(scene, bodies, width, height)
    if backend != "mitsuba":
        raise ConfigError(f"backend {backend!r} is not one of {', '.join(BACKENDS)}")
    from trainers.data.mitsuba_render import mitsuba_picture

    digest = hashlib.sha256()
    for part in (*scene.state, scene.rotations, *scene.stage):
        digest.update(np.ascontiguousarray(part).tobytes())
    seed = int.from_bytes(digest.digest()[:4], "little")
    return [
        mitsuba_picture(bodies, scene.stage, view, (width, height), seed ^ view, all_round=True)
        for view in range(len(scene.quarters))
    ]


def _raycast(scene: RingScene, bodies: Bodies, width: int, height: int) -> list[Image]:
    try:
        import torch
    except ImportError:
        raise ConfigError("the backend 'raycast' needs torch: pip install 'star-r1[train]'") from None
    from trainers.data.raycast import raycast
    from trainers.data.solids import solids_of

    views = len(scene.quarters)
    every: list[Any] = [np.stack([field] * views) for field in bodies]
    with torch.no_grad():
        solids = solids_of(Bodies(*every), scene.stage.cameras, np.stack([scene.stage.lamps] * views))
        return list(raycast(solids, width, height).numpy())
