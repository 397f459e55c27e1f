"""What ``cogmap`` and ``trajectory`` ask of a scene and its views: the map from above, and the camera's way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.tvr.world import GRID_UNIT
from parsers.cognitive_map import FACINGS, CognitiveMap, Thing, map_json
from rewards.maps import turned
from rewards.tasks import load_task
from rewards.tasks.prompt_template import fill_prompt
from trainers.scenes.cameras import frame_at
from trainers.scenes.multiview import QUARTERS

if TYPE_CHECKING:
    from trainers.scenes.multiview import MultiviewScene

_MIDDLE = 4.5  # of a grid of ten cells, counted from 0
_CELLS = 0.75  # to a world unit; the farthest things stand 5.9 from the middle
_DECIMALS = 1  # of a cell: in whole ones the pair in the middle would lie diagonally


def map_of_scene(scene: MultiviewScene) -> CognitiveMap:
    """Return a scene from above, the middle in the middle; up is where the camera of the first view looks."""
    first = frame_at(scene.stage.cameras[0])

    def thing(place: Any, facing: int | None = None) -> Thing:
        across, ahead = float(place @ first.right[:2]), float(place @ first.forward[:2])
        unit = np.hypot(*first.forward[:2])  # the camera also looks down
        return Thing(
            round(_MIDDLE + _CELLS * across, _DECIMALS),
            round(_MIDDLE - _CELLS * ahead / float(unit), _DECIMALS),
            facing,
        )

    places = scene.state.positions[: len(scene.names)] * GRID_UNIT
    views = enumerate(zip(scene.stage.cameras, scene.quarters, strict=True), start=1)
    return CognitiveMap(
        {name: thing(place) for name, place in zip(scene.names, places, strict=True)},
        {  # quarters are counted the other way round than facings
            f"View {number}": thing(camera[:2], (scene.quarters[0] - quarter) % QUARTERS)
            for number, (camera, quarter) in views
        },
    )


def asked_of_map(task: str, true: CognitiveMap) -> dict[str, str]:
    """Return the columns ``task``, ``prompt`` and ``target`` of what ``cogmap`` or ``trajectory`` asks of a scene.

    >>> room = CognitiveMap({"sofa": Thing(2, 5)}, {"View 1": Thing(5, 9, 1), "View 2": Thing(0, 5, 0)})
    >>> asked_of_map("trajectory", room)["target"]
    'View 2: left'
    """
    if task == "cogmap":
        # In the order of the alphabet: MindCube lists objects as its layouts place them.
        columns = {"objects": ", ".join(sorted(true.objects)), "views": ", ".join(true.views)}
        target = map_json(true.objects, true.views)
    else:
        looks = [view.facing or 0 for view in turned(true, next(iter(true.views))).views.values()]
        steps = {f"View {number}": FACINGS[look] for number, look in enumerate(looks, start=1) if number > 1}
        columns = {"views": ", ".join(steps)}
        target = ", ".join(f"{view}: {facing}" for view, facing in steps.items())
    return {"task": task, "prompt": fill_prompt(load_task(task), columns), "target": target}
