"""Training rows of the TVR task: prompt, target and reference labels, a row for each final view."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.tvr.codec import decode_scene
from benchmarks.tvr.world import ATTRIBUTES, VALUES
from trainers.data.bodies import bodies_of
from trainers.data.cameras import VIEWS, frame_at, project
from trainers.data.layout import IMAGES
from trainers.data.records import image_name, targets
from trainers.data.relations import placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.values import Relation
    from trainers.data.records import Scene

PROMPT: Final = "tvr.v1"
MOVES_PROMPT: Final = "tvr-moves.v1"
_EXAMPLES: Final = {
    "color": "2.color.cyan",
    "shape": "2.shape.sphere",
    "size": "5.size.large",
    "material": "7.material.metal",
    "position": "4.position.front-left.2",
}


@lru_cache
def prompt_template(name: str) -> str:
    """Return a prompt file of ``trainers/data/prompts`` by its versioned name, e.g. ``tvr.v1``."""
    return (files("trainers.data") / "prompts" / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")


def tvr_prompt(scene: Scene, attributes: Sequence[str] = ATTRIBUTES, *, size: tuple[int, int] = (128, 128)) -> str:
    """Return the question about a scene; it is the same for every final view, which it does not tell.

    Args:
        scene: any scene.
        attributes: those that may change in the data set, not those that do change here.
        size: width and height of the images, which decide where an object's centre is in percent.
    """
    moves = "position" in attributes
    template = prompt_template(MOVES_PROMPT if moves else PROMPT)
    named = [name for name in attributes if name != "position"]
    values = [f"- {name}: {', '.join(VALUES[name])}" for name in named]
    if moves:
        values.append("- position: direction.steps")
    return template.format(
        objects="\n".join(_object_lines(scene, size, hidden=moves)),
        values="\n".join(values),
        example=", ".join([_EXAMPLES[name] for name in attributes][:2]),
    )


def _object_lines(scene: Scene, size: tuple[int, int], *, hidden: bool) -> list[str]:
    """List the objects of the initial picture and, where they can move in, those outside."""
    bodies = bodies_of(scene.initial, scene.rotations)
    centers = np.stack([bodies.x, bodies.y, bodies.half], axis=-1)
    pixels, _ = project(centers, frame_at(scene.stage.cameras[0]), *size)
    percent = np.rint(100 * pixels / size).astype(int)
    lines = []
    for index, item in enumerate(decode_scene(scene.initial)):
        place = "outside"
        if bodies.shown[index]:
            place = f"at ({percent[index, 0]}, {percent[index, 1]})"
        elif not hidden:
            continue
        lines.append(f"{index}: {item['size']} {item['color']} {item['material']} {item['shape']}, {place}")
    return lines


def tvr_rows(
    scene: Scene,
    views: Sequence[str] = VIEWS,
    *,
    attributes: Sequence[str] = ATTRIBUTES,
    size: tuple[int, int] = (128, 128),
) -> list[dict[str, Any]]:
    """Return one row for each final view.

    ``target`` is the canonical answer. ``relations`` holds for each of the two images the triplets ``[object 1,
    object 2, relation]`` that place the changed objects, ``references`` the names in them: the columns that
    `rewards.reference_reward` reads. ``n_visible`` counts the objects of the initial picture.
    ``images_file_names`` are what Hugging Face's ``imagefolder`` loads as ``images``.
    """
    changed = sorted({change.obj_idx for change in scene.changes})
    initial, final = bodies_of(scene.initial, scene.rotations), bodies_of(scene.final, scene.rotations)
    before = placed(initial, changed, scene.stage.cameras[0])
    common = {
        "task": "trance" if "position" in attributes else "tvr",
        "idx": scene.idx,
        "n_visible": int(initial.shown.sum()),
        "prompt": tvr_prompt(scene, attributes, size=size),
        "target": ", ".join(map(str, targets(scene))),
    }
    rows = []
    for view in views:
        relations = [before, placed(final, changed, scene.stage.cameras[VIEWS.index(view)])]
        names = (image_name(scene.idx, "center", final=False), image_name(scene.idx, view, final=True))
        rows.append(
            {"images_file_names": [f"{IMAGES}/{name}" for name in names]}
            | {"id": f"tvr-{scene.idx}-{view}"}
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
